import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_unsup._data import (
    as_rows,
    channels_first,
    find_layout,
    resolve_layout,
    to_images,
    to_rows,
)

SIDE = st.integers(1, 9)


@st.composite
def layouts(draw):
    sides = draw(st.lists(SIDE, min_size=2, max_size=3))
    axis = draw(st.integers(-len(sides), len(sides) - 1))
    return resolve_layout(sides, None if len(sides) == 2 and draw(st.booleans()) else axis)


@given(layout=layouts(), n=st.integers(0, 5))
def test_rows_to_images_and_back_is_the_identity(layout, n):
    rows = np.arange(n * np.prod(layout[0])).reshape(n, -1 if n else np.prod(layout[0]))
    images = to_images(rows, layout)
    assert images.shape == (n, *channels_first(layout))
    np.testing.assert_array_equal(to_rows(images, layout), rows)


@given(layout=layouts(), n=st.integers(1, 3))
def test_tensors_are_arranged_as_arrays_are(layout, n):
    rows = np.arange(n * np.prod(layout[0])).reshape(n, -1)
    tensors = to_images(torch.from_numpy(rows), layout)
    np.testing.assert_array_equal(tensors.numpy(), to_images(rows, layout))
    np.testing.assert_array_equal(to_rows(tensors, layout).numpy(), rows)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_channels_are_moved_first_wherever_they_are(axis):
    image = np.arange(2 * 3 * 4).reshape(3, 2, 4)  # (C, H, W)
    moved = np.moveaxis(image, 0, axis)
    layout = resolve_layout(moved.shape, axis)
    np.testing.assert_array_equal(to_images(moved.reshape(1, -1), layout)[0], image)


@pytest.mark.parametrize(
    ("shape", "axis", "expected"),
    [
        ((28, 28), None, (1, 28, 28)),
        ((3, 32, 32), None, (3, 32, 32)),
        ((32, 30, 3), None, (3, 32, 30)),
        ((1, 1, 64), None, (1, 1, 64)),
        ((16, 20, 24), -1, (24, 16, 20)),
        ((5, 100), 0, (5, 1, 100)),
    ],
)
def test_the_channels_of_a_shape(shape, axis, expected):
    assert channels_first(resolve_layout(shape, axis)) == expected


@pytest.mark.parametrize(
    ("shape", "axis", "message"),
    [
        ((3, 8, 3), None, "Set channel_axis"),
        ((16, 16, 16), None, "Set channel_axis"),
        ((8, 8), 2, "channel_axis=2"),
        ((64,), None, "two or three sides"),
        ((0, 8), None, "at least 1"),
        ((8.0, 8), None, "two or three sides"),
    ],
)
def test_shapes_that_cannot_be_read_are_named(shape, axis, message):
    with pytest.raises(ValueError, match=message):
        resolve_layout(shape, axis)


def test_rows_without_a_shape_are_a_square_or_a_strip():
    assert channels_first(find_layout(64)) == (1, 8, 8)
    assert channels_first(find_layout(10)) == (1, 1, 10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_shape": (8, 9)}, "72 values, but X has 64 features"),
        ({"channel_axis": 0}, "needs image_shape"),
        ({"image_shape": (4, 16), "sample_shape": (8, 8)}, "images of shape"),
    ],
)
def test_layouts_that_do_not_fit_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        find_layout(64, **arguments)


def test_nd_arrays_become_rows_without_a_copy():
    X = np.zeros((5, 3, 4, 2))
    rows, sample_shape = as_rows(X)
    assert rows.shape == (5, 24)
    assert sample_shape == (3, 4, 2)
    assert np.shares_memory(rows, X)


def test_torch_tensors_and_nested_lists_become_rows():
    rows, _ = as_rows(torch.ones(2, 3, 4, requires_grad=True))
    np.testing.assert_array_equal(rows, np.ones((2, 12)))
    rows, _ = as_rows([[[1, 2], [3, 4]]])
    np.testing.assert_array_equal(rows, [[1, 2, 3, 4]])


def test_masked_values_and_too_many_axes_are_errors():
    with pytest.raises(ValueError, match="masked"):
        as_rows(np.ma.masked_equal(np.ones((2, 3)), 1))
    with pytest.raises(ValueError, match="5 axes"):
        as_rows(np.zeros((1, 2, 3, 4, 5)))
