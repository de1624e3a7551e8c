"""Validate X, convert it to rows, and convert rows back to the layout of X."""

from functools import partial

import numpy as np
from sklearn.utils.validation import validate_data

from sklearn_unsup._data import (
    LazyRows,
    ShiftedRows,
    as_rows,
    channels_first,
    check_readable,
    check_rows,
    find_layout,
    find_shift,
    is_lazy,
    numeric,
    to_images,
    warn_of_misreading,
    warn_of_other_range,
)
from sklearn_unsup._training import TrainingData


class InputMixin:
    """Validate X, learn its layout and range, and return output in that layout.

    The estimator has the parameters `image_shape` and `channel_axis`.
    """

    def _validate(self, X, reset=False):
        """Return X as validated rows; with `reset`, learn its width, layout and range."""
        check_readable(X)
        lazy = is_lazy(X)
        rows, sample_shape = as_rows(np.asanyarray(X[:1]) if lazy else X)
        is_images = len(sample_shape) > 1
        if not reset and is_images and sample_shape != self._layout[0]:
            raise ValueError(
                f"X has images of shape {sample_shape}, but {type(self).__name__} was fitted with "
                f"images of shape {self._layout[0]}. Reshape X, or fit again."
            )
        # X may be on a disk, so its dtype is only converted when rows are read.
        rows = validate_data(self, rows, reset=reset, dtype="numeric", ensure_all_finite=False)
        check = partial(check_rows, estimator=self)
        rows = LazyRows(X, check) if lazy else numeric(rows)
        first = rows.block(0) if lazy else rows
        found = check(first)
        shift = find_shift(*found[:2]) if reset else getattr(self, "_shift", 0)
        if shift:
            rows = LazyRows(ShiftedRows(X if lazy else rows, shift), check)
        if reset:
            self._set_layout(sample_shape, is_images)
            self._range, self._shift = found, shift
            is_named = hasattr(self, "feature_names_in_")
            warn_of_misreading(
                len(rows), sample_shape, self.image_shape, self.channel_axis, is_named
            )
        elif getattr(self, "_range", None) is not None:  # old files have none
            warn_of_other_range(found, self._range, first)
        return rows

    def _set_layout(self, sample_shape, is_images):
        self._layout = find_layout(
            self.n_features_in_,
            self.image_shape,
            self.channel_axis,
            sample_shape if is_images else None,
        )
        self._output_shape = sample_shape if is_images else (self.n_features_in_,)
        self.image_shape_ = channels_first(self._layout)

    def _validate_y(self, y, n_samples, reset=False):
        """Return `Batch.given` for each sample, (n_samples, ...); None ignores y.

        Parameters
        ----------
        y : array-like or None
            The y of `fit`; None for the rows of `X_val`, which have no labels.
        n_samples : int
        reset : bool
            Whether to learn the classes, or to use those of an earlier call.
        """
        return None

    def _validate_held_out(self, X_val):
        """Return `X_val` as validated data, or None."""
        if X_val is None:
            return None
        if not (self.early_stopping or self._always_validates):
            raise ValueError(
                "X_val is given, and early_stopping=False, so that nothing would be validated. "
                "Set early_stopping=True, or leave X_val out."
            )
        rows = self._validate(X_val)
        return TrainingData(rows, self._validate_y(None, len(rows)))

    def _to_images(self, rows):
        """Return rows (b, n_features) as images (b, c, h, w)."""
        return to_images(rows, self._layout)

    def _to_output(self, rows):
        """Return rows in the units and layout of X; shifted values are float64 for precision."""
        shift = getattr(self, "_shift", 0)
        return (rows + np.float64(shift) if shift else rows).reshape(len(rows), *self._output_shape)
