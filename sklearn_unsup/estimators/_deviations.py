"""Outlier scores of images, from their codes and reconstruction errors.

Denouden et al. 2018, "Improving Reconstruction Autoencoder Out-of-distribution Detection with
Mahalanobis Distance".
"""

import numpy as np
from sklearn import config_context
from sklearn.covariance import LedoitWolf
from sklearn.utils import check_array

from sklearn_unsup._data import LazyRows, as_rows, is_lazy, row_blocks
from sklearn_unsup._persistence import array, check

BLOCK_SIZE = 2**22  # numbers, 32 MB in float64
TINY = np.finfo(np.float64).tiny
N_ROUNDINGS = 8  # smaller differences, in units of rounding errors, are treated as zero


def check_distribution(reference, width):
    """Raise an error if a saved reference is invalid for codes of a width."""
    shapes = {"precision": (width, width), "median": (2,), "spread": (2,)}
    shapes |= dict.fromkeys(("mean", "scale", "location"), (width,))
    least = dict.fromkeys(("scale", "spread"), np.finfo(np.float64).tiny)  # they are divisors
    check(
        {
            name: array(np.float64, shape, least.get(name, -np.inf))
            for name, shape in shapes.items()
        },
        reference,
    )


def encode(estimator, X):
    """Return codes (n, k), X as rows (n, n_features), and the shape of a sample of X."""
    # `transform` may return a DataFrame. Those of polars are column-major, which would change the
    # rounding of sums.
    codes = np.ascontiguousarray(estimator.transform(X))
    if is_lazy(X):
        return codes, LazyRows(X), tuple(X.shape[1:])
    rows, sample_shape = as_rows(X)
    return codes, check_array(rows), sample_shape


def squared_errors(estimator, codes, rows):
    """Return the squared error of each pixel (n, n_features), float64, and its resolution."""
    reconstructed = np.asarray(estimator.inverse_transform(codes)).reshape(rows.shape)
    return np.square(rows.astype(np.float64) - reconstructed), _resolution(reconstructed)


def _resolution(array):
    """Return the relative size of differences that may be rounding errors."""
    is_float = np.issubdtype(array.dtype, np.floating)
    return N_ROUNDINGS * float(np.finfo(array.dtype if is_float else np.float64).eps)


def codes_and_errors(estimator, X):
    """Return the codes of X, and the errors of their reconstructions.

    Returns
    -------
    codes : ndarray of shape (n, k), float64
    errors : ndarray of shape (n,), float64
        Root mean squared errors.
    resolutions : tuple of float
        Bounds of rounding errors: of codes, relative to the largest, and of `errors`.
    width : float
        Width of the range of X.
    """
    codes, rows, _ = encode(estimator, X)
    errors, extremes, resolution = [], [], 0.0
    for block in row_blocks(rows, BLOCK_SIZE):
        given = rows[block]
        squares, resolution = squared_errors(estimator, codes[block], given)
        errors.append(np.sqrt(squares.mean(axis=1)))
        extremes += [float(given.min()), float(given.max())]
    low, high = min(extremes), max(extremes)
    resolutions = _resolution(codes), resolution * max(abs(low), abs(high))
    return codes.astype(np.float64), np.concatenate(errors), resolutions, high - low


def fit_reference_distribution(codes, errors, resolutions, width):
    """Return parameters of the distribution of codes and errors, as a dict of arrays.

    Scores do not depend on the units of X. A constant quantity gets a typical scale of its kind,
    or 1 if X is constant.
    """
    code_resolution, error_resolution = resolutions
    if width == 0:  # codes of constant X only differ by rounding
        code_resolution = np.inf
    mean, scale = codes.mean(axis=0), codes.std(axis=0)
    is_constant = scale <= code_resolution * max(np.abs(codes).max(), TINY)
    typical = float(np.sqrt(np.square(scale).mean()))
    scale = np.where(is_constant, 1.0 if is_constant.all() else typical, scale)
    standardised = np.where(is_constant, 0.0, (codes - mean) / scale)
    # The user's output settings do not apply here. The covariance of few samples is singular, so
    # shrinkage is needed.
    with config_context(transform_output="default", array_api_dispatch=False):
        covariance = LedoitWolf().fit(standardised)
    reference = {
        "mean": mean,
        "scale": scale,
        "location": covariance.location_,
        "precision": covariance.precision_,
    }
    measures = _deviations(codes, errors, reference)
    reference["median"] = np.median(measures, axis=0)
    distances = measures[:, 0]
    reference["spread"] = np.array(
        [
            _spread(distances, code_resolution * max(distances.max(), TINY), 1.0),
            _spread(errors, error_resolution, width),
        ]
    )
    return reference


def _spread(values, resolution, default):
    """Return the interquartile range of values, or another scale if that is 0 up to rounding."""
    others = values[np.abs(values - np.median(values)) > resolution]
    low, high = np.percentile(values, [25, 75])
    for spread in (
        high - low,
        np.subtract(*np.percentile(others, [75, 25])) if len(others) else 0.0,
        values.std(),
        default,
    ):
        if spread > resolution:
            return spread
    return 1.0


def _deviations(codes, errors, reference):
    """Return the Mahalanobis distances of codes, and the errors (n, 2)."""
    deviations = (codes - reference["mean"]) / reference["scale"] - reference["location"]
    squares = np.einsum("ij,ij->i", deviations @ reference["precision"], deviations)
    return np.column_stack([np.sqrt(np.maximum(squares, 0.0)), errors])


def combined_scores(codes, errors, reference):
    """Return minus the larger of the deviations of codes and errors, (n,), float64."""
    deviations = _deviations(codes, errors, reference) - reference["median"]
    return -(deviations / reference["spread"]).max(axis=1)
