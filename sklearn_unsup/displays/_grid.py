"""A grid of images with labels."""

import numpy as np

from sklearn_unsup.displays._curves import grid_signal_size
from sklearn_unsup.displays._pictures import (
    as_pictures,
    find_shape,
    is_signal,
    show_grid,
    to_rgb,
    value_range,
)

OUTLIERS = 0.005  # share of values on each side that are shown as plain black or white


class GridDisplay:
    """Show a grid of images, which child classes compute.

    Parameters
    ----------
    images : ndarray of shape (n_rows, n_columns, H, W, C)
        NaN where the grid has no image.
    row_labels, column_labels : list of str or None
        Written beside the rows and above the columns.
    """

    def __init__(self, *, images, row_labels=None, column_labels=None):
        self.images = images
        self.row_labels = row_labels
        self.column_labels = column_labels

    @classmethod
    def _from_images_of(cls, estimator, images, ax, plot, **labels):
        """Plot images (rows, columns, ...) that an estimator has generated."""
        pictures = as_pictures(images.reshape(-1, *images.shape[2:]), *find_shape(estimator))
        pictures = pictures.reshape(*images.shape[:2], *pictures.shape[1:])
        return cls(images=pictures, **labels).plot(ax, **plot)

    def plot(self, ax=None, *, limits=None, cmap="gray"):
        """Plot the grid.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        limits : tuple of two float, default=None
            Values that are shown as darkest and brightest, or lowest and highest. Set them to
            compare grids. None takes the range of signals, and the range of images without the most
            extreme 0.5 percent on each side.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of grey images.

        Returns
        -------
        display : object
            Plotted.
        """
        are_signals = is_signal(self.images)
        limits = limits or value_range(self.images, 0 if are_signals else OUTLIERS)
        size = grid_signal_size(self.images.shape[1], ax)
        grid = to_rgb(np.nan_to_num(self.images), limits, cmap, size)
        grid[np.isnan(self.images).any(axis=(2, 3, 4))] = np.nan
        self.ax_, self.figure_, self.image_ = show_grid(
            ax, grid, self.row_labels, self.column_labels, are_signals
        )
        return self
