"""Kinds of rows that are missing, among real ones with known classes."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sklearn_unsup.metrics import missing_share

X, Y = load_digits(return_X_y=True)


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


@pytest.mark.parametrize("digit", [0, 6])
def test_a_class_that_is_never_drawn_is_missing(digit, rng):
    order = rng.permutation(len(X))
    real, drawn = order[:600], order[600:]
    drawn = drawn[Y[drawn] != digit][:600]
    share = missing_share(X[real], X[drawn] + rng.normal(size=(600, 64)))
    assert 0.045 <= share <= (Y[real] == digit).mean() + 0.05


@pytest.mark.parametrize("n", [20, 150, 600])
@pytest.mark.parametrize("noise", [0, 1, 3])
def test_nothing_is_missing_if_all_classes_are_drawn(n, noise, rng):
    order = rng.permutation(len(X))
    drawn = X[order[-n:]] + noise * rng.normal(size=(n, 64))
    assert missing_share(X[order[:n]], drawn) == 0
    assert missing_share(X[order[:n]], 0.8 * drawn + 1) == 0  # all of them a little off


def test_parts_of_the_noise_of_one_kind_are_no_kinds(rng):
    """Clusters of noise: rows without it are all in the middle, and none is like the others."""
    centres = 5 * rng.normal(size=(4, 20))
    real = np.repeat(centres, 150, axis=0) + rng.normal(size=(600, 20))
    assert missing_share(real, np.repeat(centres, 150, axis=0) + 0.1) == 0
    assert missing_share(real, np.repeat(centres[:3], 200, axis=0) + 0.1) > 0.2


@pytest.mark.parametrize("n_features", [1, 5])
def test_rows_that_are_alike(n_features):
    constant = np.ones((100, n_features))
    assert missing_share(constant, constant + 1) == 0
    assert missing_share(np.eye(100, n_features), np.eye(100, n_features)) == 0


def test_more_clusters_find_a_smaller_kind(rng):
    real = rng.normal(size=(1000, 4))
    real[:60] += 8
    drawn = rng.normal(size=(1000, 4))
    assert missing_share(real, drawn, n_clusters=20) == pytest.approx(0.06, abs=0.01)
    assert missing_share(real, real, n_clusters=20) == 0
    with pytest.raises(ValueError, match="n_clusters == 1, must be >= 2"):
        missing_share(real, drawn, n_clusters=1)
