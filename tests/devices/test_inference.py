import logging

import numpy as np
import pytest
import torch

from sklearn_unsup._devices import _inference as inference
from sklearn_unsup._devices import apply_in_chunks

CPU = torch.device("cpu")


@pytest.mark.parametrize("n", [0, 1, 127, 128, 129, 400])
def test_every_row_is_mapped_and_none_is_padding(n):
    rows = np.random.RandomState(0).normal(size=(n, 3))
    outputs = apply_in_chunks(lambda tensor: tensor[:, :2] * 2, rows, CPU, 2)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, rows[:, :2] * 2, rtol=1e-6)


def test_the_function_always_sees_the_same_shape():
    shapes = set()

    def function(tensor):
        shapes.add((tuple(tensor.shape), tensor.dtype))
        return tensor

    for n in (1, 128, 200):
        apply_in_chunks(function, np.zeros((n, 3), dtype=np.uint8), CPU, 3)
    assert shapes == {((128, 3), torch.float32)}


def test_outputs_that_are_not_finite_are_an_error():
    with pytest.raises(ValueError, match="1 of 2 rows"):
        apply_in_chunks(torch.sqrt, np.array([[1.0], [-1.0]]), CPU, 1)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    ],
    ids=["cuda", "linux", "windows"],
)
def test_a_full_device_gets_smaller_chunks_and_a_line_in_the_log(caplog, error):
    def function(tensor):
        if len(tensor) > 20:
            raise error
        return tensor

    rows = np.random.RandomState(0).normal(size=(150, 3)).astype(np.float32)
    with caplog.at_level(logging.DEBUG, logger="sklearn_unsup"):
        np.testing.assert_array_equal(apply_in_chunks(function, rows, CPU, 3), rows)
    assert [record.args[1] for record in caplog.records] == [64, 32, 16]


def test_wide_rows_come_in_smaller_chunks(monkeypatch):
    monkeypatch.setitem(inference.CHUNKS, "cpu", (4096, 600, 1))
    sizes = []

    def widen(tensor):
        sizes.append(len(tensor))
        return tensor.repeat(1, 100)

    rows = np.arange(21, dtype=np.float32).reshape(7, 3)
    found = apply_in_chunks(widen, rows, CPU, 300)
    np.testing.assert_array_equal(found, np.tile(rows, 100))
    assert sizes == [2] * 4


def test_a_device_without_memory_for_one_row_is_an_error():
    def function(tensor):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError):
        apply_in_chunks(function, np.zeros((3, 3)), CPU, 3)
