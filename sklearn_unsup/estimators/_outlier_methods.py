"""The scores of an outlier detector: what is measured of images, and with what it is compared."""

import numpy as np

from sklearn_unsup._persistence import Spec, check, number
from sklearn_unsup.estimators._deviations import (
    check_distribution,
    codes_and_errors,
    combined_scores,
    encode,
    fit_reference_distribution,
)
from sklearn_unsup.estimators._neighbor_distances import (
    check_neighbors,
    fit_neighbors,
    neighbor_scores,
)

METHODS = "combined", "reconstruction_error", "nearest_neighbors"


def reconstructs(detector):
    """Return True if a detector has reconstructions, or raise an AttributeError."""
    estimator = getattr(detector, "estimator_", detector.estimator)
    if estimator is None or hasattr(estimator, "inverse_transform"):
        return True
    raise AttributeError(
        f"error_map needs reconstructions, and {type(estimator).__name__} has no inverse_transform."
    )


def resolve_method(method, estimator):
    """Return the method that "auto" is for an estimator, or raise an error if it cannot be used."""
    can_decode = hasattr(estimator, "inverse_transform")
    if method == "auto":
        return "combined" if can_decode else "nearest_neighbors"
    if method != "nearest_neighbors" and not can_decode:
        raise ValueError(
            f"method={method!r} needs reconstructions, and {type(estimator).__name__} has no "
            "inverse_transform. Set method='nearest_neighbors', or give an autoencoder."
        )
    return method


def method_of(reference):
    """Return the method that a reference was fitted for."""
    if reference is None:
        return "reconstruction_error"
    is_of_neighbors = isinstance(reference, dict) and "codes" in reference
    return "nearest_neighbors" if is_of_neighbors else "combined"


def measure(estimator, X, method):
    """Return what a method compares: codes (n, k), then errors (n,) and others if it needs them."""
    if method == "nearest_neighbors":
        return (encode(estimator, X)[0].astype(np.float64),)
    return codes_and_errors(estimator, X)


def fit_reference(measured, method):
    """Return what images are compared with, as a dict of arrays, or None."""
    if method == "nearest_neighbors":
        return fit_neighbors(*measured)
    return fit_reference_distribution(*measured) if method == "combined" else None


def outlier_scores(measured, reference):
    """Return scores (n,), float64; outliers have lower ones."""
    method = method_of(reference)
    if method == "nearest_neighbors":
        return neighbor_scores(*measured, reference)
    codes, errors = measured[:2]
    if method == "combined":
        return combined_scores(codes, errors, reference)
    return -np.square(errors)


def check_reference(state, width):
    """Raise an error if the saved state of a detector is invalid for codes of a width."""
    reference = state["_reference"]
    is_reference = Spec(lambda value: value is None or isinstance(value, dict), "a dict")
    check({"_reference": is_reference, "offset_": number()}, state)
    if reference is not None:
        checks = {"nearest_neighbors": check_neighbors, "combined": check_distribution}
        checks[method_of(reference)](reference, width)


def width_of(reference):
    """Return the width of the codes that a saved reference is for; 0 if that is not known."""
    return np.size(reference["scale"]) if isinstance(reference, dict) else 0
