"""Images as 8-bit integers."""

import numpy as np
import pytest
from PIL import Image

from sklearn_unsup.displays import to_uint8


def test_values_are_rounded_and_clipped():
    values = np.array([[-3.2, 0.4, 0.6], [127.5, 254.6, 999]], dtype=np.float32)
    found = to_uint8(values)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, [[0, 0, 1], [128, 255, 255]])
    assert to_uint8(np.array([np.inf, -np.inf])).tolist() == [255, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float16, np.float64])
def test_8_bit_values_of_any_dtype_stay_as_they_are(dtype):
    values = np.arange(256).reshape(4, 64)
    np.testing.assert_array_equal(to_uint8(values.astype(dtype)), values)


def test_limits_become_black_and_white():
    values = [[-1.0, 0.0, 1.0, 3.0]]
    np.testing.assert_array_equal(to_uint8(values, limits=(-1, 1)), [[0, 128, 255, 255]])
    assert to_uint8(np.array([0, 1], np.uint8), limits=(0, 1)).tolist() == [0, 255]


def test_the_input_is_not_changed():
    images = np.full((1, 2, 2), 7, dtype=np.uint8)
    to_uint8(images)[:] = 0
    assert (images == 7).all()


def test_pil_reads_what_it_refuses_as_floats(small, tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (40, 8, 8, 3), dtype=np.uint8)
    reconstructed = small(max_epochs=1).fit(images).reconstruct(images[:1])
    with pytest.raises(TypeError):
        Image.fromarray(reconstructed[0])
    picture = to_uint8(reconstructed)[0]
    Image.fromarray(picture).save(tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as saved:
        np.testing.assert_array_equal(np.asarray(saved), picture)
    assert np.abs(picture - np.clip(reconstructed[0], 0, 255)).max() <= 0.5


@pytest.mark.parametrize(
    ("images", "limits", "message"),
    [
        ([1.0], (1, 1), "smaller one first"),
        ([1.0], (255, 0), "smaller one first"),
        ([1.0], (0, np.inf), "two finite numbers"),
        ([np.nan], (0, 255), "hold NaN"),
    ],
)
def test_what_cannot_be_converted_is_an_error(images, limits, message):
    with pytest.raises(ValueError, match=message):
        to_uint8(images, limits)
