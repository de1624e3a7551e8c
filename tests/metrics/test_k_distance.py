import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.cluster import DBSCAN
from sklearn.datasets import make_blobs

from sklearn_unsup.metrics import clustering_accuracy, k_distance_curve


def test_the_distances_are_those_to_the_kth_neighbour():
    X = np.random.default_rng(0).normal(size=(50, 3))
    distances, eps = k_distance_curve(X, n_neighbors=4)
    np.testing.assert_allclose(distances, np.sort(np.sort(cdist(X, X), axis=1)[:, 4]))
    assert eps in distances


@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
def test_the_eps_lets_dbscan_find_clusters_among_noise(scale):
    X, y = make_blobs(600, n_features=10, centers=5, random_state=0)
    noise = np.random.default_rng(0).uniform(X.min(), X.max(), size=(60, 10))
    X, y = scale * np.vstack([X, noise]), np.r_[y, np.full(60, -1)]
    _, eps = k_distance_curve(X, n_neighbors=5)
    labels = DBSCAN(eps=eps, min_samples=6).fit_predict(X)
    assert labels.max() + 1 == 5
    assert clustering_accuracy(y, labels) > 0.95
    assert (labels[-60:] == -1).all()


def test_rows_that_are_all_alike_have_a_curve_of_zeros():
    distances, eps = k_distance_curve(np.ones((10, 2)))
    assert eps == 0
    assert not distances.any()


def test_more_neighbours_than_rows_are_refused():
    with pytest.raises(ValueError, match=r"5 sample\(s\).*minimum of 6"):
        k_distance_curve(np.ones((5, 2)), n_neighbors=5)
