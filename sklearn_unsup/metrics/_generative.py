"""Distances between the distributions of real and of generated images.

Both functions compare two sets of rows in a feature space: the rows themselves, or the output of a
feature extractor. Values from different feature spaces are not comparable.
"""

from numbers import Integral

import numpy as np
from scipy import linalg
from sklearn.utils import check_scalar, gen_batches

from sklearn_unsup.metrics._coverage import density_coverage, precision_recall
from sklearn_unsup.metrics._features import check_features

# Pickles name all four by this module.
__all__ = ["density_coverage", "frechet_distance", "kernel_distance", "precision_recall"]

KERNEL_BLOCK_ROWS = 1024


def frechet_distance(X_real, X_generated, *, feature_extractor=None):
    """Squared Fréchet distance between Gaussians fitted to real and to generated rows.

    With features of an Inception network it is known as FID [1]_. Fewer rows give a larger
    distance: compare only values that were computed from equal numbers of rows.

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
    real, generated = check_features(X_real, X_generated, feature_extractor, min_rows=2)
    shift = real.mean(axis=0) - generated.mean(axis=0)
    roots = [_covariance_root(rows) for rows in (real, generated)]
    # The trace of the root of a product is the sum of the singular values of the product of roots.
    # Eigenvalues of the product itself would lose half of the digits.
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
    """Unbiased estimate of the squared maximum mean discrepancy with a polynomial kernel.

    With features of an Inception network it is known as KID [1]_. The kernel is
    ``(x @ y / n_features + 1) ** degree``. Unlike the Fréchet distance, its expectation does not
    depend on the number of rows.

    The estimate is unbiased if the two sets are independent; it can then be slightly negative. Rows
    that are in both sets bias it downwards: the distance of a set to itself is clearly negative.

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
        Degree of the polynomial.
    block_size : int, default=500
        Number of rows in a block, for the standard error. Both sets need at least two blocks.
    return_standard_error : bool, default=False
        Whether to return the standard error as well.

    Returns
    -------
    distance : float
        0 in expectation if both sets come from the same distribution.
    standard_error : float
        Estimated from disjoint blocks. Only returned if `return_standard_error` is true.

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
    real, generated = check_features(X_real, X_generated, feature_extractor, min_rows=2)
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
    deviation = np.std([_squared_mmd(real[b], generated[b], degree) for b in blocks], ddof=1)
    return distance, float(deviation / np.sqrt(n_blocks))


def _covariance_root(rows):
    """Return A, with at most n_features rows, such that A.T @ A is the covariance of `rows`."""
    centred = rows - rows.mean(axis=0)
    return linalg.qr(centred / np.sqrt(len(rows) - 1), mode="r")[0][: rows.shape[1]]


def _squared_mmd(real, generated, degree):
    within = sum(_mean_kernel_within(rows, degree) for rows in (real, generated))
    between = _kernel_sum(real, generated, degree) / (len(real) * len(generated))
    return within - 2 * between


def _mean_kernel_within(rows, degree):
    """Mean of the kernel over pairs of distinct rows of one set."""
    diagonal = float(((np.square(rows).sum(axis=1) / rows.shape[1] + 1) ** degree).sum())
    return (_kernel_sum(rows, rows, degree) - diagonal) / (len(rows) * (len(rows) - 1))


def _kernel_sum(a, b, degree):
    """Sum of the kernel over all pairs of a row of `a` and a row of `b`."""
    return sum(
        float(((a[block] @ b.T / a.shape[1] + 1) ** degree).sum())
        for block in gen_batches(len(a), KERNEL_BLOCK_ROWS)
    )
