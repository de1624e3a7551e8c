"""The scores of an outlier detector: what is measured of images, and with what it is compared."""

import numpy as np

from sklearn_unsup._data import find_layout, row_blocks
from sklearn_unsup._devices import draw_seed
from sklearn_unsup._persistence import CorruptedModelError, Spec, array, check, integer, number
from sklearn_unsup.estimators._neighbor_distances import (
    code_measures,
    fit_code_distribution,
    fit_neighbors,
    neighbor_scores,
    neighbor_specs,
)
from sklearn_unsup.estimators._patch_statistics import (
    fit_patch_statistics,
    patch_measures,
    patch_specs,
)
from sklearn_unsup.estimators._pooled_errors import (
    ERRORS,
    POOLINGS,
    error_specs,
    fit_errors,
    pooled_errors,
)
from sklearn_unsup.estimators._reconstruction_errors import encode, root_errors, rows_of

METHODS = "combined", "patches", "nearest_neighbors", "reconstruction_error"
LEAST_MEASURE = 1e-3  # relative to the typical one: logarithms of smaller ones are the same
LEAST_SPREAD = 0.05  # of a logarithm: measures of many equal images hardly vary
ROUNDING = 1e-6  # relative to the spread of X
TINY = np.finfo(np.float64).tiny
N_MEASURES = {"patches": 3, "combined": 6}  # at most
CALIBRATION = {"center": -np.inf, "spread": TINY, "floor": TINY}  # and their least values


def last_step(estimator):
    """Return the name of the class of a transformer, or of the last step of a Pipeline."""
    steps = getattr(estimator, "steps", None)
    return type(steps[-1][1] if steps else estimator).__name__


def reconstructs(detector):
    """Return True if a detector has reconstructions, or raise an AttributeError."""
    if _method(detector) == "patches":
        raise AttributeError("error_map needs reconstructions, and method='patches' has none.")
    estimator = getattr(detector, "estimator_", detector.estimator)
    if estimator is None or hasattr(estimator, "inverse_transform"):
        return True
    raise AttributeError(
        f"error_map needs reconstructions, and {last_step(estimator)} has no inverse_transform."
    )


def has_patches(detector):
    """Return True if a detector looks at patches, or raise an AttributeError."""
    method = _method(detector)
    if method in ("auto", "combined", "patches"):
        return True
    raise AttributeError(
        f"anomaly_map needs patches, and method={method!r} does not look at them. Set "
        "method='patches' or 'combined', and fit again."
    )


def _method(detector):
    """Return the method that a detector was fitted with, or its parameter."""
    is_fitted = hasattr(detector, "estimator_")
    return method_of(detector._reference) if is_fitted else detector.method


def resolve_method(method, estimator):
    """Return the method that "auto" is, or raise an error if an estimator cannot do it."""
    if method == "reconstruction_error" and not hasattr(estimator, "inverse_transform"):
        raise ValueError(
            f"method={method!r} needs reconstructions, and {last_step(estimator)} has no "
            "inverse_transform. Set method='combined' or 'nearest_neighbors', or give an "
            "autoencoder."
        )
    return "combined" if method == "auto" else method


def set_seeds(estimator, random_state):
    """Set each `random_state` of an estimator that is None to a seed that is drawn."""
    seeds = {
        name: draw_seed(random_state)
        for name, value in estimator.get_params().items()
        if name.split("__")[-1] == "random_state" and value is None
    }
    estimator.set_params(**seeds)


def method_of(reference):
    """Return the method that a reference was fitted for."""
    if is_of_errors(reference):
        return "reconstruction_error"
    has_codes, has_filters = "codes" in reference, "contrast" in reference
    if has_codes and has_filters:
        return "combined"
    return "patches" if has_filters else "nearest_neighbors"


def is_of_errors(reference):
    """Tell whether a reference is that of reconstruction errors alone."""
    return reference is None or not {"codes", "contrast"} & set(reference)


def fit_reference(estimator, X, method, layout, error=ERRORS[0], pooling=POOLINGS[0]):
    """Return what images are compared with, as a dict of arrays or None."""
    if method == "reconstruction_error" and (error, pooling) == (ERRORS[0], POOLINGS[0]):
        return None
    codes, rows = _codes_and_rows(estimator, X, method)
    if method == "reconstruction_error":
        return fit_errors(estimator, codes, rows, layout, error, pooling)
    if codes is not None and _are_equal(rows):
        codes = np.repeat(codes[:1], len(codes), axis=0)  # they differ by rounding errors
    if method == "nearest_neighbors":
        return fit_neighbors(codes)
    reference = fit_patch_statistics(rows, layout)
    if method == "combined":
        reference |= fit_code_distribution(codes)
    errors = None
    if method == "combined" and hasattr(estimator, "inverse_transform"):
        errors = root_errors(estimator, codes, rows)
    return reference | _fit_calibration(
        _measures(codes, rows, errors, reference, layout), reference
    )


def outlier_scores(estimator, X, reference, layout):
    """Return scores (n,), float64; outliers have lower ones."""
    method = method_of(reference)
    codes, rows = _codes_and_rows(estimator, X, method)
    if method == "reconstruction_error":
        return -pooled_errors(estimator, codes, rows, layout, reference)
    if method == "nearest_neighbors":
        return neighbor_scores(codes, reference)
    errors = None
    if len(reference["center"]) == N_MEASURES["combined"]:
        errors = root_errors(estimator, codes, rows)
    logs = np.log(_measures(codes, rows, errors, reference, layout) + reference["floor"])
    return -((logs - reference["center"]) / reference["spread"]).max(axis=1)


def _are_equal(rows):
    """Tell whether all rows are the same."""
    first = rows[:1]
    return all((rows[block] == first).all() for block in row_blocks(rows))


def _codes_and_rows(estimator, X, method):
    """Return codes (n, k), or None if a method has none, and X as rows."""
    if method == "patches":
        return None, rows_of(X)[0]
    return encode(estimator, X)[:2]


def _measures(codes, rows, errors, reference, layout):
    """Return what "combined" and "patches" compare: (n, 3, 5 or 6), larger for outliers."""
    measures = patch_measures(rows, layout, reference)
    if codes is not None:
        measures = np.hstack([measures, code_measures(codes, reference)])
    return measures if errors is None else np.column_stack([measures, errors])


def _fit_calibration(measures, reference):
    """Return the median and the interquartile range of the logarithm of each of measures (n, k)."""
    floor = LEAST_MEASURE * np.sqrt(np.square(measures).mean(axis=0))
    floor[floor <= TINY] = 1.0
    if len(floor) == N_MEASURES["combined"]:  # errors may be those of rounding
        floor[-1] = max(floor[-1], ROUNDING * reference["channel_scale"].max())
    logs = np.log(measures + floor)
    spread = np.array([_spread(column) for column in logs.T])
    return {"center": np.median(logs, axis=0), "spread": spread, "floor": floor}


def _spread(values):
    """Return the interquartile range of values, or that of the others if many are equal."""
    spread = np.subtract(*np.percentile(values, [75, 25]))
    others = values[np.abs(values - np.median(values)) > ROUNDING]
    if spread <= ROUNDING and len(others):
        spread = np.subtract(*np.percentile(others, [75, 25]))
    return max(spread, LEAST_SPREAD)


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
    check(specs, state)
    if reference is None:
        return
    method, specs = method_of(reference), {}
    if is_of_errors(reference):
        check(error_specs(reference, layout), reference)
        return
    if method != "patches":
        specs |= neighbor_specs(reference, width, method == "combined")
    if method != "nearest_neighbors":
        most = N_MEASURES[method]
        n_measures = np.size(reference["center"])  # "combined" may lack the errors
        if n_measures not in ((most,) if method == "patches" else (most - 1, most)):
            raise CorruptedModelError(f"it compares {n_measures} measures, expected {most}")
        specs |= patch_specs(reference, layout) | {
            name: array(np.float64, (n_measures,), least) for name, least in CALIBRATION.items()
        }
    check(specs, reference)


def width_of(reference):
    """Return the width of the codes that a saved reference is for; 0 if that is not known."""
    is_known = isinstance(reference, dict) and "scale" in reference
    return np.size(reference["scale"]) if is_known else 0
