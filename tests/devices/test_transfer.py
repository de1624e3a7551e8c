import numpy as np
import pytest
import torch

from sklearn_unsup._devices import keep_on_device, to_device

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
