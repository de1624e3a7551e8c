import warnings

import numpy as np
import pytest

from sklearn_unsup._data import warn_of_misreading, warn_of_other_range


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((30, 3072), r"3 x 32 x 32.*image_shape=\(3, 32, 32\) or \(32, 32, 3\)"),
        ((30, 2352), r"image_shape=\(3, 28, 28\)"),
        ((30, 192), r"image_shape=\(3, 8, 8\).*image_shape=\(1, 192\)"),
        ((30, 785), r"28 x 28 \+ 1 columns.*labels"),
        ((28, 28), r"one grey image, use X\[np.newaxis\]"),
        ((192, 192), r"one grey image, use X\[np.newaxis\]"),
        ((32, 32, 3), r"32 grey images of 32 x 3.*one colour image, use X\[np.newaxis\]"),
        ((480, 640, 4), r"one colour image, use X\[np.newaxis\].*channel_axis=-1"),
        ((3, 32, 30), r"3 grey images of 32 x 30.*one colour image, use X\[np.newaxis\]"),
        ((4, 8, 8), r"one colour image"),
        ((28, 28, 1), r"one grey image, use X\[np.newaxis\]"),
    ],
)
def test_what_is_read_as_something_else_is_said(shape, message):
    with pytest.warns(UserWarning, match=message):
        warn_of_misreading(shape[0], shape[1:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_misreading(shape[0], shape[1:], image_shape=shape[1:])
        warn_of_misreading(shape[0], shape[1:], channel_axis=-1)


@pytest.mark.parametrize(
    "shape",
    [
        (30, 784),
        (30, 4096),  # 4 x 32 x 32, and 64 x 64
        (30, 147),  # 3 x 7 x 7
        (30, 65),
        (30, 10),
        (10, 10),
        (1797, 64),
        (30, 8, 8),
        (5, 8, 3),
        (3, 7, 7),
        (3000, 100, 1),
        (2, 32, 32),
        (30, 3, 8, 8),
        (3, 32, 32, 3),
        (1, 64, 64),
    ],
)
def test_what_can_be_meant_is_not_warned_of(shape):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_misreading(shape[0], shape[1:])


def test_square_tables_with_names_are_tables():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_misreading(100, (100,), named=True)


def values(found, n_samples):
    """Return rows (n_samples, 64) whose values are spread over a range."""
    return np.linspace(*found[:2], 64 * n_samples).reshape(n_samples, 64)


def test_a_few_outliers_are_of_the_same_units():
    rows = values(UNIT, 100)
    rows[3, 5] = rows[7, 5] = 1000.0  # a column that was nearly constant, standardised
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_other_range((0.0, 1000.0, False), UNIT, rows)


BYTES, UNIT, STANDARD = (0.0, 255.0, True), (0.0, 1.0, False), (-2.0, 3.0, False)


@pytest.mark.parametrize(
    ("found", "fitted", "n_samples"),
    [
        (UNIT, BYTES, 50),
        (UNIT, BYTES, 1),
        (BYTES, UNIT, 50),
        (BYTES, UNIT, 1),
        (STANDARD, BYTES, 50),
        ((-3.0, 20.0, False), BYTES, 50),  # standardised, with pixels that are rarely lit
        (BYTES, STANDARD, 50),
        ((-1.0, 1.0, False), UNIT, 50),
        (UNIT, (0.0, 254.5, False), 50),
        ((0.0, 1.0, True), BYTES, 50),  # binary images
        ((0.0, 65535.0, True), BYTES, 50),
    ],
)
def test_other_units_than_in_fit_are_said(found, fitted, n_samples):
    with pytest.warns(UserWarning, match="X holds values from .* to .*fit.*scale X as in `fit`"):
        warn_of_other_range(found, fitted, values(found, n_samples))


@pytest.mark.parametrize(
    ("found", "fitted", "n_samples"),
    [
        (BYTES, BYTES, 50),
        ((0.0, 255.0, False), BYTES, 50),
        ((0.0, 0.0, True), BYTES, 50),
        ((0.5, 0.5, False), BYTES, 50),
        ((0.0, 4.0, True), BYTES, 1),  # a dark image
        ((0.0, 12.0, True), BYTES, 100),  # dark images
        ((0.0, 1.5, False), UNIT, 50),
        ((-20.0, 270.0, False), BYTES, 50),  # with noise
        ((-4.0, 5.0, False), STANDARD, 50),
        ((0.2, 0.3, False), UNIT, 1),
        (UNIT, (7.0, 7.0, True), 50),
        (UNIT, (0.0, 1e4, False), 50),  # an outlier in fit
    ],
)
def test_the_units_of_fit_are_not_warned_of(found, fitted, n_samples):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_other_range(found, fitted, values(found, n_samples))
