import numpy as np
import pytest
import torch

from sklearn_unsup.inference import apply_in_chunks
from sklearn_unsup.lazy_rows import LazyRows
from sklearn_unsup.training import split_batches
from sklearn_unsup.transfer import keep_on_device, to_device

CPU = torch.device("cpu")


@pytest.fixture
def rows():
    return np.random.RandomState(0).randint(0, 256, size=(1000, 12)).astype(np.uint8)


class Source:
    """Something with a shape, a dtype and slices."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, which):
        return self.array[which]


def groups(rows):
    for start in range(0, len(rows), 64):
        yield rows[start : start + 64], rows[start : start + 64, :1].astype(np.float64)


def check_groups(rows, device):
    expected = list(groups(rows))
    for n_rows in (None, 64):
        found = list(to_device(groups(rows), device, n_rows))
        assert len(found) == len(expected)
        for tensors, arrays in zip(found, expected, strict=True):
            for tensor, array in zip(tensors, arrays, strict=True):
                assert tensor.device.type == device.type
                values = tensor.cpu().numpy()
                assert values.dtype == (np.float32 if array.dtype == np.float64 else array.dtype)
                assert len(values) == (n_rows or len(array))
                np.testing.assert_array_equal(values[: len(array)], array)
                assert not values[len(array) :].any()


def test_groups_arrive_in_order_and_filled_up(rows):
    check_groups(rows, CPU)


def test_filled_up_rows_are_a_copy_of_read_only_ones(rows, recwarn):
    rows.setflags(write=False)
    ((tensor,),) = to_device([(rows,)], CPU, len(rows))
    tensor[:] = 0
    assert rows.any()
    assert not recwarn.list


def test_rows_stay_on_the_host_if_there_is_no_gpu(rows):
    assert keep_on_device(rows, CPU) is rows


@pytest.mark.gpu
def test_groups_arrive_on_a_gpu_in_order_and_filled_up(rows):
    check_groups(rows, torch.device("cuda"))


@pytest.mark.gpu
def test_what_fails_while_reading_is_raised():
    def fails():
        yield (np.zeros(3),)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk"):
        list(to_device(fails(), torch.device("cuda")))


@pytest.mark.gpu
@pytest.mark.parametrize("lazy", [False, True])
def test_rows_that_fit_stay_on_the_gpu(rows, lazy, monkeypatch):
    monkeypatch.setattr("sklearn_unsup.transfer.PIECE_BYTES", 5000)
    source = LazyRows(Source(rows)) if lazy else rows
    cuda, generator = torch.device("cuda"), torch.Generator().manual_seed(0)
    training, validation = split_batches(source, lambda x: x, 64, cuda, generator, 0.2)
    assert training.rows is validation.rows
    assert training.rows.dtype == torch.uint8
    seen = torch.cat([*training, *validation])
    assert seen.is_cuda
    assert sorted(map(tuple, seen.cpu().numpy())) == sorted(map(tuple, rows))


@pytest.mark.gpu
@pytest.mark.parametrize("lazy", [False, True])
def test_rows_that_do_not_fit_are_copied_batch_by_batch(rows, lazy, monkeypatch):
    monkeypatch.setattr("sklearn_unsup.transfer.RESIDENT_SHARE", 0)
    source = LazyRows(Source(rows)) if lazy else rows
    generator = torch.Generator().manual_seed(0)
    training, _ = split_batches(source, lambda x: x, 64, torch.device("cuda"), generator)
    seen = torch.cat(list(training))
    assert seen.is_cuda
    assert sorted(map(tuple, seen.cpu().numpy())) == sorted(map(tuple, rows))


@pytest.mark.gpu
def test_the_gpu_gives_what_the_cpu_gives_chunk_after_chunk(rows, monkeypatch):
    monkeypatch.setattr("sklearn_unsup.inference.CHUNKS_ELSEWHERE", (96, 2**26))

    def noise(chunk):
        return chunk[:, :1].astype(np.float32)

    def function(tensor, extra):
        return tensor * 2 + extra

    found = apply_in_chunks(function, rows, torch.device("cuda"), 12, noise)
    np.testing.assert_array_equal(found, apply_in_chunks(function, rows, CPU, 12, noise))
