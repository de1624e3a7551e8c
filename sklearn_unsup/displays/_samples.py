"""Images that a model generates."""

import numpy as np

from sklearn_unsup.displays._grid import GridDisplay
from sklearn_unsup.displays._pictures import as_pictures, find_shape, is_signal


class SampleDisplay(GridDisplay):
    """Show generated images in a grid.

    It is recommended to use :meth:`from_estimator` or :meth:`from_arrays`.

    Parameters
    ----------
    images : ndarray of shape (n_rows, n_columns, H, W, C)
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
        """Generate images and show them.

        Parameters
        ----------
        estimator : object
            Fitted, with ``sample(n_samples, random_state)``, which returns images, or a tuple whose
            first element is images.
        n_samples : int, default=64
            Number of images to generate.
        random_state : int, RandomState instance or None, default=None
            Seed of the images.
        n_columns : int, default=None
            None makes the grid about square.
        image_shape, channel_axis : default=None
            As for the estimators; None takes the estimator's settings.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : SampleDisplay
            Plotted.
        """
        # GaussianMixture.sample has no random_state.
        options = {} if random_state is None else {"random_state": random_state}
        images = estimator.sample(n_samples, **options)
        images = images[0] if isinstance(images, tuple) else images
        image_shape, channel_axis = find_shape(estimator, image_shape, channel_axis)
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
            The images, NaN where the grid has none.
        n_columns : int, default=None
            None makes the grid about square.
        image_shape, channel_axis : default=None
            As for the estimators.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : SampleDisplay
            Plotted.
        """
        pictures = as_pictures(images, image_shape, channel_axis)
        n = len(pictures)
        if n_columns is None:  # curves are wider than high
            n_columns = int(np.ceil(np.sqrt(n) / (2 if is_signal(pictures) else 1)))
        grid = np.full((-(-n // n_columns) * n_columns, *pictures.shape[1:]), np.nan)
        grid[:n] = pictures
        return cls(images=grid.reshape(-1, n_columns, *pictures.shape[1:])).plot(ax, **plot)
