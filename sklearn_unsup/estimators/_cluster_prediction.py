"""Clusters of new images: `predict`, `predict_proba` and `score`."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup._devices import isolated_settings
from sklearn_unsup.estimators._clusters import mutual_information
from sklearn_unsup.networks.views import preset

MAX_ROWS = 10_000  # that are scored
SEED = 0  # of their choice, and of their views


class ClusterPredictionMixin:
    """Clusters, for an `ImageEstimator` with `EncoderMixin` and `RandomViewsMixin`.

    The network has `logits` of codes.
    """

    @isolated_settings()
    def predict(self, X):
        """Return the cluster of each image.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            From 0 to `n_clusters` - 1. Those of the training images are `labels_`.
        """
        check_is_fitted(self)
        return self._labels(self._validate(X))

    @isolated_settings()
    def predict_proba(self, X):
        """Return the probability of each cluster.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_clusters), float32
            With ``method="information"``, training makes them certain: most are near 0 or 1, also
            where they are wrong. With "idec" they are less certain the more clusters there are.
        """
        check_is_fitted(self)
        return self._probabilities(self._validate(X))

    @isolated_settings()
    def score(self, X, y=None):
        """Return what the cluster of one view of an image tells about that of another, in nats.

        It is the mutual information of the clusters of two random views [1]_, from 0 to the
        logarithm of `n_clusters`. It needs no labels. The views are those of ``views="auto"``,
        whatever the parameter is. It cannot choose `n_clusters`: more clusters have higher scores,
        and so have fewer images. Compare models with as many clusters, on the same images.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images. Of more than 10,000, 10,000 are drawn with a fixed seed.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        information : float
            Larger is better. Each call returns the same value, as the seeds are fixed.

        References
        ----------
        .. [1] Ji, Henriques & Vedaldi (2019). "Invariant Information Clustering for Unsupervised
           Image Classification and Segmentation". ICCV.
        """
        check_is_fitted(self)
        rows = self._validate(X)
        order = np.random.RandomState(SEED).permutation(len(rows))[:MAX_ROWS]
        rows, view = rows[np.sort(order)], preset("auto", self.image_shape_)
        views = (self._draw_views(rows, SEED + i, view) for i in range(2))
        one_hot = np.eye(self.network_.head.out_features)
        return mutual_information(*(one_hot[self._labels(each)] for each in views))

    def _probabilities(self, rows):
        network = self.network_
        return self._apply(
            lambda tensor: network.logits(network.encode(self._to_images(tensor))).softmax(1),
            rows,
            network.head.out_features,
        )

    def _labels(self, rows):
        return self._probabilities(rows).argmax(axis=1).astype(np.int32)
