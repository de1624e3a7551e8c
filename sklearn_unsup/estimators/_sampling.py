"""Generate images: `sample`."""

from numbers import Integral

from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup._devices import draw_seed, isolated_settings


class SamplerMixin:
    """`sample`, for an `ImageEstimator`."""

    @isolated_settings()
    def sample(self, n_samples=1, random_state=None):
        """Generate new images.

        Parameters
        ----------
        n_samples : int, default=1
            Number of images.
        random_state : int, RandomState instance or None, default=None
            Seed of the samples. With None, each call returns other images.

        Returns
        -------
        images : ndarray of shape (n_samples, n_features) or (n_samples, ...), float32
            In the units and the layout of the X that `fit` saw.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        return self._to_output(self._draw(n_samples, draw_seed(random_state)))

    def _draw(self, n, seed):
        """Return new rows (n, n_features)."""
        raise NotImplementedError


class CodeSamplerMixin(SamplerMixin):
    """`sample` from a distribution of codes, for an estimator with `DecoderMixin`."""

    def _draw(self, n, seed):
        return self._decode(self._draw_codes(n, seed))

    def _draw_codes(self, n, seed):
        """Draw codes (n, n_components)."""
        raise NotImplementedError
