"""Scatter plots of the latent space, with labels and images."""

import numpy as np

from sklearn_unsup.displays._pictures import as_pictures, find_shape, pyplot, to_rgb, value_range

# Okabe & Ito 2008, "Color Universal Design": distinguishable with any kind of colour vision.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
SPACING = 2.0  # of thumbnails, relative to their size, so that points between them stay visible
MARKERS = "os^Dv"  # one for every eight labels, as colours repeat


def check_embedding(embedding, labels=None, **rows):
    """Return an embedding in the plane and labels as arrays; raise an error if lengths differ."""
    embedding = np.asarray(embedding)
    if embedding.ndim != 2 or embedding.shape[1] != 2:
        raise ValueError(
            f"embedding has shape {embedding.shape}, expected (n_samples, 2). Choose two "
            "columns, or embed the codes by PCA(2), TSNE() or UMAP()."
        )
    labels = None if labels is None else np.asarray(labels)
    for name, values in {"labels": labels, **rows}.items():
        if values is not None and len(values) != len(embedding):
            raise ValueError(f"embedding has {len(embedding)} rows, and {name} {len(values)}.")
    return embedding, labels


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
        components=(0, 1),
        image_shape=None,
        channel_axis=None,
        ax=None,
        **plot,
    ):
        """Show two components of ``estimator.transform(X)``.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform`.
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.
        y : array-like of shape (n_samples,), default=None
            Labels or clusters, for colours and markers.
        components : tuple of two int, default=(0, 1)
            Components to show. To see all components at once, embed the codes with t-SNE or UMAP
            and use :meth:`from_arrays`.
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
        image_shape, channel_axis = find_shape(estimator, image_shape, channel_axis)
        return cls.from_arrays(
            codes[:, list(components)],
            y,
            X,
            axis_names=tuple(f"component {component}" for component in components),
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
        axis_names=("", ""),
        image_shape=None,
        channel_axis=None,
        ax=None,
        **plot,
    ):
        """Show a given embedding.

        Parameters
        ----------
        embedding : array-like of shape (n_samples, 2)
            Result of t-SNE, UMAP or PCA, for example.
        labels : array-like of shape (n_samples,), default=None
            Labels or clusters, for colours and markers.
        X : array-like of shape (n_samples, n_features) or (n_samples, ...), default=None
            The images, for thumbnails.
        axis_names : tuple of str
            Labels of the axes.
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
        embedding, labels = check_embedding(embedding, labels=labels, X=X)
        pictures = None if X is None else as_pictures(X, image_shape, channel_axis)
        display = cls(embedding=embedding, labels=labels, pictures=pictures, axis_names=axis_names)
        return display.plot(ax, **plot)

    def plot(self, ax=None, *, size=8, alpha=0.7, thumbnails=True, thumbnail_size=24, cmap="gray"):
        """Plot the points, and as many images as fit without overlap.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        size, alpha : float
            Area of a point in square points (1/72 inch), and its opacity.
        thumbnails : bool, default=True
            Whether to show images, if there are any.
        thumbnail_size : float, default=24
            Longer side of the images, in pixels of the figure.
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
        pictures = to_rgb(self.pictures, value_range(self.pictures), cmap)
        longest = max(pictures.shape[1:3])
        is_free = np.ones(len(pixels), dtype=bool)
        for row in np.random.RandomState(0).permutation(len(pixels)):
            if not is_free[row]:
                continue
            is_free &= np.abs(pixels - pixels[row]).max(axis=1) > SPACING * size
            zoom = size / longest * 72 / self.figure_.dpi
            box = AnnotationBbox(
                OffsetImage(pictures[row], zoom=zoom, interpolation="nearest"),
                self.embedding[row],
                pad=0.1,
                bboxprops={"edgecolor": colours[row], "linewidth": 1.5},
            )
            self.thumbnails_.append(self.ax_.add_artist(box))
            self.thumbnail_rows_.append(int(row))
