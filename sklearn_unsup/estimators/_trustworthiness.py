"""Score of a map: how far its neighbours can be trusted.

Venna & Kaski 2001, "Neighborhood Preservation in Nonlinear Projection Methods: An Experimental
Study".
"""

import numpy as np
from sklearn.manifold import trustworthiness
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup._data import sample_rows
from sklearn_unsup._devices import isolated_settings

MAX_ROWS = 5000  # that are scored
MAX_NUMBERS = 2**27  # in them
N_NEIGHBORS = 10
SEED = 0  # of the choice of rows


class TrustworthinessMixin:
    """`score` by trustworthiness.

    For an `ImageEstimator` with `EncoderMixin` and `NeighborsMixin`.
    """

    @isolated_settings()
    def score(self, X, y=None):
        """Return the trustworthiness of the map of X.

        It is 1 if the 10 nearest neighbours of each image in the map are also its nearest by the
        Euclidean distance of images, and falls the later they come there [1]_: see
        :func:`sklearn.manifold.trustworthiness`. It is about 0.5 for random positions. With
        neighbours other than those of images, such as ``neighbors="views"``, maps are better than
        their score.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images, at least 5. Of more than 5,000, or fewer of large images, a sample is drawn with
            a fixed seed.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        trustworthiness : float
            From 0 to 1; larger is better. Compare maps of the same images.

        References
        ----------
        .. [1] Venna & Kaski (2001). "Neighborhood Preservation in Nonlinear Projection Methods: An
           Experimental Study". ICANN.
        """
        check_is_fitted(self)
        rows = self._validate(X)
        if len(rows) < 5:
            raise ValueError(
                f"X has n_samples={len(rows)}, but {type(self).__name__}.score compares neighbours "
                "with other images, and expects at least 5 samples."
            )
        n = min(MAX_ROWS, max(20, MAX_NUMBERS // rows.shape[1]))
        if len(rows) > n:
            rows = sample_rows(rows, n, SEED)
        rows = np.asarray(rows[:])
        n_neighbors = min(N_NEIGHBORS, (len(rows) - 1) // 2)
        images = self._standardised(rows)
        return float(trustworthiness(images, self._encode(rows), n_neighbors=n_neighbors))
