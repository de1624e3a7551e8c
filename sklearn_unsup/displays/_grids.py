"""Grids of generated images: samples, walks through codes, clusters."""

import numpy as np

from sklearn_unsup.displays._pictures import (
    as_pictures,
    axes_for_grid,
    shades,
    shape_of,
    show_grid,
    value_range,
)

OUTLIERS = 0.005  # share of values that may lie beyond black and white, on each side


class _GridDisplay:
    """Show a grid of images; a child says what they are.

    Parameters
    ----------
    images : ndarray of shape (n_rows, n_columns, H, W, C)
        NaN where the grid has no image.
    row_labels, column_labels : list of str or None
    """

    def __init__(self, *, images, row_labels=None, column_labels=None):
        self.images = images
        self.row_labels = row_labels
        self.column_labels = column_labels

    @classmethod
    def _from_arrays(cls, images, estimator, image_shape, channel_axis, ax, plot, **labels):
        """Plot images (rows, columns, ...) of an estimator."""
        if image_shape is None and estimator is not None:
            image_shape, channel_axis = shape_of(estimator)
        images = np.asarray(images)
        pictures = as_pictures(images.reshape(-1, *images.shape[2:]), image_shape, channel_axis)
        pictures = pictures.reshape(*images.shape[:2], *pictures.shape[1:])
        return cls(images=pictures, **labels).plot(ax, **plot)

    def plot(self, ax=None, *, limits=None, cmap="gray"):
        """Plot the grid.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        limits : tuple of two float, default=None
            Values that are darkest and brightest, so that grids can be compared. None takes those
            of the images, without the most extreme percent.
        cmap : str or matplotlib Colormap, default="gray"
            Of grey images.

        Returns
        -------
        display : object
        """
        limits = limits or value_range(self.images, OUTLIERS)
        grid = shades(np.nan_to_num(self.images), limits, cmap)
        grid[np.isnan(self.images).any(axis=(2, 3, 4))] = np.nan
        self.ax_, self.figure_ = axes_for_grid(ax, *grid.shape[:4])
        self.image_ = show_grid(self.ax_, grid, self.row_labels, self.column_labels)
        return self


class SampleDisplay(_GridDisplay):
    """Show images that a model has drawn, in a grid.

    It is recommended to use :meth:`from_estimator` or :meth:`from_arrays`.

    Parameters
    ----------
    images : ndarray of shape (n_rows, n_columns, H, W, C)
    row_labels, column_labels : list of str or None

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neighbors import KernelDensity
    >>> from sklearn_unsup.displays import SampleDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> display = SampleDisplay.from_estimator(KernelDensity().fit(X), 20, random_state=0)
    >>> display.images.shape
    (4, 5, 8, 8, 1)
    """

    @classmethod
    def from_estimator(
        cls,
        estimator,
        n_samples=64,
        *,
        random_state=None,
        n_columns=None,
        image_shape=None,
        channel_axis=None,
        ax=None,
        **plot,
    ):
        """Draw images and show them.

        Parameters
        ----------
        estimator : object
            Fitted, with ``sample(n_samples, random_state)``, which returns images, or a tuple that
            begins with them.
        n_samples : int, default=64
        random_state : int, RandomState instance or None, default=None
        n_columns : int, default=None
            None makes the grid about square.
        image_shape, channel_axis : default=None
            As of the estimators; None takes the estimator's own.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : SampleDisplay
        """
        # Not all of scikit-learn's take one here: GaussianMixture has its own.
        options = {} if random_state is None else {"random_state": random_state}
        images = estimator.sample(n_samples, **options)
        images = images[0] if isinstance(images, tuple) else images
        if image_shape is None:
            image_shape, channel_axis = shape_of(estimator)
        return cls.from_arrays(
            images,
            n_columns=n_columns,
            image_shape=image_shape,
            channel_axis=channel_axis,
            ax=ax,
            **plot,
        )

    @classmethod
    def from_arrays(
        cls, images, *, n_columns=None, image_shape=None, channel_axis=None, ax=None, **plot
    ):
        """Show given images.

        Parameters
        ----------
        images : array-like of shape (n_images, n_features) or (n_images, ...)
        n_columns : int, default=None
            None makes the grid about square.
        image_shape, channel_axis : default=None
            As of the estimators.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : SampleDisplay
        """
        pictures = as_pictures(images, image_shape, channel_axis)
        n = len(pictures)
        n_columns = n_columns or int(np.ceil(np.sqrt(n)))
        grid = np.full((-(-n // n_columns) * n_columns, *pictures.shape[1:]), np.nan)
        grid[:n] = pictures
        return cls(images=grid.reshape(-1, n_columns, *pictures.shape[1:])).plot(ax, **plot)


class InterpolationDisplay(_GridDisplay):
    """Show the way from one image to another through the codes.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    images : ndarray of shape (n_ways, n_steps, H, W, C)
    row_labels, column_labels : list of str or None

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvVAE
    >>> from sklearn_unsup.displays import InterpolationDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> vae = ConvVAE(max_epochs=2, random_state=0).fit(X)
    >>> InterpolationDisplay.from_estimator(vae, X[:3], X[3:6], n_steps=7).images.shape
    (3, 7, 8, 8, 1)
    """

    @classmethod
    def from_estimator(cls, estimator, X_a, X_b, *, n_steps=10, path="linear", ax=None, **plot):
        """Show ``estimator.interpolate(X_a, X_b, n_steps, path=path)``.

        Parameters
        ----------
        estimator : object
            Fitted estimator of ours.
        X_a, X_b : array-like of shape (n_ways, n_features) or (n_ways, ...)
            Where the ways begin and end.
        n_steps : int, default=10
        path : {"linear", "spherical"}, default="linear"
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : InterpolationDisplay
        """
        images = estimator.interpolate(X_a, X_b, n_steps, path=path)
        return cls._from_arrays(images, estimator, None, None, ax, plot)


class TraversalDisplay(_GridDisplay):
    """Show what each component of a code does to an image.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    images : ndarray of shape (n_shown_components, n_steps, H, W, C)
    row_labels, column_labels : list of str or None

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvVAE
    >>> from sklearn_unsup.displays import TraversalDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> vae = ConvVAE(4, max_epochs=2, random_state=0).fit(X)
    >>> TraversalDisplay.from_estimator(vae, X[:1], values=[-2, 0, 2]).images.shape
    (4, 3, 8, 8, 1)
    """

    @classmethod
    def from_estimator(cls, estimator, X_row, *, components=None, values=None, ax=None, **plot):
        """Set one component after the other to some values, and decode.

        Parameters
        ----------
        estimator : object
            Fitted estimator of ours.
        X_row : array-like
            One image, as :meth:`ConvVAE.traverse` takes it.
        components : sequence of int, default=None
            None shows the first ten.
        values : array-like of shape (n_steps,), default=None
            None takes nine from -3 to 3, which suits the codes of `ConvVAE` and `ConvGAN`: their
            prior is the standard normal. Codes of `ConvAutoencoder` have a scale of their own.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : TraversalDisplay
        """
        values = np.linspace(-3, 3, 9) if values is None else np.asarray(values)
        if components is None:
            components = range(min(10, estimator.n_components))
        images = [estimator.traverse(X_row, component, values) for component in components]
        return cls._from_arrays(
            np.stack(images),
            estimator,
            None,
            None,
            ax,
            plot,
            row_labels=[f"component {component}" for component in components],
            column_labels=[f"{value:.3g}" for value in values],
        )


class ClusterDisplay(_GridDisplay):
    """Show the most typical images of each cluster, a row for each.

    It is recommended to use :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    images : ndarray of shape (n_clusters, n_images, H, W, C)
    row_labels, column_labels : list of str or None

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
        cls, estimator, X, *, n_images=10, image_shape=None, channel_axis=None, ax=None, **plot
    ):
        """Show the clusters of a Pipeline that ends in a clusterer.

        Parameters
        ----------
        estimator : Pipeline or clusterer
            Fitted to X. What is typical is measured where the clusterer looks: on what the steps
            before it give.
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
        n_images : int, default=10
            Of each cluster.
        image_shape, channel_axis : default=None
            As of the estimators; None takes that of an estimator in the Pipeline.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : ClusterDisplay
        """
        clusterer, embedding = estimator, None
        if hasattr(estimator, "steps"):
            clusterer = estimator[-1]
            embedding = estimator[:-1].transform(X) if len(estimator) > 1 else None
        labels = estimator.predict(X) if hasattr(estimator, "predict") else clusterer.labels_
        if image_shape is None:
            image_shape, channel_axis = shape_of(estimator)
        return cls.from_predictions(
            X,
            labels,
            embedding=embedding,
            n_images=n_images,
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
        image_shape=None,
        channel_axis=None,
        ax=None,
        **plot,
    ):
        """Show the clusters that labels name.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
        labels : array-like of shape (n_samples,)
            Noise, -1, is left out.
        embedding : array-like of shape (n_samples, n_dimensions), default=None
            Typical are the images that are nearest to their cluster's mean in it; None takes X.
        n_images : int, default=10
            Of each cluster.
        image_shape, channel_axis : default=None
            As of the estimators.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : ClusterDisplay
        """
        labels = np.asarray(labels)
        pictures = as_pictures(X, image_shape, channel_axis)
        places = pictures if embedding is None else np.asarray(embedding)
        if not len(labels) == len(pictures) == len(places):
            raise ValueError(
                f"There are {len(pictures)} images, {len(labels)} labels and {len(places)} rows of "
                "the embedding: expected as many of each."
            )
        places = places.reshape(len(places), -1)
        clusters = np.unique(labels[labels != -1])
        grid = np.full((len(clusters), n_images, *pictures.shape[1:]), np.nan)
        names = []
        for row, cluster in zip(grid, clusters, strict=True):
            members = np.flatnonzero(labels == cluster)
            distances = np.linalg.norm(places[members] - places[members].mean(axis=0), axis=1)
            typical = members[np.argsort(distances)[:n_images]]
            row[: len(typical)] = pictures[typical]
            names.append(f"{cluster} ({len(members)})")
        return cls(images=grid, row_labels=names).plot(ax, **plot)
