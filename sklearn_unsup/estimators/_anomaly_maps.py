"""Maps of where in an image something is unusual."""

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup._data import row_blocks
from sklearn_unsup._devices import isolated_settings
from sklearn_unsup.estimators._outlier_methods import has_patches, is_of_errors, reconstructs
from sklearn_unsup.estimators._patch_statistics import patch_maps
from sklearn_unsup.estimators._pooled_errors import errors_of
from sklearn_unsup.estimators._reconstruction_errors import BLOCK_SIZE, encode, rows_of


class AnomalyMapsMixin:
    """`error_map` and `anomaly_map`, for a detector with `_check_input` and fitted attributes."""

    @available_if(reconstructs)
    @isolated_settings()
    def error_map(self, X):
        """Return the reconstruction error of each pixel.

        Only available if `estimator` has `inverse_transform`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.

        Returns
        -------
        errors : ndarray of the shape of X, float64
            Squared errors, in the squared units of X. With the method "reconstruction_error" and
            ``error="structural_similarity"``, 1 minus the similarity around a pixel, from 0 to 2.
        """
        check_is_fitted(self)
        codes, rows, sample_shape = encode(self.estimator_, X)
        errors = np.empty(rows.shape)
        reference = self._reference if is_of_errors(self._reference) else None
        for block in row_blocks(rows, BLOCK_SIZE):
            errors[block] = errors_of(
                self.estimator_, codes[block], rows[block], self._layout, reference
            )
        return errors.reshape(-1, *sample_shape)

    @available_if(has_patches)
    @isolated_settings()
    def anomaly_map(self, X):
        """Return how unusual the patches around each pixel are.

        Only available for the methods "patches" and "combined".

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.

        Returns
        -------
        maps : ndarray of shape (n_samples, H, W), float32
            Mahalanobis distances from the distribution of patches at that place, about the square
            root of the number of features (32 to 90) for common patches. There is one map for all
            channels.
        """
        check_is_fitted(self)
        self._check_input(X, self.estimator_)
        return patch_maps(rows_of(X)[0], self._layout, self._reference)
