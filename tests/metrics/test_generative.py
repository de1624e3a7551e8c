"""Against closed forms, and against plain implementations that follow the papers word by word."""

import pickle

import numpy as np
import pytest
from scipy import linalg
from scipy.spatial.distance import cdist
from sklearn import config_context
from sklearn.decomposition import PCA

from sklearn_unsup.metrics import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
)

ALL = [frechet_distance, kernel_distance, precision_recall, density_coverage]


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(6, 6))
    return rng.normal(size=(300, 6)), rng.normal(size=(250, 6)) @ mixing * 0.5 + 0.3


@pytest.mark.parametrize("metric", ALL)
def test_pickles_find_a_metric_by_its_former_module(metric):
    content = f"csklearn_unsup.metrics._generative\n{metric.__name__}\n.".encode()
    assert pickle.loads(content) is metric


# Fréchet distance


def with_moments(mean, covariance, n=50, seed=0):
    """Rows whose mean and covariance are exactly the given ones."""
    rows = np.random.default_rng(seed).normal(size=(n, len(mean)))
    rows -= rows.mean(axis=0)
    rows = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T)).T)
    return rows @ np.linalg.cholesky(covariance).T + mean


def test_frechet_distance_of_gaussians_with_commuting_covariances():
    variances = np.array([1.0, 4.0, 9.0]), np.array([16.0, 1.0, 0.25])
    real, generated = (
        with_moments(np.full(3, float(i)), np.diag(v)) for i, v in enumerate(variances)
    )
    expected = 3 + np.sum((np.sqrt(variances[0]) - np.sqrt(variances[1])) ** 2)
    assert frechet_distance(real, generated) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_is_its_formula(pair):
    means, covariances = zip(*((X.mean(axis=0), np.cov(X.T)) for X in pair), strict=True)
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(sum(covariances) - 2 * root)
    assert frechet_distance(*pair) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_with_singular_covariances():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 3)) @ rng.normal(size=(3, 50))  # rank 3, more columns than rows
    assert frechet_distance(X, X) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(X, X + 2) == pytest.approx(200)
    constant = np.zeros((5, 50))
    variance = X.var(axis=0, ddof=1).sum()
    expected = np.sum(X.mean(axis=0) ** 2) + variance
    assert frechet_distance(X, constant) == pytest.approx(expected)


# Kernel distance


def test_kernel_distance_is_its_formula(pair):
    """Bińkowski et al. 2018, eq. 4, by loops."""

    def kernel(a, b):
        return (a @ b / 6 + 1) ** 3

    real, generated = (X[:40] for X in pair)
    m, n = len(real), len(generated)
    expected = sum(kernel(real[i], real[j]) for i in range(m) for j in range(m) if i != j)
    expected = expected / (m * (m - 1))
    within = sum(kernel(a, b) for i, a in enumerate(generated) for b in np.delete(generated, i, 0))
    expected += within / (n * (n - 1))
    expected -= 2 * sum(kernel(a, b) for a in real for b in generated) / (m * n)
    assert kernel_distance(real, generated) == pytest.approx(expected, rel=1e-6)


def test_kernel_distance_is_unbiased():
    rng = np.random.default_rng(0)
    distances = [kernel_distance(*rng.normal(size=(2, 20, 4))) for _ in range(2000)]
    assert abs(np.mean(distances)) < 3 * np.std(distances) / np.sqrt(2000)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kernel_distance_does_not_ask_whose_memory_it_is(pair, dtype):
    X = pair[0].astype(dtype)
    expected = kernel_distance(X, X.copy())
    assert expected < -0.01  # a copy is no independent draw
    for same in (X, X[:], np.asfortranarray(X), X.tolist()):
        assert kernel_distance(X, same) == pytest.approx(expected)
    assert kernel_distance(X, X[::-1]) == pytest.approx(expected)
    assert kernel_distance(X, X, feature_extractor=lambda rows: rows) == pytest.approx(expected)


def test_the_standard_error_is_that_of_repeated_draws():
    rng = np.random.default_rng(0)
    results = [
        kernel_distance(
            rng.normal(size=(200, 4)),
            rng.normal(size=(200, 4)) + 0.5,
            block_size=20,
            return_standard_error=True,
        )
        for _ in range(200)
    ]
    distances, errors = np.transpose(results)
    assert np.median(errors) == pytest.approx(np.std(distances), rel=0.3)


def test_a_standard_error_needs_two_blocks(pair):
    with pytest.raises(ValueError, match="Lower block_size"):
        kernel_distance(*pair, block_size=200, return_standard_error=True)


# Neighbours


def plain_neighbours(real, generated, k):
    """Precision, recall, density and coverage, as the papers write them."""
    radii = [np.sort(cdist(X, X), axis=1)[:, k] for X in (real, generated)]  # 0: the row itself
    distances = cdist(real, generated)
    inside = distances <= radii[0][:, np.newaxis]  # (n_real, n_generated)
    precision = inside.any(axis=0).mean()
    recall = (distances <= radii[1]).any(axis=1).mean()
    return precision, recall, inside.sum(axis=0).mean() / k, inside.any(axis=1).mean()


@pytest.mark.parametrize("k", [1, 3, 5])
def test_neighbour_measures_are_those_of_a_plain_implementation(pair, k):
    expected = plain_neighbours(*pair, k)
    found = (*precision_recall(*pair, n_neighbors=k), *density_coverage(*pair, n_neighbors=k))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_lost_mode_costs_recall_and_coverage_but_no_precision():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(600, 3)) + np.repeat([[0], [20]], 300, axis=0)
    generated = rng.normal(size=(600, 3))
    precision, recall = precision_recall(real, generated)
    _, coverage = density_coverage(real, generated)
    assert precision > 0.9
    assert recall == pytest.approx(0.5, abs=0.06)
    assert coverage == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("metric", [precision_recall, density_coverage])
@pytest.mark.parametrize("k", [0, 2.5, "3"])
def test_a_wrong_number_of_neighbours_is_named(metric, pair, k):
    with pytest.raises((ValueError, TypeError), match="n_neighbors"):
        metric(*pair, n_neighbors=k)


# All


@pytest.mark.parametrize("metric", ALL)
def test_a_feature_extractor_may_be_a_function_or_a_fitted_transformer(metric, pair):
    pca = PCA(3).fit(pair[0])
    expected = metric(*(pca.transform(X) for X in pair))
    assert metric(*pair, feature_extractor=pca) == pytest.approx(expected)
    assert metric(*pair, feature_extractor=pca.transform) == pytest.approx(expected)


@pytest.mark.parametrize("metric", ALL)
def test_more_rows_than_a_chunk_give_the_same(metric):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(2, 1500, 3))
    expected = metric(X, Y)
    with config_context(working_memory=1):
        assert metric(X, Y) == pytest.approx(expected)


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X[:, :2], "X_real has 6 features and X_generated has 2"),
        (lambda X: np.where(X > 1, np.nan, X), "X_generated contains NaN"),
        (lambda X: X[:1], "minimum of"),
    ],
)
def test_bad_input_is_named(metric, pair, change, message):
    with pytest.raises(ValueError, match=message):
        metric(pair[0], change(pair[1]))
