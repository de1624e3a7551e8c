"""How well real and generated images cover each other, by nearest neighbours."""

from numbers import Integral

import numpy as np
from sklearn.metrics import pairwise_distances_chunked
from sklearn.utils import check_scalar

from sklearn_unsup.metrics._features import check_features
from sklearn_unsup.metrics._k_distance import neighbor_distances


def precision_recall(X_real, X_generated, *, n_neighbors=3, feature_extractor=None):
    """Precision and recall of generated rows, by nearest neighbours.

    A set covers the balls around its rows whose radius is the distance to the k-th neighbour.
    Precision is the share of generated rows that real rows cover, recall the share of real rows
    that generated rows cover [1]_.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_features)
        More rows than `n_neighbors`.
    X_generated : array-like of shape (n_generated, n_features)
        More rows than `n_neighbors`. Take as many as there are real rows.
    n_neighbors : int, default=3
        The k of the k-th neighbour. A larger value makes the balls, and both scores, larger.
    feature_extractor : callable or fitted transformer, default=None
        Maps rows to features, as ``feature_extractor(X)`` or ``feature_extractor.transform(X)``.
        None takes the rows themselves.

    Returns
    -------
    precision, recall : float
        Between 0 and 1; larger is better.

    See Also
    --------
    density_coverage : A variant that is more robust to outliers.

    References
    ----------
    .. [1] Kynkäänniemi, Karras, Laine, Lehtinen & Aila (2019). "Improved Precision and Recall
       Metric for Assessing Generative Models". NeurIPS. Section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_unsup.metrics import precision_recall
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> precision_recall(X, X)
    (1.0, 1.0)
    >>> precision_recall(X, X + 100)
    (0.0, 0.0)
    """
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    real, generated = check_features(X_real, X_generated, feature_extractor, n_neighbors + 1)
    precision = _covered_share(generated, real, n_neighbors)
    recall = _covered_share(real, generated, n_neighbors)
    return precision, recall


def density_coverage(X_real, X_generated, *, n_neighbors=5, feature_extractor=None):
    """Density and coverage of generated rows, by the nearest neighbours of real ones.

    Each real row has a ball whose radius is the distance to its k-th real neighbour. Density is the
    mean number of balls that contain a generated row, divided by k. Coverage is the share of balls
    that contain at least one generated row [1]_.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_features)
        More rows than `n_neighbors`.
    X_generated : array-like of shape (n_generated, n_features)
        Take as many as there are real rows.
    n_neighbors : int, default=5
        The k of the k-th neighbour. A larger value makes the balls, and the coverage, larger.
    feature_extractor : callable or fitted transformer, default=None
        Maps rows to features, as ``feature_extractor(X)`` or ``feature_extractor.transform(X)``.
        None takes the rows themselves.

    Returns
    -------
    density : float
        At least 0; about 1 for two samples of the same distribution. It is larger if generated rows
        concentrate where real rows are dense.
    coverage : float
        Between 0 and 1; about ``1 - 0.5 ** k`` for two samples of the same distribution and size.

    See Also
    --------
    precision_recall : The measures that these two were derived from.

    References
    ----------
    .. [1] Naeem, Oh, Uh, Choi & Yoo (2020). "Reliable Fidelity and Diversity Metrics for Generative
       Models". ICML. Section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_unsup.metrics import density_coverage
    >>> X, Y = np.random.default_rng(0).normal(size=(2, 500, 2))
    >>> density, coverage = density_coverage(X, Y)
    >>> 0.9 < density < 1.1, coverage > 0.9
    (True, True)
    >>> density_coverage(X, Y + 100)
    (0.0, 0.0)
    """
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    real, generated = check_features(X_real, X_generated, feature_extractor, n_neighbors + 1)
    radii = neighbor_distances(real, n_neighbors)
    n_inside, covered = 0, np.zeros(len(real), dtype=bool)
    for distances in pairwise_distances_chunked(generated, real):
        inside = distances <= radii  # (rows of the chunk, n_real)
        n_inside += int(inside.sum())
        covered |= inside.any(axis=0)
    return n_inside / (n_neighbors * len(generated)), float(covered.mean())


def _covered_share(rows, centres, n_neighbors):
    """Return the share of `rows` that lie in the ball of at least one of `centres`."""
    radii = neighbor_distances(centres, n_neighbors)
    chunks = pairwise_distances_chunked(rows, centres)
    return float(np.concatenate([(chunk <= radii).any(axis=1) for chunk in chunks]).mean())
