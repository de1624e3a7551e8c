"""The input of a detector: its width, its names and its layout, with or without an estimator."""

from math import prod

from sklearn.utils.validation import validate_data

from sklearn_unsup._data import as_rows, check_rows, find_layout, is_lazy
from sklearn_unsup.estimators._reconstruction_errors import rows_of
from sklearn_unsup.estimators._values import plain

INPUT = "n_features_in_", "feature_names_in_"


class DetectorInputMixin:
    """Learn the layout of X; the detector has the parameters `image_shape` and `channel_axis`."""

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

    def _check_images(self, X, X_val):
        """Raise an error if X, `image_shape` or X_val is not valid, before anything is learnt."""
        rows, image_shape = rows_of(X)[0], plain(self.image_shape)
        if not is_lazy(X):  # else when the estimator reads them
            check_rows(rows)
        n_features = rows.shape[1]
        if image_shape is not None:
            find_layout(n_features, image_shape, plain(self.channel_axis), sample_shape_of(X))
        if X_val is None:
            return
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


def sample_shape_of(X):
    """Return the shape of one image, or None if X holds rows."""
    shape = tuple(X.shape[1:]) if is_lazy(X) else as_rows(X)[1]
    return shape if len(shape) > 1 else None
