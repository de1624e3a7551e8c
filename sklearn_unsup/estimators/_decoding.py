"""Decode codes: reconstructions, interpolations and traversals of the latent space."""

from numbers import Integral

import numpy as np
import torch
from sklearn.utils import check_array, check_scalar
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, column_or_1d

from sklearn_unsup._data import check_rows
from sklearn_unsup._devices import isolated_settings


class DecoderMixin:
    """`inverse_transform`, `reconstruct`, `interpolate` and `traverse`.

    For an `ImageEstimator` with `EncoderMixin` whose network has `decode`.
    """

    @isolated_settings()
    def inverse_transform(self, X):
        """Decode codes to images.

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
        return self._to_output(self._decode(codes))

    @isolated_settings()
    def reconstruct(self, X):
        """Encode images, and decode their codes.

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
        return self._to_output(self._decode(self._encode(self._validate(X))))

    @isolated_settings()
    def interpolate(self, X_a, X_b, n_steps=10, *, path="linear"):
        """Interpolate in latent space between each image of `X_a` and its partner in `X_b`.

        Parameters
        ----------
        X_a, X_b : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images at the start and at the end of each path.
        n_steps : int, default=10
            Number of images per path, both ends included; at least 2.
        path : {"linear", "spherical"}, default="linear"
            "spherical" rotates the code at constant speed. It avoids the centre of the latent
            space, where there are few codes [1]_. For parallel, opposite or zero codes it is the
            straight line.

        Returns
        -------
        images : ndarray of shape (n_samples, n_steps, n_features) or (n_samples, n_steps, ...)
            In the units and the layout of the X that `fit` saw, float32.

        References
        ----------
        .. [1] White (2016). "Sampling Generative Networks". arXiv:1609.04468. Section 2.1.
        """
        check_is_fitted(self)
        check_scalar(n_steps, "n_steps", Integral, min_val=2)
        if path not in _PATHS:
            raise ValueError(f"path={path!r}: expected one of {sorted(_PATHS)}.")
        codes_a, codes_b = (self._encode(self._validate(X)) for X in (X_a, X_b))  # (n, k)
        if len(codes_a) != len(codes_b):
            raise ValueError(
                f"X_a has {len(codes_a)} samples and X_b has {len(codes_b)}: expected as many, to "
                "go from each to its partner."
            )
        codes = _PATHS[path](codes_a[:, np.newaxis], codes_b[:, np.newaxis], n_steps)
        images = self._to_output(self._decode(codes.reshape(-1, codes.shape[2])))
        return images.reshape(len(codes_a), n_steps, *images.shape[1:])

    @isolated_settings()
    def traverse(self, X_row, component, values):
        """Decode the code of an image, with one component set to each of several values.

        Parameters
        ----------
        X_row : array-like of shape (n_features,), (1, n_features), the image's or (1, ...)
            One image.
        component : int
            Index of the component to change.
        values : array-like of shape (n_values,)
            Values of the component.

        Returns
        -------
        images : ndarray of shape (n_values, n_features) or (n_values, ...), float32
            In the units and the layout of the X that `fit` saw.
        """
        check_is_fitted(self)
        check_scalar(component, "component", Integral, min_val=0, max_val=self._code_width - 1)
        values = column_or_1d(np.asarray(values, dtype=np.float32))
        if not np.isfinite(values).all():
            raise ValueError("values holds NaN or infinity: expected finite numbers.")
        if np.shape(X_row) in (self._output_shape, (self.n_features_in_,)):
            X_row = np.asarray(X_row)[np.newaxis]
        code = self._encode(self._validate(X_row))  # (1, k)
        if len(code) != 1:
            raise ValueError(f"X_row has {len(code)} samples: expected one image.")
        codes = np.repeat(code, len(values), axis=0)
        codes[:, component] = values
        return self._to_output(self._decode(codes))

    def _decode(self, codes):
        """Return rows (n, n_features) from codes (n, k)."""
        return self._generate(self.network_.decode, codes)

    def _smoke_test(self, network, images, parameters):
        """Decode zeros, one code per image."""
        network.decode(torch.zeros(len(images), parameters["n_components"]))
        super()._smoke_test(network, images, parameters)


def _has_decoder(estimator):
    """Tell whether an estimator decodes; otherwise raise an AttributeError."""
    if estimator._decodes():
        return True
    raise AttributeError(f"{type(estimator).__name__} {estimator._why_not_decoded}")


class OptionalDecoderMixin(DecoderMixin):
    """The methods of `DecoderMixin`, if the estimator decodes.

    The estimator has `_decodes()`, and `_why_not_decoded`: a text that follows its name.
    """

    inverse_transform = available_if(_has_decoder)(DecoderMixin.inverse_transform)
    reconstruct = available_if(_has_decoder)(DecoderMixin.reconstruct)
    interpolate = available_if(_has_decoder)(DecoderMixin.interpolate)
    traverse = available_if(_has_decoder)(DecoderMixin.traverse)


def _linear(a, b, n_steps):
    share = np.linspace(0, 1, n_steps, dtype=a.dtype)[:, np.newaxis]
    return (1 - share) * a + share * b  # (n, n_steps, k)


def _spherical(a, b, n_steps):
    share = np.linspace(0, 1, n_steps, dtype=a.dtype)[:, np.newaxis]
    lengths = np.linalg.norm(a, axis=2, keepdims=True) * np.linalg.norm(b, axis=2, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        angle = np.arccos(np.clip((a * b).sum(axis=2, keepdims=True) / lengths, -1, 1))
        turned = (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
    # The line is the limit for parallel codes. The rotation is not unique for opposite codes, and
    # not defined for a zero code.
    return np.where(np.sin(angle) > 1e-3, turned, _linear(a, b, n_steps))


_PATHS = {"linear": _linear, "spherical": _spherical}
