"""Typical images of clusters."""

import numpy as np

from sklearn_unsup.displays._grid import GridDisplay
from sklearn_unsup.displays._pictures import as_pictures, find_shape


class ClusterDisplay(GridDisplay):
    """Show the most, or the least, typical images of each cluster, one row for each cluster.

    It is recommended to use :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    images : ndarray of shape (n_clusters, n_images, H, W, C)
        The images, NaN where the grid has none.
    row_labels, column_labels : list of str or None
        Written beside the rows and above the columns.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup.displays import ClusterDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> labels = KMeans(4, random_state=0).fit_predict(X)
    >>> ClusterDisplay.from_predictions(X, labels, n_images=6).images.shape
    (4, 6, 8, 8, 1)
    """

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        n_images=10,
        farthest=False,
        image_shape=None,
        channel_axis=None,
        ax=None,
        **plot,
    ):
        """Show the clusters of a Pipeline that ends in a clusterer.

        Parameters
        ----------
        estimator : Pipeline or clusterer
            Fitted to X. Typical images are near the mean of their cluster in the input space of the
            clusterer: the output of the earlier steps. For a clusterer that encodes images, such as
            :class:`~sklearn_unsup.ConvClusterer`, it is that of the codes.
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.
        n_images : int, default=10
            Number of images of each cluster.
        farthest : bool, default=False
            Show the least typical images: those farthest from the mean of their cluster.
        image_shape, channel_axis : default=None
            As for the estimators; None takes the settings of an estimator in the Pipeline.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : ClusterDisplay
            Plotted.
        """
        clusterer, embedding = estimator, None
        if hasattr(estimator, "steps"):
            clusterer = estimator[-1]
            embedding = estimator[:-1].transform(X) if len(estimator) > 1 else None
        if hasattr(clusterer, "n_components") and hasattr(clusterer, "transform"):
            embedding = clusterer.transform(X if embedding is None else embedding)
        labels = estimator.predict(X) if hasattr(estimator, "predict") else clusterer.labels_
        image_shape, channel_axis = find_shape(estimator, image_shape, channel_axis)
        return cls.from_predictions(
            X,
            labels,
            embedding=embedding,
            n_images=n_images,
            farthest=farthest,
            image_shape=image_shape,
            channel_axis=channel_axis,
            ax=ax,
            **plot,
        )

    @classmethod
    def from_predictions(
        cls,
        X,
        labels,
        *,
        embedding=None,
        n_images=10,
        farthest=False,
        image_shape=None,
        channel_axis=None,
        ax=None,
        **plot,
    ):
        """Show the clusters given by labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.
        labels : array-like of shape (n_samples,)
            Cluster of each image. Noise (-1) is left out.
        embedding : array-like of shape (n_samples, n_dimensions), default=None
            Typical images are nearest to the mean of their cluster in this space. None takes X.
        n_images : int, default=10
            Number of images of each cluster.
        farthest : bool, default=False
            Show the least typical images: those farthest from the mean of their cluster.
        image_shape, channel_axis : default=None
            As for the estimators.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : ClusterDisplay
            Plotted.
        """
        if n_images < 1:
            raise ValueError(f"n_images={n_images!r}: expected at least 1.")
        labels = np.asarray(labels)
        pictures = as_pictures(X, image_shape, channel_axis)
        points = pictures if embedding is None else np.asarray(embedding)
        if not len(labels) == len(pictures) == len(points):
            raise ValueError(
                f"There are {len(pictures)} images, {len(labels)} labels and {len(points)} rows of "
                "the embedding: expected as many of each."
            )
        points = points.reshape(len(points), -1)
        clusters = np.unique(labels[labels != -1])
        if not len(clusters):
            raise ValueError(
                f"All {len(labels)} labels are -1 (noise): there is no cluster to show."
            )
        grid = np.full((len(clusters), n_images, *pictures.shape[1:]), np.nan)
        names = []
        for row, cluster in zip(grid, clusters, strict=True):
            members = np.flatnonzero(labels == cluster)
            distances = np.linalg.norm(points[members] - points[members].mean(axis=0), axis=1)
            order = np.argsort(-distances if farthest else distances, kind="stable")[:n_images]
            row[: len(order)] = pictures[members[order]]
            names.append(f"{cluster} ({len(members)})")
        return cls(images=grid, row_labels=names).plot(ax, **plot)
