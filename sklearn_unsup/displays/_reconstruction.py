"""Images, reconstructions and errors."""

import numpy as np

from sklearn_unsup.displays._curves import grid_signal_size
from sklearn_unsup.displays._pictures import (
    as_pictures,
    find_shape,
    first_images,
    is_signal,
    show_grid,
    to_rgb,
    value_range,
)


class ReconstructionDisplay:
    """Show images, their reconstructions, and the errors.

    It is recommended to use :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    images, reconstructions : ndarray of shape (n_images, H, W, C)
        With one channel or three, in the same units. Images of height 1 are drawn as curves, one
        row for each.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage
        The mosaic.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_unsup.displays import ReconstructionDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> display = ReconstructionDisplay.from_estimator(PCA(8).fit(X), X, n_images=6)
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['original', 'reconstruction', 'error']
    """

    def __init__(self, *, images, reconstructions):
        self.images = images
        self.reconstructions = reconstructions

    @classmethod
    def from_estimator(
        cls, estimator, X, *, n_images=8, image_shape=None, channel_axis=None, ax=None, **plot
    ):
        """Show the first images and their ``inverse_transform(transform(X))``.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform` and `inverse_transform`, such as ConvVAE, PCA or a Pipeline.
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.
        n_images : int, default=8
            Number of images to show.
        image_shape, channel_axis : default=None
            As for the estimators; None takes the estimator's settings.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : ReconstructionDisplay
            Plotted.
        """
        X = first_images(X, n_images)
        image_shape, channel_axis = find_shape(estimator, image_shape, channel_axis)
        return cls.from_predictions(
            X,
            estimator.inverse_transform(estimator.transform(X)),
            image_shape=image_shape,
            channel_axis=channel_axis,
            ax=ax,
            **plot,
        )

    @classmethod
    def from_predictions(
        cls, X, reconstructions, *, image_shape=None, channel_axis=None, ax=None, **plot
    ):
        """Show images and given reconstructions.

        Parameters
        ----------
        X, reconstructions : array-like of shape (n_images, n_features) or (n_images, ...)
            Images, and their reconstructions by a model.
        image_shape, channel_axis : default=None
            As for the estimators.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : ReconstructionDisplay
            Plotted.
        """
        images, reconstructions = (
            as_pictures(each, image_shape, channel_axis) for each in (X, reconstructions)
        )
        if images.shape != reconstructions.shape:
            raise ValueError(
                f"X has images of shape {images.shape} and reconstructions of shape "
                f"{reconstructions.shape}: expected the same."
            )
        return cls(images=images, reconstructions=reconstructions).plot(ax, **plot)

    def plot(self, ax=None, *, show_error=True, cmap="gray", error_cmap="magma"):
        """Plot one column for each image, or one row for each signal.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        show_error : bool, default=True
            Whether to add absolute errors, averaged over channels; bright is large. Errors
            of signals have the scale of the signals.
        cmap, error_cmap : str or matplotlib Colormap
            Colours of grey images, and of the errors.

        Returns
        -------
        display : ReconstructionDisplay
            Plotted.
        """
        limits = value_range(self.images)
        parts = {"original": (self.images, limits, cmap)}
        parts["reconstruction"] = (self.reconstructions, limits, cmap)
        are_signals = is_signal(self.images)
        if show_error:
            errors = np.abs(self.images - self.reconstructions).mean(axis=-1, keepdims=True)
            # Errors of signals are heights, those of images are colours.
            largest = limits[1] - limits[0] if are_signals else value_range(errors)[1]
            parts["error"] = (errors, (0.0, largest), error_cmap)
        size = grid_signal_size(len(parts), ax)
        grid = np.stack([to_rgb(*part, size) for part in parts.values()])
        labels = {"column_labels" if are_signals else "row_labels": list(parts)}
        self.ax_, self.figure_, self.image_ = show_grid(
            ax,
            grid.swapaxes(0, 1) if are_signals else grid,  # (rows, columns, H, W, 3)
            is_signal=are_signals,
            **labels,
        )
        return self
