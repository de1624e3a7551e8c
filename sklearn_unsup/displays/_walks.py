"""Walks through the latent space: interpolations, traversals, and the decoded plane."""

from numbers import Integral

import numpy as np

from sklearn_unsup.displays._grid import GridDisplay
from sklearn_unsup.displays._pictures import find_shape, first_images

N_LABELS = 6  # along each side of a decoded plane


class InterpolationDisplay(GridDisplay):
    """Show interpolations in latent space from one image to another.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    images : ndarray of shape (n_pairs, n_steps, H, W, C)
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
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvVAE
    >>> from sklearn_unsup.displays import InterpolationDisplay
    >>> X = load_digits().data[:200]
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
            Fitted, with `interpolate`, such as ConvVAE.
        X_a, X_b : array-like of shape (n_pairs, n_features) or (n_pairs, ...)
            Images at which the interpolations start and end.
        n_steps : int, default=10
            Number of images in each row, including both ends.
        path : {"linear", "spherical"}, default="linear"
            As for :meth:`ConvVAE.interpolate`.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : InterpolationDisplay
            Plotted.
        """
        images = estimator.interpolate(X_a, X_b, n_steps, path=path)
        return cls._from_images_of(estimator, images, ax, plot)


class TraversalDisplay(GridDisplay):
    """Show the effect of each component of the code on an image.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    images : ndarray of shape (n_shown_components, n_steps, H, W, C)
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
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvVAE
    >>> from sklearn_unsup.displays import TraversalDisplay
    >>> X = load_digits().data[:200]
    >>> vae = ConvVAE(4, max_epochs=2, random_state=0).fit(X)
    >>> TraversalDisplay.from_estimator(vae, X[:1], values=[-2, 0, 2]).images.shape
    (4, 3, 8, 8, 1)
    """

    @classmethod
    def from_estimator(cls, estimator, X, *, components=None, values=None, ax=None, **plot):
        """Set one component at a time to a range of values, and decode.

        Parameters
        ----------
        estimator : object
            Fitted, with `traverse`, such as ConvVAE.
        X : array-like of shape (n_samples, n_features), (n_samples, ...) or of one image
            The first image is changed.
        components : sequence of int, default=None
            None shows the first ten.
        values : array-like of shape (n_steps,), default=None
            None takes nine values from -3 to 3, which suits `ConvVAE` and `ConvGAN`: the prior of
            their codes is standard normal. The scale of `ConvAutoencoder` codes is arbitrary.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : TraversalDisplay
            Plotted.
        """
        values = np.linspace(-3, 3, 9) if values is None else np.asarray(values)
        if components is None:
            components = range(min(10, estimator.n_components))
        one_image = (estimator.n_features_in_,), tuple(find_shape(estimator)[0] or ())
        X_row = np.asarray(X)[np.newaxis] if _shape(X) in one_image else first_images(X, 1)
        images = [estimator.traverse(X_row, component, values) for component in components]
        return cls._from_images_of(
            estimator,
            np.stack(images),
            ax,
            plot,
            row_labels=[f"component {component}" for component in components],
            column_labels=[f"{value:.3g}" for value in values],
        )


def _shape(X):
    """Return the shape of X; that of an array on a disk is known without reading it."""
    return tuple(X.shape if hasattr(X, "shape") else np.shape(X))


class DecodedPlaneDisplay(GridDisplay):
    """Show what lies where on a map: images decoded from a grid of positions.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    images : ndarray of shape (n_steps, n_steps, H, W, C)
        The images, NaN where the map is empty. The first row is the top of the map.
    row_labels, column_labels : list of str or None
        Written beside the rows and above the columns.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvNeighborEmbedding
    >>> from sklearn_unsup.displays import DecodedPlaneDisplay
    >>> X = load_digits().data[:200]
    >>> embedding = ConvNeighborEmbedding(max_epochs=2, random_state=0).fit(X)
    >>> DecodedPlaneDisplay.from_estimator(embedding, X, n_steps=6).images.shape
    (6, 6, 8, 8, 1)
    """

    @classmethod
    def from_estimator(cls, estimator, X, *, n_steps=20, show_empty=False, ax=None, **plot):
        """Decode a grid of positions that covers the positions of X.

        Parameters
        ----------
        estimator : object
            Fitted, with two components, `transform` and `inverse_transform`, such as
            ConvNeighborEmbedding or a ConvAutoencoder with ``n_components=2``.
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.
        n_steps : int, default=20
            Number of positions along each axis.
        show_empty : bool, default=False
            Whether to decode positions without an image of X in their cell of the grid. What is
            decoded there is unlike any image.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : DecodedPlaneDisplay
            Plotted.
        """
        if not isinstance(n_steps, Integral) or n_steps < 1:
            raise ValueError(f"n_steps={n_steps!r}: expected an integer of at least 1.")
        codes = np.asarray(estimator.transform(X))
        if codes.ndim != 2 or codes.shape[1] != 2:
            raise ValueError(
                f"{type(estimator).__name__} gives codes of shape {codes.shape}, expected "
                "(n_samples, 2). Set n_components=2, or use TraversalDisplay."
            )
        counts, *edges = np.histogram2d(*codes.T.astype(np.float64), bins=n_steps)
        x, y = ((edge[1:] + edge[:-1]) / 2 for edge in edges)
        grid = np.stack(np.meshgrid(x, y[::-1]), axis=-1).astype(codes.dtype)  # (rows, columns, 2)
        images = np.array(estimator.inverse_transform(grid.reshape(-1, 2)), dtype=np.float64)
        if not show_empty:
            images[(counts.T[::-1] == 0).ravel()] = np.nan
        images = images.reshape(n_steps, n_steps, *images.shape[1:])
        return cls._from_images_of(
            estimator,
            images,
            ax,
            plot,
            row_labels=_some_labels(y[::-1]),
            column_labels=_some_labels(x),
        )


def _some_labels(values):
    """Return labels of about `N_LABELS` of the values; those of the others are empty."""
    step = max(1, len(values) // N_LABELS)
    return [f"{value:.2g}" if i % step == 0 else "" for i, value in enumerate(values)]
