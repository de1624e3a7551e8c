"""Errors of a reconstruction as maps, and as the score of an image.

Wang, Bovik, Sheikh & Simoncelli 2004, "Image Quality Assessment: From Error Visibility to
Structural Similarity"; Bergmann et al. 2019, "Improving Unsupervised Defect Segmentation by
Applying Structural Similarity to Autoencoders".
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from sklearn_unsup._data import channels_first, row_blocks, sample_rows, to_images, to_rows
from sklearn_unsup._persistence import Spec, array
from sklearn_unsup.estimators._reconstruction_errors import BLOCK_SIZE, squared_errors

ERRORS = "squared_error", "structural_similarity"
POOLINGS = "mean", "max"  # or a quantile
WINDOW = 1.5  # pixels: the standard deviation of the Gaussian window
STABILITY = 0.01, 0.03  # of means and of variances
SMOOTHING = 1 / 32  # of the longer side: the standard deviation, for pooling
LEAST_SPREAD = 0.1  # of a pixel's error, relative to the typical one
ROUNDING = 1e-5  # relative to the spread of X: smaller errors are those of rounding
RANGE = 0.001, 0.999  # quantiles
N_RANGED = 200  # rows that the range of values is taken from
SEED = 0  # of their choice


def fit_errors(estimator, codes, rows, layout, error, pooling):
    """Return what errors are pooled with, as a dict of arrays; None for mean squared errors."""
    reference, floor = {}, ROUNDING
    sample = sample_rows(rows, N_RANGED, SEED).astype(np.float64)
    if error == ERRORS[0]:
        floor *= ROUNDING * sample.var()
    else:
        low, high = np.quantile(sample, RANGE)
        reference["value_range"] = np.array([low, high if high > low else low + 1.0])
    if pooling != POOLINGS[0]:
        reference["quantile"] = np.array([1.0 if pooling == POOLINGS[1] else pooling], dtype=float)
        total, squares = 0.0, 0.0
        for block in row_blocks(rows, BLOCK_SIZE):
            maps = _smooth(
                errors_of(estimator, codes[block], rows[block], layout, reference), layout
            )
            total, squares = total + maps.sum(axis=0), squares + np.square(maps).sum(axis=0)
        mean = total / len(rows)
        variance = np.maximum(squares / len(rows) - np.square(mean), 0)
        spread = np.sqrt(variance) + LEAST_SPREAD * np.sqrt(variance.mean()) + floor
        reference |= {"mean_map": mean, "spread_map": np.where(spread > 0, spread, 1.0)}
    return reference or None


def pooled_errors(estimator, codes, rows, layout, reference):
    """Return one error for each row, (n,), float64."""
    pooled = np.empty(len(rows))
    for block in row_blocks(rows, BLOCK_SIZE):
        errors = errors_of(estimator, codes[block], rows[block], layout, reference)
        if reference is None or "quantile" not in reference:
            pooled[block] = errors.mean(axis=1)
            continue
        maps = (_smooth(errors, layout) - reference["mean_map"]) / reference["spread_map"]
        quantile = float(reference["quantile"][0])
        pooled[block] = np.quantile(maps.reshape(len(maps), -1), quantile, axis=1)
    return pooled


def errors_of(estimator, codes, rows, layout, reference):
    """Return the error of each value, (n, n_features): squared, or 1 - structural similarity."""
    if reference is None or "value_range" not in reference:
        return squared_errors(estimator, codes, rows)
    reconstructed = np.asarray(estimator.inverse_transform(codes)).reshape(rows.shape)
    low, high = reference["value_range"]  # of 0 and 1: results do not depend on the units of X
    pair = ((each.astype(np.float64) - low) / (high - low) for each in (rows, reconstructed))
    similarity = structural_similarity(*(to_images(each, layout) for each in pair))
    return to_rows(1 - similarity, layout)


def structural_similarity(a, b):
    """Return the structural similarity of images (n, c, h, w) in [0, 1] at each pixel (Eq. 13)."""
    c1, c2 = np.square(STABILITY)

    def average(values):
        return _blur(values, WINDOW)

    mean_a, mean_b = average(a), average(b)
    variance_a, variance_b = average(a * a) - mean_a**2, average(b * b) - mean_b**2
    covariance = average(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance * (2 * covariance + c2) / (variance_a + variance_b + c2)


def parameters_of(reference):
    """Return the `error` and the `pooling` that a reference, or None, was fitted for."""
    reference = reference or {}
    pooling = POOLINGS[0]
    if "quantile" in reference:
        quantile = float(reference["quantile"][0])
        pooling = POOLINGS[1] if quantile == 1 else quantile
    return ERRORS["value_range" in reference], pooling


def error_specs(reference, layout):
    """Return the specification of a saved reference for images of a layout."""
    sides, tiny = channels_first(layout)[1:], np.finfo(np.float64).tiny
    specs = {}
    if "value_range" in reference:
        limits = array(np.float64, (2,))
        specs["value_range"] = Spec(
            lambda value: limits.holds(value) and value[0] < value[1], "two limits"
        )
    if "quantile" in reference:
        one = array(np.float64, (1,), 0)
        specs["quantile"] = Spec(lambda value: one.holds(value) and value[0] <= 1, "a share")
        specs["mean_map"] = array(np.float64, sides)
        specs["spread_map"] = array(np.float64, sides, tiny)
    return specs


def _smooth(errors, layout):
    """Return errors (n, n_features) as smooth maps (n, h, w), means over channels."""
    images = to_images(errors, layout)
    return _blur(images.mean(axis=1), SMOOTHING * max(images.shape[2:]))


def _blur(images, deviation):
    """Return images (..., h, w), blurred along the sides that have an extent."""
    deviations = [0] * (images.ndim - 2) + [deviation * (side > 1) for side in images.shape[-2:]]
    return gaussian_filter(images, deviations)
