"""Save a detector together with its fitted estimator."""

from sklearn_unsup.estimators._outlier_methods import (
    check_reference,
    method_of,
    resolve_method,
    width_of,
)
from sklearn_unsup.estimators._saving import PickleMixin, SavingMixin, WeightFilesMixin


class DetectorSavingMixin(PickleMixin, WeightFilesMixin):
    """Save the fitted attributes of a detector, which has `_new_estimator`."""

    def _set_fitted_state(self, estimator, reference, offset):
        self.estimator_, self._reference, self.offset_ = estimator, reference, offset
        for name in ("n_features_in_", "feature_names_in_"):
            vars(self).pop(name, None)
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))

    def _unpack(self, state):
        if "estimator_" in state:
            width = width_of(state["_reference"])
            check_reference({name: state[name] for name in ("_reference", "offset_")}, width)
        return state

    def _to_file(self):
        estimator = check_saves_weights(self.estimator_)
        state = {
            "estimator_": estimator._to_file()[0],
            "_reference": self._reference,
            "offset_": self.offset_,
        }
        return state, {"estimator": type(estimator).__name__}

    def _load(self, file):
        estimator = check_saves_weights(self._new_estimator())
        with file:
            saved, method = file.header["estimator"], method_of(file.outline["_reference"])
        for name, own, found in (
            ("estimator", type(estimator).__name__, saved),
            ("method", resolve_method(self.method, estimator), method),
        ):
            if own != found:
                raise ValueError(
                    f"{name} is {own!r}, but that of the detector in {file.path} was {found!r}. "
                    f"Set {name} to that first."
                )
        state = estimator._load(file, lambda whole: whole["estimator_"])
        with file:
            del state["estimator_"]
            check_reference(state, estimator._n_features_out)
        self._set_fitted_state(estimator, state["_reference"], state["offset_"])


def check_saves_weights(estimator):
    """Return an estimator, or raise a TypeError if it has no weight files."""
    if not isinstance(estimator, SavingMixin):
        raise TypeError(
            f"Files of weights are for estimators that have save_weights, and estimator is "
            f"{estimator!r}. Save the detector with joblib or skops."
        )
    return estimator
