"""Save a detector together with its fitted estimator."""

from types import SimpleNamespace

from sklearn_unsup.estimators._detector_input import INPUT
from sklearn_unsup.estimators._outlier_methods import (
    check_reference,
    is_of_errors,
    method_of,
    resolve_method,
    width_of,
)
from sklearn_unsup.estimators._pooled_errors import parameters_of
from sklearn_unsup.estimators._saving import PickleMixin, SavingMixin, WeightFilesMixin
from sklearn_unsup.estimators._values import plain

LEARNT = "_reference", "_layout", "offset_", "calibration_scores_", "n_features_in_"
FITTED = "estimator_", *LEARNT, "feature_names_in_"


class DetectorSavingMixin(PickleMixin, WeightFilesMixin):
    """Save the fitted attributes of a detector, which has `_new_estimator`."""

    def _set_fitted_state(self, other):
        """Set the fitted attributes of another detector, and forget those it lacks."""
        for name in FITTED:
            vars(self).pop(name, None)
        vars(self).update({name: vars(other)[name] for name in FITTED if name in vars(other)})

    def _unpack(self, state):
        if "estimator_" in state:
            learnt = {name: state[name] for name in LEARNT}
            check_reference(learnt, width_of(state["_reference"]))
        return state

    def _to_file(self):
        estimator = check_saves_weights(self.estimator_)
        state = {"estimator_": estimator._to_file()[0]}
        state |= {name: vars(self)[name] for name in LEARNT}
        return state, {"estimator": type(estimator).__name__}

    def _load(self, file):
        estimator = check_saves_weights(self._new_estimator())
        with file:
            saved, method = file.header["estimator"], method_of(file.outline["_reference"])
        check_equal("estimator", type(estimator).__name__, saved, file.path)
        check_equal("method", resolve_method(self.method, estimator), method, file.path)
        state = estimator._load(file, lambda whole: whole["estimator_"])
        with file:
            del state["estimator_"]
            check_reference(state, estimator._n_features_out)
        if is_of_errors(state["_reference"]):
            error, pooling = parameters_of(state["_reference"])
            check_equal("error", plain(self.error), error, file.path)
            check_equal("pooling", plain(self.pooling), pooling, file.path)
        names = {name: vars(estimator)[name] for name in INPUT if name in vars(estimator)}
        self._set_fitted_state(SimpleNamespace(**state | names, estimator_=estimator))


def check_equal(name, own, found, path):
    """Raise a ValueError if a parameter is not that of the detector in a file."""
    if own != found:
        raise ValueError(
            f"{name} is {own!r}, but that of the detector in {path} was {found!r}. Set {name} to "
            "that first."
        )


def check_saves_weights(estimator):
    """Return an estimator, or raise a TypeError if it has no weight files."""
    if estimator is None:
        raise TypeError(
            "save_weights is for networks, and method='patches' has none. Save the detector with "
            "joblib or skops."
        )
    if not isinstance(estimator, SavingMixin):
        raise TypeError(
            f"Files of weights are for estimators that have save_weights, and estimator is "
            f"{estimator!r}. Save the detector with joblib or skops."
        )
    return estimator
