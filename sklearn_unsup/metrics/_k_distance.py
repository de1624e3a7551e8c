"""Distances to the k-th neighbour, from which to choose eps for DBSCAN."""

from numbers import Integral

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array, check_scalar


def k_distance_curve(X, *, n_neighbors=5):
    """Sort the distances to the k-th neighbour, and suggest an eps for DBSCAN.

    The k-th neighbour is near for rows in a cluster and far for noise. The elbow of the sorted
    distances is a sensible ``eps`` for :class:`~sklearn.cluster.DBSCAN` with
    ``min_samples=n_neighbors + 1`` [1]_. The elbow is the point of the curve farthest below the
    line from its start to its end [2]_. Plot the curve: without a sharp elbow, the clusters do not
    have a common density, and no eps suits them all.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Codes, for example; more rows than `n_neighbors`.
    n_neighbors : int, default=5
        The k of the k-th neighbour. A larger value gives a smoother curve and a larger `eps`.

    Returns
    -------
    distances : ndarray of shape (n_samples,), float64
        Euclidean, in the units of X, in ascending order.
    eps : float
        The distance at the elbow.

    References
    ----------
    .. [1] Ester, Kriegel, Sander & Xu (1996). "A Density-Based Algorithm for Discovering Clusters
       in Large Spatial Databases with Noise". KDD. Section 4.2.
    .. [2] Satopää, Albrecht, Irwin & Raghavan (2011). "Finding a 'Kneedle' in a Haystack".
       ICDCS Workshops. Section III.

    Examples
    --------
    >>> from sklearn.cluster import DBSCAN
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn_unsup.metrics import k_distance_curve
    >>> X, _ = make_blobs([300, 300], cluster_std=0.5, random_state=0)
    >>> _, eps = k_distance_curve(X, n_neighbors=5)
    >>> labels = DBSCAN(eps=eps, min_samples=6).fit_predict(X)
    >>> int(labels.max()) + 1
    2
    """
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    X = check_array(X, ensure_min_samples=n_neighbors + 1)
    distances = np.sort(neighbor_distances(X, n_neighbors))
    line = np.linspace(distances[0], distances[-1], len(distances))
    return distances, float(distances[np.argmax(line - distances)])


def neighbor_distances(rows, n_neighbors):
    """Return the distance of each row to its k-th neighbour among the others."""
    return NearestNeighbors(n_neighbors=n_neighbors).fit(rows).kneighbors()[0][:, -1]
