"""How well generated images are distributed as real ones are.

All compare two sets of rows in a feature space: the rows themselves, or what a feature extractor
makes of them. Figures of different feature spaces cannot be compared.
"""

from numbers import Integral

import numpy as np
from scipy import linalg
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array, check_scalar, gen_batches

KERNEL_BLOCK_ROWS = 1024


def frechet_distance(X_real, X_generated, *, feature_extractor=None):
    """Squared Fréchet distance between Gaussians fitted to real and to generated rows.

    With features of an Inception network it is known as FID [1]_. It depends on the number of rows
    (fewer rows, larger distance): compare figures of equal numbers only.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_features)
        At least 2 rows.
    X_generated : array-like of shape (n_generated, n_features)
        At least 2 rows.
    feature_extractor : callable or fitted transformer, default=None
        Maps rows to features, as ``feature_extractor(X)`` or ``feature_extractor.transform(X)``.
        None takes the rows themselves.

    Returns
    -------
    distance : float
        At least 0, in the squared units of the features; 0 for equal means and covariances.

    References
    ----------
    .. [1] Heusel, Ramsauer, Unterthiner, Nessler & Hochreiter (2017). "GANs Trained by a Two
       Time-Scale Update Rule Converge to a Local Nash Equilibrium". NeurIPS. Section 4, eq. 6.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_unsup.metrics import frechet_distance
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(1000, 2))
    >>> round(frechet_distance(X, X + [3, 4]), 6)
    25.0
    """
    real, generated = _features(X_real, X_generated, feature_extractor, min_rows=2)
    shift = real.mean(axis=0) - generated.mean(axis=0)
    roots = [_covariance_root(rows) for rows in (real, generated)]
    # The trace of the root of a product is the sum of the singular values of the product of roots.
    # (Eigenvalues of the product itself would lose half of the digits.)
    overlap = linalg.svdvals(roots[0] @ roots[1].T).sum()
    variances = sum(np.square(root).sum() for root in roots)
    return float(max(shift @ shift + variances - 2 * overlap, 0.0))


def kernel_distance(
    X_real,
    X_generated,
    *,
    feature_extractor=None,
    degree=3,
    block_size=500,
    return_standard_error=False,
):
    """Squared maximum mean discrepancy of a polynomial kernel, estimated without bias.

    With features of an Inception network it is known as KID [1]_. The kernel is
    ``(x @ y / n_features + 1) ** degree``. Unlike the Fréchet distance, its expectation does not
    depend on the number of rows.

    The estimate has no bias if both sets are drawn independently, and may then be a little below 0.
    Rows that are in both sets make it too small: a set compared with itself, or with a copy of
    itself, is clearly below 0.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_features)
        At least 2 rows.
    X_generated : array-like of shape (n_generated, n_features)
        At least 2 rows.
    feature_extractor : callable or fitted transformer, default=None
        Maps rows to features, as ``feature_extractor(X)`` or ``feature_extractor.transform(X)``.
        None takes the rows themselves.
    degree : int, default=3
        Of the polynomial.
    block_size : int, default=500
        Rows of a block for the standard error; there must be enough for two blocks.
    return_standard_error : bool, default=False
        Whether to return the standard error as well.

    Returns
    -------
    distance : float
        0 in expectation if the two are drawn from one distribution.
    standard_error : float
        From the scatter between disjoint blocks. Only with `return_standard_error`.

    References
    ----------
    .. [1] Bińkowski, Sutherland, Arbel & Gretton (2018). "Demystifying MMD GANs". ICLR. Section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_unsup.metrics import kernel_distance
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(size=(2, 1000, 2))
    >>> abs(kernel_distance(X, Y)) < 0.1 < kernel_distance(X, Y + 1)
    True
    """
    check_scalar(degree, "degree", Integral, min_val=1)
    check_scalar(block_size, "block_size", Integral, min_val=2)
    real, generated = _features(X_real, X_generated, feature_extractor, min_rows=2)
    distance = _squared_mmd(real, generated, degree)
    if not return_standard_error:
        return distance
    n_blocks = min(len(real), len(generated)) // block_size
    if n_blocks < 2:
        raise ValueError(
            f"The standard error needs two blocks of block_size={block_size} rows, but there are "
            f"{len(real)} real and {len(generated)} generated rows. Lower block_size."
        )
    blocks = [slice(i * block_size, (i + 1) * block_size) for i in range(n_blocks)]
    scatter = np.std([_squared_mmd(real[b], generated[b], degree) for b in blocks], ddof=1)
    return distance, float(scatter / np.sqrt(n_blocks))


def precision_recall(X_real, X_generated, *, n_neighbors=3, feature_extractor=None):
    """Precision and recall of generated rows, by nearest neighbours.

    A set is taken to cover the balls around its rows that reach to the k-th neighbour. Precision is
    the share of generated rows that real rows cover, recall the share of real rows that generated
    rows cover [1]_.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_features)
        Rows to compare with.
    X_generated : array-like of shape (n_generated, n_features)
        Take as many as there are real rows; both need more than `n_neighbors`.
    n_neighbors : int, default=3
        The k-th of them bounds the neighbourhood of a row.
    feature_extractor : callable or fitted transformer, default=None
        Maps rows to features, as ``feature_extractor(X)`` or ``feature_extractor.transform(X)``.
        None takes the rows themselves.

    Returns
    -------
    precision, recall : float
        Between 0 and 1, larger is better.

    See Also
    --------
    density_coverage : A variant that outliers disturb less.

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
    real, generated = _features(X_real, X_generated, feature_extractor, n_neighbors + 1)
    radii_real, radii_generated = (_radii(rows, n_neighbors) for rows in (real, generated))
    precision = np.concatenate(
        [(d <= radii_real).any(axis=1) for d in pairwise_distances_chunked(generated, real)]
    )
    recall = np.concatenate(
        [(d <= radii_generated).any(axis=1) for d in pairwise_distances_chunked(real, generated)]
    )
    return float(precision.mean()), float(recall.mean())


def density_coverage(X_real, X_generated, *, n_neighbors=5, feature_extractor=None):
    """Density and coverage of generated rows, by the nearest neighbours of real ones.

    Around each real row lies a ball that reaches to its k-th real neighbour. Density is the number
    of balls that a generated row lies in, divided by k; coverage is the share of balls that hold a
    generated row [1]_.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_features)
        More rows than `n_neighbors`.
    X_generated : array-like of shape (n_generated, n_features)
        Take as many as there are real rows.
    n_neighbors : int, default=5
        The k-th of them bounds the neighbourhood of a row.
    feature_extractor : callable or fitted transformer, default=None
        Maps rows to features, as ``feature_extractor(X)`` or ``feature_extractor.transform(X)``.
        None takes the rows themselves.

    Returns
    -------
    density : float
        At least 0; about 1 for two samples of one distribution, more where generated rows crowd in
        the middle of real ones.
    coverage : float
        Between 0 and 1; about ``1 - 0.5 ** k`` for two samples of one distribution and one size.

    See Also
    --------
    precision_recall : The measures that these were derived from.

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
    real, generated = _features(X_real, X_generated, feature_extractor, n_neighbors + 1)
    radii = _radii(real, n_neighbors)
    n_inside, covered = 0, np.zeros(len(real), dtype=bool)
    for distances in pairwise_distances_chunked(generated, real):
        inside = distances <= radii  # (rows of the chunk, n_real)
        n_inside += int(inside.sum())
        covered |= inside.any(axis=0)
    return n_inside / (n_neighbors * len(generated)), float(covered.mean())


def _features(X_real, X_generated, feature_extractor, min_rows):
    """Return both sets in the feature space, checked, in float64."""
    sets = []
    for name, X in (("X_real", X_real), ("X_generated", X_generated)):
        if feature_extractor is not None:
            X = getattr(feature_extractor, "transform", feature_extractor)(X)
        sets.append(check_array(X, dtype=np.float64, input_name=name, ensure_min_samples=min_rows))
    if sets[0].shape[1] != sets[1].shape[1]:
        raise ValueError(
            f"X_real has {sets[0].shape[1]} features and X_generated has {sets[1].shape[1]}: "
            "expected as many."
        )
    return sets


def _covariance_root(rows):
    """Return A (at most n_features, n_features) with A.T @ A the covariance of rows."""
    centred = rows - rows.mean(axis=0)
    return linalg.qr(centred / np.sqrt(len(rows) - 1), mode="r")[0][: rows.shape[1]]


def _squared_mmd(real, generated, degree):
    within = sum(_mean_kernel_within(rows, degree) for rows in (real, generated))
    between = _kernel_sum(real, generated, degree) / (len(real) * len(generated))
    return within - 2 * between


def _mean_kernel_within(rows, degree):
    """Mean of the kernel over pairs of rows of one set, those of a row with itself left out."""
    itself = float(((np.square(rows).sum(axis=1) / rows.shape[1] + 1) ** degree).sum())
    return (_kernel_sum(rows, rows, degree) - itself) / (len(rows) * (len(rows) - 1))


def _kernel_sum(a, b, degree):
    """Sum of the kernel over all pairs."""
    return sum(
        float(((a[block] @ b.T / a.shape[1] + 1) ** degree).sum())
        for block in gen_batches(len(a), KERNEL_BLOCK_ROWS)
    )


def _radii(rows, n_neighbors):
    """Return the distance of each row to its k-th neighbour among the others."""
    distances, _ = NearestNeighbors(n_neighbors=n_neighbors).fit(rows).kneighbors()
    return distances[:, -1]
