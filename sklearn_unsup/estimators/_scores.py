"""Scores of images: reconstruction errors, or bounds of the log-likelihood."""

from functools import partial
from numbers import Integral

import numpy as np
from scipy.special import logsumexp
from sklearn.utils import check_scalar, gen_batches
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup._data import column_moments, normal_by_row, row_blocks
from sklearn_unsup._devices import isolated_settings

BLOCK_SIZE = 2**22  # numbers, 32 MB in float64
IMPORTANCE_BLOCK = 64  # samples per row whose noise is in memory at once


class ReconstructionScoreMixin:
    """Score by the squared error of the reconstruction.

    For an `ImageEstimator` with `EncoderMixin` and `DecoderMixin`.
    """

    @isolated_settings()
    def score_samples(self, X):
        """Return the negative mean squared error of each reconstruction, in the squared units of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Larger is better.
        """
        check_is_fitted(self)
        return -self._mean_squared_errors(self._validate(X))

    @isolated_settings()
    def score(self, X, y=None):
        """Return the share of the variance of X that the reconstruction explains.

        This is one minus the sum of squared errors, divided by the sum of squared deviations from
        the column means. It is a variance-weighted R2 that includes errors in constant columns.
        Compare it with the sum of ``PCA.explained_variance_ratio_`` for the same `n_components`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        score : float
            At most 1; larger is better. For constant X, it is 1.0 if the reconstruction is exact,
            else 0.0.
        """
        check_is_fitted(self)
        rows = self._validate(X)
        unexplained = float(self._mean_squared_errors(rows).mean())
        _, variance = column_moments(rows)
        if variance == 0:
            return float(unexplained == 0)
        return 1.0 - unexplained / variance

    def _mean_squared_errors(self, rows):
        errors = []
        for block in row_blocks(rows, BLOCK_SIZE):
            reconstructed = self._decode(self._encode(rows[block]))
            errors.append(np.square(rows[block].astype(np.float64) - reconstructed).mean(axis=1))
        return np.concatenate(errors)


class DensityScoreMixin:
    """Score by lower bounds of the log-likelihood.

    For an `ImageEstimator` with `EncoderMixin`, `_row_seed` and `_observed`, which returns the
    observations of the likelihood for some rows. The network has `evidence_lower_bounds` and
    `log_importance_weights`.
    """

    @isolated_settings()
    def score_samples(self, X, n_importance_samples=1):
        """Return a lower bound of the log-likelihood of each row, in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.
        n_importance_samples : int, default=1
            Number of codes drawn per row. 1 gives an estimate of the evidence lower bound. More
            give the importance-weighted bound of Burda et al. (2016). It approaches the
            log-likelihood from below, and its cost is proportional to this number. Published
            results for MNIST use 200 to 5,000.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Larger is more probable.
        """
        check_is_fitted(self)
        check_scalar(n_importance_samples, "n_importance_samples", Integral, min_val=1)
        rows = self._validate(X)
        bound = self._evidence_lower_bounds
        if n_importance_samples > 1:
            bound = partial(self._importance_weighted_bounds, n_samples=n_importance_samples)
        blocks = row_blocks(rows, BLOCK_SIZE)
        return np.concatenate([bound(self._observed(rows[block])) for block in blocks])

    @isolated_settings()
    def score(self, X, y=None):
        """Return the mean evidence lower bound of X, in nats: the mean of `score_samples`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        score : float
            Larger is better.
        """
        return float(self.score_samples(X).mean())

    def _evidence_lower_bounds(self, rows):
        bounds = self._apply(
            lambda tensor, noise: self.network_.evidence_lower_bounds(
                self._to_images(tensor), noise
            )[:, None],
            rows,
            1,
            self._row_noise(),
        )
        return bounds[:, 0].astype(np.float64)

    def _importance_weighted_bounds(self, rows, n_samples):
        blocks = []
        for block in gen_batches(n_samples, IMPORTANCE_BLOCK):
            n = block.stop - block.start
            log_weights = self._apply(
                lambda tensor, noise: self.network_.log_importance_weights(
                    self._to_images(tensor), noise
                ),
                rows,
                n,
                self._row_noise(n, offset=block.start),
            )
            blocks.append(logsumexp(log_weights.astype(np.float64), axis=1))
        return logsumexp(np.stack(blocks, axis=1), axis=1) - np.log(n_samples)

    def _row_noise(self, *shape, offset=0):
        """Return a function that draws the noise of codes, by row."""
        shape = (*shape, self._code_width)
        return partial(normal_by_row, shape=shape, seed=self._row_seed + offset)
