"""What eps DBSCAN needs."""

from numbers import Integral

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array, check_scalar


def k_distance_curve(X, *, n_neighbors=5):
    """Sort the distances to the k-th neighbour, and suggest an eps for DBSCAN.

    Rows in a cluster have their k-th neighbour near, noise has it far: where the sorted distances
    turn upwards is a sensible ``eps`` for :class:`~sklearn.cluster.DBSCAN` with
    ``min_samples=n_neighbors + 1`` [1]_. The turn is found as the point of the curve that lies
    farthest below the line from its start to its end [2]_. Plot the curve: where it has no sharp
    turn, the rows have no clusters of one density, and no eps is right.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Such as codes; more rows than `n_neighbors`.
    n_neighbors : int, default=5
        Which neighbour: the k-th nearest.

    Returns
    -------
    distances : ndarray of shape (n_samples,), float64
        Euclidean, in the units of X, from small to large.
    eps : float
        The distance at the turn.

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
    distances = np.sort(NearestNeighbors(n_neighbors=n_neighbors).fit(X).kneighbors()[0][:, -1])
    line = np.linspace(distances[0], distances[-1], len(distances))
    return distances, float(distances[np.argmax(line - distances)])
