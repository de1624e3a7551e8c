"""Scatter plots of the latent space, with labels and images."""

import numpy as np

from sklearn_unsup.displays._pictures import (
    as_pictures,
    find_shape,
    is_signal,
    pyplot,
    to_rgb,
    value_range,
)
from sklearn_unsup.displays._principal import check_embedding

# Okabe & Ito 2008, "Color Universal Design": distinguishable with any kind of colour vision.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
THUMBNAIL_SIZE = {"image": 24, "signal": 56}  # longer side, in pixels
SPACING = 2.0  # of thumbnails, relative to their size, so that points between them stay visible
MARKERS = "os^Dv"  # one for every eight labels, as colours repeat


class LatentSpaceDisplay:
    """Show images as points of a scatter plot.

    It is recommended to use :meth:`from_estimator` or :meth:`from_arrays`.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, 2)
        Position of each image.
    labels : ndarray of shape (n_samples,), default=None
        Labels or clusters, for colours and markers.
    pictures : ndarray of shape (n_samples, H, W, C), default=None
        The images, for thumbnails.
    axis_names : tuple of str
        Labels of the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    scatters_ : list of matplotlib PathCollection
        One for each label.
    thumbnails_ : list of matplotlib AnnotationBbox
        The images that are shown.
    thumbnail_rows_ : list of int
        Their rows.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_unsup.displays import LatentSpaceDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> display = LatentSpaceDisplay.from_estimator(PCA(2).fit(X), X, y)
    >>> len(display.scatters_)
    10
    """

    def __init__(self, *, embedding, labels=None, pictures=None, axis_names=("", "")):
        self.embedding = embedding
        self.labels = labels
        self.pictures = pictures
        self.axis_names = axis_names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        components=None,
        image_shape=None,
        channel_axis=None,
        ax=None,
        **plot,
    ):
        """Show ``estimator.transform(X)`` in the plane.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform`.
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.
        y : array-like of shape (n_samples,), default=None
            Labels or clusters, for colours and markers.
        components : tuple of two int, default=None
            Components to show. None shows both components of codes of two, and projects wider codes
            onto their first two principal directions; the axes say which share of the variance
            they show. If it is small, embed the codes with t-SNE or UMAP and use
            :meth:`from_arrays`.
        image_shape, channel_axis : default=None
            As for the estimators; None takes the estimator's settings.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : LatentSpaceDisplay
            Plotted.
        """
        codes = np.asarray(estimator.transform(X))
        names = None
        if components is None and codes.shape[1] == 2:
            components = (0, 1)
        if components is not None:
            codes = codes[:, list(components)]
            names = tuple(f"component {component}" for component in components)
        image_shape, channel_axis = find_shape(estimator, image_shape, channel_axis)
        return cls.from_arrays(
            codes,
            y,
            X,
            axis_names=names,
            image_shape=image_shape,
            channel_axis=channel_axis,
            ax=ax,
            **plot,
        )

    @classmethod
    def from_arrays(
        cls,
        embedding,
        labels=None,
        X=None,
        *,
        axis_names=None,
        image_shape=None,
        channel_axis=None,
        ax=None,
        **plot,
    ):
        """Show a given embedding.

        Parameters
        ----------
        embedding : array-like of shape (n_samples, 2) or (n_samples, n_components)
            Result of t-SNE, UMAP or PCA, for example. More than two columns are projected onto
            their first two principal directions.
        labels : array-like of shape (n_samples,), default=None
            Labels or clusters, for colours and markers.
        X : array-like of shape (n_samples, n_features) or (n_samples, ...), default=None
            The images, for thumbnails.
        axis_names : tuple of str, default=None
            Labels of the axes. None names principal directions.
        image_shape, channel_axis : default=None
            As for the estimators.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : LatentSpaceDisplay
            Plotted.
        """
        embedding, names, labels = check_embedding(embedding, labels=labels, X=X)
        pictures = None if X is None else as_pictures(X, image_shape, channel_axis)
        names = names if axis_names is None else axis_names
        display = cls(embedding=embedding, labels=labels, pictures=pictures, axis_names=names)
        return display.plot(ax, **plot)

    def plot(
        self, ax=None, *, size=8, alpha=0.7, thumbnails=True, thumbnail_size=None, cmap="gray"
    ):
        """Plot the points, and as many images as fit without overlap.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        size, alpha : float
            Area of a point in square points (1/72 inch), and its opacity.
        thumbnails : bool, default=True
            Whether to show images, if there are any.
        thumbnail_size : float, default=None
            Longer side of the images, in pixels of the figure. None takes 24, and 56 for signals.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of grey images.

        Returns
        -------
        display : LatentSpaceDisplay
            Plotted.
        """
        plt = pyplot()
        if ax is None:
            _, ax = plt.subplots(figsize=(7, 6), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        labels = np.zeros(len(self.embedding)) if self.labels is None else self.labels
        self.scatters_, colours = [], {}
        for i, label in enumerate(np.unique(labels)):
            colours[label] = COLOURS[i % len(COLOURS)]
            style = {
                "color": colours[label],
                "marker": MARKERS[i // len(COLOURS) % len(MARKERS)],
                "label": str(label),
            }
            points = self.embedding[labels == label].T
            self.scatters_.append(ax.scatter(*points, s=size, alpha=alpha, linewidth=0, **style))
        ax.set(xlabel=self.axis_names[0], ylabel=self.axis_names[1])
        if self.labels is not None:
            ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=2, frameon=False)
        self.thumbnails_, self.thumbnail_rows_ = [], []
        if thumbnails and self.pictures is not None:
            self._add_thumbnails(thumbnail_size, cmap, [colours[label] for label in labels])
        return self

    def _add_thumbnails(self, size, cmap, colours):
        """Show the images of points in random order, where there is room."""
        from matplotlib.offsetbox import AnnotationBbox, OffsetImage

        self.figure_.canvas.draw()  # the layout, and so the pixel of each point, is now final
        pixels = self.ax_.transData.transform(self.embedding)
        limits = value_range(self.pictures)
        size = size or THUMBNAIL_SIZE["signal" if is_signal(self.pictures) else "image"]
        is_free = np.ones(len(pixels), dtype=bool)
        for row in np.random.RandomState(0).permutation(len(pixels)):
            if not is_free[row]:
                continue
            is_free &= np.abs(pixels - pixels[row]).max(axis=1) > SPACING * size
            picture = to_rgb(self.pictures[row], limits, cmap)
            zoom = size / max(picture.shape[:2]) * 72 / self.figure_.dpi
            box = AnnotationBbox(
                OffsetImage(picture, zoom=zoom, interpolation="antialiased"),
                self.embedding[row],
                pad=0.1,
                bboxprops={"edgecolor": colours[row], "linewidth": 1.5},
            )
            self.thumbnails_.append(self.ax_.add_artist(box))
            self.thumbnail_rows_.append(int(row))
