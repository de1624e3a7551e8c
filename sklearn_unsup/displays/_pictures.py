"""Images of any shape and in any units as RGB pictures, and mosaics of them."""

import numpy as np

from sklearn_unsup._data import as_rows, find_layout, to_images
from sklearn_unsup.displays._curves import SIGNAL_SIZE, draw_curves

MARGIN = 1 / 12  # of an image's mean side, at least one pixel
BACKGROUND = 1.0
MAX_INCHES = {"image": (1.0, 10), "signal": (4.0, 13)}  # longer side: of an image, of the grid


def pyplot():
    """Import matplotlib, which only plots need."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Displays are plotted with matplotlib, which is not installed. Run "
            "pip install sklearn-unsup[plot]."
        ) from error
    return plt


def as_pictures(X, image_shape=None, channel_axis=None):
    """Return images as (n, H, W, C), with one channel or three.

    Two channels, or more than four, are averaged. The fourth of four channels, alpha, is dropped.

    Parameters
    ----------
    X : array-like of shape (n, n_features) or (n, ...)
        Images.
    image_shape, channel_axis
        As for the estimators.
    """
    rows, sample_shape = as_rows(X)
    rows = np.asarray(rows, dtype=np.float64)
    if rows.ndim != 2:
        raise ValueError(f"Expected images (n, n_features) or (n, ...), got shape {rows.shape}.")
    if len(sample_shape) > 1:
        layout = find_layout(rows.shape[1], None, channel_axis, sample_shape)
    else:
        layout = find_layout(rows.shape[1], image_shape, channel_axis)
    images = np.moveaxis(to_images(rows, layout), 1, -1)  # (n, H, W, C)
    if images.shape[-1] in (3, 4):
        return images[..., :3]
    return images.mean(axis=-1, keepdims=True)


def value_range(images, outliers=0):
    """Return two different limits of the values, without a share of outliers on each side."""
    low, high = np.nanquantile(images, [outliers, 1 - outliers])
    return float(low), float(high) if high > low else float(low) + 1.0


def to_rgb(images, limits, cmap="gray", signal_size=SIGNAL_SIZE):
    """Return images (..., H, W, C) as RGB from 0 to 1; values beyond the limits are clipped.

    Signals, which are images of height 1, are drawn as curves of a size (height, width).
    """
    low, high = limits
    images = np.clip((images - low) / (high - low), 0, 1)
    if is_signal(images):
        return draw_curves(images.mean(axis=-1)[..., 0, :], signal_size)
    if images.shape[-1] == 3:
        return images
    return pyplot().get_cmap(cmap)(images[..., 0])[..., :3]


def is_signal(images):
    """Tell whether images (..., H, W, C) are signals: of height 1, and of more than one value."""
    return images.shape[-3] == 1 < images.shape[-2]


def mosaic(images):
    """Return RGB images (rows, columns, H, W, 3) as one picture, and the margin between them.

    Missing images are NaN.
    """
    n_rows, n_columns, height, width, _ = images.shape
    margin = max(1, round(MARGIN * np.sqrt(height * width)))
    cells = np.full((n_rows, n_columns, height + margin, width + margin, 3), BACKGROUND)
    cells[:, :, :height, :width] = np.nan_to_num(images, nan=BACKGROUND)
    picture = cells.swapaxes(1, 2).reshape(n_rows * (height + margin), -1, 3)
    return picture[:-margin, :-margin], margin


def show_grid(ax, images, row_labels=None, column_labels=None, is_signal=False):
    """Show RGB images (rows, columns, H, W, 3) with labels, by default in a new figure.

    Returns
    -------
    ax : matplotlib Axes
    figure : matplotlib Figure
    image : matplotlib AxesImage
    """
    n_rows, n_columns, height, width, _ = images.shape
    picture, margin = mosaic(images)
    if ax is None:  # a figure that grows with the grid up to a limit
        most, limit = MAX_INCHES["signal" if is_signal else "image"]
        pixel = min(most / max(height, width), limit / max(picture.shape))  # in inches
        size = 1.2 + pixel * picture.shape[1], 0.6 + pixel * picture.shape[0]
        _, ax = pyplot().subplots(figsize=size, layout="constrained")
    image = ax.imshow(picture, interpolation="antialiased")  # nearest, if enlarged
    y = [(height + margin) * i + (height - 1) / 2 for i in range(n_rows)]
    x = [(width + margin) * i + (width - 1) / 2 for i in range(n_columns)]
    ax.set_yticks([] if row_labels is None else y, row_labels or [])
    ax.set_xticks([] if column_labels is None else x, column_labels or [])
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax, ax.figure, image


def find_shape(estimator, image_shape=None, channel_axis=None):
    """Return the arguments, or the layout of an estimator's images if `image_shape` is None.

    The estimator may be a step of a Pipeline.
    """
    if image_shape is not None:
        return image_shape, channel_axis
    steps = [step for _, step in getattr(estimator, "steps", [])]
    for step in (estimator, *steps):
        if hasattr(step, "image_shape_"):
            # Of a model that was fitted to images, the layout is known only to the fit.
            return getattr(step, "_layout", None) or (step.image_shape, step.channel_axis)
        asked = getattr(step, "image_shape", None), getattr(step, "channel_axis", None)
        if asked != (None, None):  # not fitted yet
            return asked
    return None, None


def first_images(X, n):
    """Return the first images of X, a table or whatever can be sliced."""
    return X.iloc[:n] if hasattr(X, "iloc") else X[:n]
