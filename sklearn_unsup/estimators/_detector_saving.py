"""The fitted state of a detector: its input, its estimator, and files of both."""

from math import prod
from types import SimpleNamespace

from sklearn.utils.validation import validate_data

from sklearn_unsup._data import as_rows, find_layout, is_lazy
from sklearn_unsup.estimators._outlier_methods import (
    check_reference,
    method_of,
    resolve_method,
    width_of,
)
from sklearn_unsup.estimators._reconstruction_errors import rows_of
from sklearn_unsup.estimators._saving import PickleMixin, SavingMixin, WeightFilesMixin
from sklearn_unsup.estimators._values import plain

LEARNT = "_reference", "_layout", "offset_", "calibration_scores_", "n_features_in_"
INPUT = "n_features_in_", "feature_names_in_"
FITTED = "estimator_", *LEARNT, "feature_names_in_"


class DetectorSavingMixin(PickleMixin, WeightFilesMixin):
    """Learn the layout of X, and save the fitted attributes of a detector.

    The detector has `_new_estimator`, and the parameters `image_shape` and `channel_axis`.
    """

    def _learn_input(self, X, estimator):
        """Learn the width and the layout of X, which a fitted estimator may know."""
        for name in INPUT:
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))
        sample_shape = sample_shape_of(X)
        if sample_shape is not None:
            self.n_features_in_ = prod(sample_shape)
        elif not hasattr(estimator, "n_features_in_"):
            validate_data(self, X, skip_check_array=True, reset=True)
        image_shape, channel_axis = plain(self.image_shape), plain(self.channel_axis)
        known = getattr(estimator, "_layout", None)
        if image_shape is None and known is not None and channel_axis is None:
            fits = prod(known[0]) == self.n_features_in_
            if fits and sample_shape in (None, known[0]):
                self._layout = known
                return
        self._layout = find_layout(self.n_features_in_, image_shape, channel_axis, sample_shape)

    def _check_held_out(self, X, X_val):
        """Raise an error if X_val is not valid, before anything is learnt."""
        if X_val is None:
            return
        n_features = rows_of(X)[0].shape[1]
        try:
            n_found = rows_of(X_val)[0].shape[1]
        except ValueError as error:
            raise ValueError(f"X_val is not valid: {error}") from error
        if n_found != n_features:
            raise ValueError(f"X_val has {n_found} features, and X has {n_features}.")

    def _check_input(self, X, estimator):
        """Raise an error if X does not have the width or the names of the X of `fit`."""
        if estimator is not None:
            return  # which checks X itself
        sample_shape = sample_shape_of(X)
        if sample_shape is None:
            validate_data(self, X, skip_check_array=True, reset=False)
        elif sample_shape != self._layout[0]:
            raise ValueError(
                f"X has images of shape {sample_shape}, but {type(self).__name__} was fitted with "
                f"images of shape {self._layout[0]}. Reshape X, or fit again."
            )

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
        names = {name: vars(estimator)[name] for name in INPUT if name in vars(estimator)}
        self._set_fitted_state(SimpleNamespace(**state | names, estimator_=estimator))


def sample_shape_of(X):
    """Return the shape of one image, or None if X holds rows."""
    shape = tuple(X.shape[1:]) if is_lazy(X) else as_rows(X)[1]
    return shape if len(shape) > 1 else None


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
