import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from sklearn_unsup._data import check_rows, column_moments, standardisation, unit_range


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_moments_are_those_of_scikit_learn(dtype):
    X = (np.random.RandomState(0).uniform(size=(1300, 7)) * 255).astype(dtype)
    mean, variance = column_moments(X)
    scaler = StandardScaler().fit(X.astype(np.float64))
    np.testing.assert_allclose(mean, scaler.mean_)
    assert variance == pytest.approx(scaler.var_.mean())


def test_moments_do_not_cancel_far_from_zero():
    X = 1e8 + np.random.RandomState(0).normal(size=(2000, 3))
    assert column_moments(X)[1] == pytest.approx(X.var(axis=0).mean(), rel=1e-9)


def test_scaled_columns_have_mean_zero_and_mean_variance_one():
    X = np.random.RandomState(0).normal([5, -3, 100], [1, 10, 0.1], size=(500, 3))
    offset, scale = standardisation(X)
    scaled = (X - offset) / scale
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    assert scaled.var(axis=0).mean() == pytest.approx(1)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6, 1e-30])
def test_constant_data_have_scale_one(value):
    offset, scale = standardisation(np.full((9, 4), value))
    np.testing.assert_allclose(offset, value)
    assert scale == 1.0


def test_variation_that_float32_cannot_resolve_is_an_error():
    X = 1e9 + np.random.RandomState(0).normal(size=(50, 3))
    with pytest.raises(ValueError, match="float32 cannot resolve"):
        standardisation(X)


def test_unit_range_maps_onto_zero_and_one():
    X = np.random.RandomState(0).uniform(-3, 9, size=(50, 4))
    offset, scale = unit_range(X)
    scaled = (X - offset) / scale
    assert scaled.min() == pytest.approx(0)
    assert scaled.max() == pytest.approx(1)


@pytest.mark.parametrize("value", [1e38, -1e20])
def test_values_whose_squares_leave_float32_are_named(value):
    with pytest.raises(ValueError, match="float32, where squares overflow"):
        check_rows(np.array([[0.0, value]]))


def test_rows_are_checked_and_their_range_is_found():
    rows = np.zeros((30_000, 40), np.float32)  # several blocks
    assert check_rows(rows) == (0.0, 0.0, True)
    rows[-1, -1] = -0.5
    assert check_rows(rows) == (-0.5, 0.0, False)
    assert check_rows(np.array([[3, 250]], np.uint8)) == (3.0, 250.0, True)
    for value in (np.nan, np.inf):
        rows[20_000, 3] = value
        with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
            check_rows(rows)
