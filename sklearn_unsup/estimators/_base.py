"""What every estimator does: validate, encode, decode, draw."""

import functools
from functools import partial
from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn import get_config
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_array, check_scalar
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_unsup._data import (
    LazyRows,
    ShiftedRows,
    as_rows,
    channels_first,
    check_readable,
    check_rows,
    find_layout,
    is_lazy,
    numeric,
    share_memory,
    shift_of,
    to_images,
    to_rows,
    warn_of_misreading,
    warn_of_other_range,
)
from sklearn_unsup._devices import apply_in_chunks, computing, draw_seed, own_settings
from sklearn_unsup._sklearn import _fit_context
from sklearn_unsup._training import Interrupts, ScikitLearnCallbacks
from sklearn_unsup.estimators._documentation import DocumentationLink
from sklearn_unsup.estimators._exploration import Exploration
from sklearn_unsup.estimators._fitting import Fitting
from sklearn_unsup.estimators._saving import Saving


def _check_out(out, shape, *sources):
    """Raise a ValueError if float32 numbers of a shape cannot be written to `out`.

    Neither can they where X lies: codes would be written over rows that are still to be encoded.
    """
    if any(share_memory(out, source) for source in sources):
        raise ValueError("out shares memory, or a file, with X. Give an array of its own.")
    found, dtype = tuple(getattr(out, "shape", ())), getattr(out, "dtype", None)
    if found != shape:
        raise ValueError(f"out has shape {found}, expected {shape}.")
    if not np.can_cast(np.float32, dtype, "same_kind"):
        raise ValueError(f"out has dtype {dtype}, expected one of floating point, such as float32.")


class chunks_unless_early_stopping:
    """Hide `partial_fit` from those who ask where it would hold rows out of each chunk."""

    def __init__(self, method):
        self.method = method
        functools.update_wrapper(self, method)

    def __get__(self, estimator, cls):
        """Return the method, or raise what is both an AttributeError and a ValueError."""
        if estimator is None:
            return self.method
        if estimator.early_stopping:
            raise EarlyStoppingError(
                "partial_fit does not support early_stopping=True: it would hold rows out of each "
                "chunk. Set early_stopping=False, or call fit."
            )
        return self.method.__get__(estimator, cls)


class EarlyStoppingError(AttributeError, ValueError):
    """There is no `partial_fit` with `early_stopping`; hasattr says so, as scikit-learn asks."""


class BaseConvEstimator(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    DocumentationLink,
    Exploration,
    Saving,
    Fitting,
):
    """Base of the estimators that learn from images with a network.

    A child gives `_network_parameters` (the names of the parameters that shape its network) and
    the hooks `_build_network`, `_fit_scaling` and `_draw_codes`, and brings its scores; further
    hooks are at the end of `Fitting`.
    """

    __metadata_request__transform: ClassVar[dict] = {"out": UNUSED}  # no metadata of samples

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, X_val=None):
        """Train the network on X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Rows of pixels, or images with two or three sides; numbers of any dtype, in any units.
            May lie on a disk: a memory map, an HDF5 or zarr array, :class:`.NpyFiles`.
        y : Ignored
            Not used, present for API consistency by convention.
        X_val : array-like of shape (n_val, n_features) or (n_val, ...), default=None
            Rows to validate on, in place of a share of X (`validation_fraction`). Only used where
            rows are held out: with ``early_stopping=True``, and by `ConvGAN`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If X or a parameter is not what is described here.
        TrainingDivergedError
            If the training loss is not finite any more. What an earlier `fit` learnt is kept.
        MemoryError
            If the device has not enough memory for a batch.
        RuntimeError
            In a process that was forked from one in which torch had used several threads or a GPU.
        KeyboardInterrupt
            On Ctrl-C; after at least one epoch, what was learnt so far is kept.
        """
        with Interrupts() as interrupts, own_settings():  # Ctrl-C must not keep these from ending
            interrupt = self._fit(X, y, X_val, interrupts)
        if interrupt is not None:
            raise interrupt
        self._warn_of_failure()
        return self

    def _fit(self, X, y, X_val, interrupts):
        """Learn on a draft, and take it over; return the KeyboardInterrupt that ended it."""
        context = self._init_callback_context(max_subtasks=int(self.max_epochs))
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        draft = self._draft()

        def report(rows):
            return ScikitLearnCallbacks(context, self, X, lambda net: draft._snapshot(net, rows))

        interrupt = draft._learn(
            X,
            X_val,
            interrupts,
            resume=draft.warm_start and hasattr(self, "network_"),
            max_epochs=draft.max_epochs,
            schedule=draft.learning_rate_schedule,
            report=report,
        )
        try:
            context.call_on_fit_task_end(
                estimator=self, X=X, y=y, reconstruction_attributes=draft._fitted_attributes
            )
        except KeyboardInterrupt as error:
            interrupt = error
        self._commit(draft)
        return interrupt

    @chunks_unless_early_stopping
    @_fit_context(prefer_skip_nested_validation=False)  # or the user's setting cannot be read
    def partial_fit(self, X, y=None):
        """Train for one more epoch, on X, with a constant learning rate.

        The first call builds the network and learns the scaling; later calls go on from its
        weights and from the optimiser's state.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            A chunk of the data.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X is not of the shape, or beyond the range, of the first chunk where that matters, or
            if a parameter that shapes the network has changed since; with ``early_stopping=True``
            (as in :class:`~sklearn.neural_network.MLPClassifier`). Else as `fit`.
        """
        if not get_config()["skip_parameter_validation"]:  # scikit-learn does before the first call
            self._validate_params()
        with Interrupts() as interrupts, own_settings():
            draft = self._draft()
            interrupt = draft._learn(
                X,
                None,
                interrupts,
                resume=hasattr(self, "network_"),
                max_epochs=1,
                schedule="constant",
                is_chunk=True,
            )
            self._commit(draft)
        if interrupt is not None:
            raise interrupt
        return self

    @own_settings()
    def transform(self, X, out=None):
        """Encode X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.
        out : array of shape (n_samples, width of the codes), default=None
            Where to write the codes, chunk by chunk: a memory map or an HDF5 dataset, for codes
            that are more than the memory holds. None makes an array.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components), float32
            A row of numbers without units for each image; `out`, if it was given.

        Raises
        ------
        ValueError
            If X or `out` has another shape than expected, `out` cannot hold floating point numbers,
            or codes are not finite.
        """
        check_is_fitted(self)
        rows = self._validate(X)
        if out is not None:
            _check_out(out, (len(rows), self._n_features_out), X, rows)
        return self._represent(rows, out)

    @own_settings()
    def inverse_transform(self, X):
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        images : ndarray of shape (n_samples, n_features) or (n_samples, ...), float32
            In the units and the layout of the X that `fit` saw.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=[np.float32, np.float64], input_name="X")
        if codes.shape[1] != self._code_width:
            raise ValueError(
                f"X has {codes.shape[1]} features, but {type(self).__name__}.inverse_transform "
                f"expects codes of {self._code_width} (n_components)."
            )
        check_rows(codes)
        return self._as_fitted(self._decode(codes))

    @own_settings()
    def reconstruct(self, X):
        """Encode X and decode the codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.

        Returns
        -------
        images : ndarray of shape (n_samples, n_features) or (n_samples, ...), float32
            In the units and the layout of the X that `fit` saw.
        """
        check_is_fitted(self)
        return self._as_fitted(self._decode(self._encode(self._validate(X))))

    @own_settings()
    def sample(self, n_samples=1, random_state=None):
        """Draw new images: codes are drawn, and decoded.

        Parameters
        ----------
        n_samples : int, default=1
            How many images to draw.
        random_state : int, RandomState instance or None, default=None
            None draws differently on each call.

        Returns
        -------
        images : ndarray of shape (n_samples, n_features) or (n_samples, ...), float32
            In the units and the layout of the X that `fit` saw.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        return self._as_fitted(self._decode(self._draw_codes(n_samples, draw_seed(random_state))))

    def _validate(self, X, reset=False):
        """Return X as rows, checked; with `reset`, learn its width, layout and range."""
        check_readable(X)
        lazy = is_lazy(X)
        rows, sample_shape = as_rows(np.asanyarray(X[:1]) if lazy else X)
        is_images = len(sample_shape) > 1
        if not reset and is_images and sample_shape != self._layout[0]:
            raise ValueError(
                f"X has images of shape {sample_shape}, but {type(self).__name__} was fitted with "
                f"images of shape {self._layout[0]}. Reshape X, or fit again."
            )
        # Numbers stay as they come, and are converted as they are used: X may lie on a disk.
        rows = validate_data(self, rows, reset=reset, dtype="numeric", ensure_all_finite=False)
        check = partial(check_rows, estimator=self)
        rows = LazyRows(X, check) if lazy else numeric(rows)
        first = rows.block(0) if lazy else rows
        found = check(first)
        shift = shift_of(*found[:2]) if reset else getattr(self, "_shift", 0)
        if shift:
            rows = LazyRows(ShiftedRows(X if lazy else rows, shift), check)
        if reset:
            self._layout = find_layout(
                self.n_features_in_,
                self.image_shape,
                self.channel_axis,
                sample_shape if is_images else None,
            )
            self._output_shape = sample_shape if is_images else (self.n_features_in_,)
            self.image_shape_ = channels_first(self._layout)
            self._range, self._shift = found, shift
            is_named = hasattr(self, "feature_names_in_")
            warn_of_misreading(
                len(rows), sample_shape, self.image_shape, self.channel_axis, is_named
            )
        elif getattr(self, "_range", None) is not None:  # an early version saved none
            warn_of_other_range(found, self._range, first)
        return rows

    # Using: private methods trust their input.

    def _to_images(self, rows):
        return to_images(rows, self._layout)

    def _apply(self, function, rows, n_outputs, noise=None, out=None):
        device = self.network_.scaling.scale.device
        with computing(device):
            return apply_in_chunks(function, rows, device, n_outputs, noise, out)

    def _encode(self, rows, out=None):
        return self._apply(
            lambda tensor: self.network_.encode(self._to_images(tensor)),
            rows,
            self._code_width,
            out=out,
        )

    def _represent(self, rows, out):
        """Return what `transform` gives."""
        return self._encode(rows, out)

    def _decode(self, codes):
        return self._apply(
            lambda tensor: to_rows(self.network_.decode(tensor), self._layout),
            codes,
            self.n_features_in_,
        )

    def _as_fitted(self, rows):
        """Return rows in the units and the layout of X; where float32 lacks digits, in float64."""
        shift = getattr(self, "_shift", 0)
        return (rows + np.float64(shift) if shift else rows).reshape(len(rows), *self._output_shape)

    # What scikit-learn asks.

    @property
    def _code_width(self):
        return self._fitted_params["n_components"]

    @property
    def _n_features_out(self):
        return self._code_width

    def __sklearn_is_fitted__(self):
        """Tell whether `fit` has run."""
        return hasattr(self, "network_")

    def __sklearn_tags__(self):
        """Return the tags: codes are float32 whatever X is."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
