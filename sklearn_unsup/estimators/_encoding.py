"""Encode images: `transform`."""

from typing import ClassVar

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup._data import share_memory
from sklearn_unsup._devices import isolated_settings


class EncoderMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """`transform`, for an `ImageEstimator` with `n_components` and a network with `encode`."""

    __metadata_request__transform: ClassVar[dict] = {"out": UNUSED}  # not sample metadata

    @isolated_settings()
    def transform(self, X, out=None):
        """Encode images.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.
        out : array of shape (n_samples, width of the codes), default=None
            Array to write the codes to, chunk by chunk. Pass a memory map or an HDF5 dataset if the
            codes do not fit into memory. None allocates an array.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components), float32
            Latent codes (the embedding), one row per image; `out` if it is given.

        Raises
        ------
        ValueError
            If X or `out` has the wrong shape, `out` cannot hold floating point numbers, or codes
            are not finite.
        """
        check_is_fitted(self)
        rows = self._validate(X)
        if out is not None:
            _check_out(out, (len(rows), self._n_features_out), X, rows)
        return self._transform(rows, out)

    def _encode(self, rows, out=None):
        """Return the codes (n, k) of rows (n, n_features)."""
        return self._apply(
            lambda tensor: self.network_.encode(self._to_images(tensor)),
            rows,
            self._code_width,
            out=out,
        )

    def _transform(self, rows, out):
        """Return the output of `transform` for validated rows."""
        return self._encode(rows, out)

    def _smoke_test(self, network, images, parameters):
        """Encode images."""
        network.encode(images)
        super()._smoke_test(network, images, parameters)

    @property
    def _code_width(self):
        return self._fitted_params["n_components"]

    @property
    def _n_features_out(self):
        return self._code_width

    def __sklearn_tags__(self):
        """Return the tags: codes are float32 for any dtype of X."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _check_out(out, shape, *sources):
    """Raise a ValueError if float32 numbers of a shape cannot be written to `out`.

    `out` must not share memory with X, as rows would be overwritten before they are encoded.
    """
    if any(share_memory(out, source) for source in sources):
        raise ValueError("out shares memory, or a file, with X. Give an array of its own.")
    found, dtype = tuple(getattr(out, "shape", ())), getattr(out, "dtype", None)
    if found != shape:
        raise ValueError(f"out has shape {found}, expected {shape}.")
    if not np.can_cast(np.float32, dtype, "same_kind"):
        raise ValueError(f"out has dtype {dtype}, expected one of floating point, such as float32.")
