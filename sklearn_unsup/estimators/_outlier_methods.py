"""The scores of an outlier detector: what is measured of images, and with what it is compared."""

import numpy as np

from sklearn_unsup._data import find_layout
from sklearn_unsup._persistence import Spec, array, check, integer, number
from sklearn_unsup.estimators._neighbor_distances import (
    fit_local_neighbors,
    fit_neighbors,
    local_outlier_factors,
    neighbor_scores,
    neighbor_specs,
)
from sklearn_unsup.estimators._patch_statistics import (
    fit_patch_statistics,
    patch_measures,
    patch_specs,
)
from sklearn_unsup.estimators._reconstruction_errors import encode, root_errors, rows_of

METHODS = "combined", "patches", "nearest_neighbors", "reconstruction_error"
LEAST_MEASURE = 1e-3  # relative to the typical one: logarithms of smaller ones are the same
LEAST_SPREAD = 1e-6
TINY = np.finfo(np.float64).tiny
CALIBRATION = {"center": -np.inf, "spread": TINY, "floor": TINY}  # and their least values


def last_step(estimator):
    """Return the name of the class of a transformer, or of the last step of a Pipeline."""
    steps = getattr(estimator, "steps", None)
    return type(steps[-1][1] if steps else estimator).__name__


def reconstructs(detector):
    """Return True if a detector has reconstructions, or raise an AttributeError."""
    if detector.method == "patches":
        raise AttributeError("error_map needs reconstructions, and method='patches' has none.")
    estimator = getattr(detector, "estimator_", detector.estimator)
    if estimator is None or hasattr(estimator, "inverse_transform"):
        return True
    raise AttributeError(
        f"error_map needs reconstructions, and {last_step(estimator)} has no inverse_transform."
    )


def has_patches(detector):
    """Return True if a detector looks at patches, or raise an AttributeError."""
    if detector.method in ("auto", "combined", "patches"):
        return True
    raise AttributeError(
        f"anomaly_map needs patches, and method={detector.method!r} does not look at them. Set "
        "method='patches' or 'combined'."
    )


def resolve_method(method, estimator):
    """Return the method that "auto" is, or raise an error if an estimator cannot do it."""
    if method == "reconstruction_error" and not hasattr(estimator, "inverse_transform"):
        raise ValueError(
            f"method={method!r} needs reconstructions, and {last_step(estimator)} has no "
            "inverse_transform. Set method='combined' or 'nearest_neighbors', or give an "
            "autoencoder."
        )
    return "combined" if method == "auto" else method


def method_of(reference):
    """Return the method that a reference was fitted for."""
    if reference is None:
        return "reconstruction_error"
    has_codes, has_filters = "codes" in reference, "contrast" in reference
    if has_codes and has_filters:
        return "combined"
    return "patches" if has_filters else "nearest_neighbors"


def fit_reference(estimator, X, method, layout):
    """Return what images are compared with, as a dict of arrays or None, and scores of X.

    The scores are those that new images like X would have, of at most 10,000 images.
    """
    if method == "reconstruction_error":
        return None, outlier_scores(estimator, X, None, layout)
    codes, rows = (None, rows_of(X)[0]) if method == "patches" else encode(estimator, X)[:2]
    if method == "nearest_neighbors":
        reference = fit_neighbors(codes.astype(np.float64))
        return reference, neighbor_scores(codes.astype(np.float64), reference)
    reference, chosen, measures = fit_patch_statistics(rows, layout)
    if method == "combined":
        codes = codes.astype(np.float64)
        reference |= fit_local_neighbors(codes)
        factors = local_outlier_factors(codes[chosen], reference)
        measures = np.column_stack([measures, factors])
    reference |= _fit_calibration(measures)
    return reference, _combined_scores(measures, reference)


def outlier_scores(estimator, X, reference, layout):
    """Return scores (n,), float64; outliers have lower ones."""
    method = method_of(reference)
    if method == "reconstruction_error":
        return -np.square(root_errors(estimator, X))
    codes, rows = (None, rows_of(X)[0]) if method == "patches" else encode(estimator, X)[:2]
    if method == "nearest_neighbors":
        return neighbor_scores(codes.astype(np.float64), reference)
    measures = patch_measures(rows, layout, reference)
    if method == "combined":
        factors = local_outlier_factors(codes.astype(np.float64), reference)
        measures = np.column_stack([measures, factors])
    return _combined_scores(measures, reference)


def _fit_calibration(measures):
    """Return the median and the interquartile range of the logarithm of each of measures (n, k)."""
    floor = LEAST_MEASURE * np.sqrt(np.square(measures).mean(axis=0))
    floor[floor <= TINY] = 1.0
    logs = np.log(measures + floor)
    center = np.median(logs, axis=0)
    spread = np.array([_spread(column) for column in logs.T])
    return {"center": center, "spread": spread, "floor": floor}


def _spread(values):
    """Return the interquartile range of values, or another scale if that is 0 up to rounding."""
    others = values[np.abs(values - np.median(values)) > LEAST_SPREAD]
    candidates = [np.subtract(*np.percentile(values, [75, 25]))]
    if len(others):
        candidates.append(np.subtract(*np.percentile(others, [75, 25])))
    candidates.append(values.std())
    return next((each for each in candidates if each > LEAST_SPREAD), 1.0)


def _combined_scores(measures, reference):
    """Return minus the largest deviation (n,) of the logarithm of a measure from its median."""
    logs = np.log(measures + reference["floor"])
    return -((logs - reference["center"]) / reference["spread"]).max(axis=1)


def check_reference(state, width):
    """Raise an error if the saved state of a detector is invalid for codes of a width."""
    reference, layout, scores = (
        state[name] for name in ("_reference", "_layout", "calibration_scores_")
    )
    n_features = state["n_features_in_"]
    specs = {
        "_reference": Spec(lambda value: value is None or isinstance(value, dict), "a dict"),
        "_layout": Spec(
            lambda value: find_layout(n_features, *value) == value, f"of {n_features} numbers"
        ),
        "offset_": number(),
        "n_features_in_": integer(1),
        "calibration_scores_": Spec(lambda value: value is None, "None")
        | array(np.float64, np.shape(scores)[:1]),
    }
    check(specs, {name: state[name] for name in specs})
    if reference is None:
        return
    method, specs = method_of(reference), {}
    if method != "patches":
        specs |= neighbor_specs(reference, width, method == "combined")
    if method != "nearest_neighbors":
        n_measures = 4 if method == "combined" else 3
        specs |= patch_specs(reference, layout) | {
            name: array(np.float64, (n_measures,), least) for name, least in CALIBRATION.items()
        }
    check(specs, reference)


def width_of(reference):
    """Return the width of the codes that a saved reference is for; 0 if that is not known."""
    is_known = isinstance(reference, dict) and "scale" in reference
    return np.size(reference["scale"]) if is_known else 0
