"""Score of codes without labels: what the code of a view tells about its image.

Thilak et al. 2024, "LiDAR: Sensing Linear Probing Performance in Joint Embedding SSL
Architectures".
"""

import numpy as np
from scipy import linalg
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup._devices import isolated_settings
from sklearn_unsup.networks.views import preset

N_VIEWS = 4  # of each image; their seeds are 0, 1, ...
MAX_ROWS = 2000  # that are scored
MIN_ROWS_OF_EPOCH, MAX_ROWS_OF_EPOCH = 20, 500
SEED = 0  # of the choice of rows
ROUNDING = 1e-12  # relative variance of equal codes, in float32
SHRINKAGE = 0.1  # of the covariance within images, towards a multiple of the identity


def n_scored(n_rows):
    """Return of how many rows each epoch of a training is scored: it must take little time."""
    return max(min(n_rows // 5, MAX_ROWS_OF_EPOCH), min(n_rows, MIN_ROWS_OF_EPOCH))


class ViewInformationMixin:
    """`score` by the information in codes.

    For an `ImageEstimator` with `EncoderMixin` and `RandomViewsMixin`.
    """

    @isolated_settings()
    def score(self, X, y=None):
        """Return what the code of a view tells about its image, in nats.

        It is the mutual information of a code and its image if both the codes of the views of an
        image, and their means over images, are Gaussian: half the log-determinant of
        ``I + W^-1 B``, where W is the covariance of codes within images and B that between images
        [1]_. Codes score high that hardly depend on the view, and differ between images in many
        dimensions. No labels are needed, and the ranking is much like that of a linear classifier
        of the true labels.

        The views are those of ``views="auto"``, whatever the parameter is, so that models with
        different views can be compared.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            At least 2 samples. Of more than 2,000, 2,000 are drawn with a fixed seed. Only compare
            scores of equal numbers of samples.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        information : float
            At least 0; larger is better. Each call returns the same value, as the seeds are fixed.

        References
        ----------
        .. [1] Thilak et al. (2024). "LiDAR: Sensing Linear Probing Performance in Joint Embedding
           SSL Architectures". ICLR. Section 4; they take the effective rank of the same matrix.
        """
        check_is_fitted(self)
        rows = self._validate(X)
        if len(rows) < 2:
            raise ValueError(
                f"X has n_samples={len(rows)}, but {type(self).__name__}.score compares views of "
                "different images, and expects at least 2 samples."
            )
        return self._view_information(rows)

    def _view_information(self, rows, max_rows=MAX_ROWS):
        """Return the information in the codes of views, of at most `max_rows` rows."""
        order = np.random.RandomState(SEED).permutation(len(rows))[:max_rows]
        rows, view = rows[np.sort(order)], preset("auto", self.image_shape_)
        views = (self._draw_views(rows, seed, view) for seed in range(N_VIEWS))
        return gaussian_information(np.stack([self._encode(each) for each in views]))


def gaussian_information(codes):
    """Return the mutual information, in nats, of codes (v, n, k) of views and their n images."""
    v, n, k = codes.shape
    codes = codes.astype(np.float64)
    means = codes.mean(axis=0)
    deviations = (codes - means).reshape(-1, k)
    within = deviations.T @ deviations / (n * (v - 1))
    means = means - means.mean(axis=0)
    between = means.T @ means / (n - 1) - within / v  # the means of v views vary with the views
    size = np.square(codes).mean()
    if np.trace(between) / k <= ROUNDING * size:  # all codes are equal
        return 0.0
    scale = max(np.trace(within) / k, ROUNDING * size)
    ratios = linalg.eigvalsh(between, within + SHRINKAGE * scale * np.eye(k))
    return float(0.5 * np.log1p(np.maximum(ratios, 0)).sum())
