"""Rows <-> images: the shape rule.

A *layout* is the pair ``(sides, channel_axis)``: the shape of one of the user's images, and the
axis of its channels (None: one channel, without an axis). Networks take images ``(n, C, H, W)``;
scikit-learn takes rows ``(n, n_features)``.
"""

from collections.abc import Iterable
from math import isqrt, prod
from numbers import Integral

import numpy as np

from sklearn_unsup._data._containers import as_array
from sklearn_unsup._data._input_errors import EXPECTED

MAX_OBVIOUS_CHANNELS = 4  # grey, grey + alpha, RGB, RGBA


def as_rows(X):
    """Reshape images to rows; X of two dimensions is returned unchanged.

    Parameters
    ----------
    X : array-like
        Rows ``(n, n_features)`` or images ``(n, ...)`` with two or three sides.

    Returns
    -------
    rows : array-like
        ``(n, n_features)`` if X holds images, else X itself.
    sample_shape : tuple of int
        ``X.shape[1:]``.

    Raises
    ------
    ValueError, TypeError
        If X is something else; the message says what to do.
    """
    X = as_array(X)
    n_axes = len(X.shape)
    if n_axes == 0:
        raise ValueError(f"X is a single number or object, {X!r:.60}. {EXPECTED}.")
    if n_axes == 1 and X.shape[0] == 0:
        raise ValueError(f"X is empty, it holds 0 samples. {EXPECTED}, with n of at least 1.")
    if n_axes == 1 and not hasattr(X, "tocsr"):  # the message begins as scikit-learn's
        raise ValueError(
            f"Expected 2D array, got 1D array: X has 1 axis. {EXPECTED}. Reshape your data: "
            "X.reshape(1, -1) if X is one row, X.reshape(-1, 1) if each number is a sample."
        )
    if n_axes > 4:
        raise ValueError(
            f"X has {n_axes} axes, shape {tuple(X.shape)}. {EXPECTED}: reshape X, for example with "
            "X.reshape(-1, *X.shape[-3:]), or take a slice of it."
        )
    if n_axes == 2 or hasattr(X, "tocsr"):
        return X, tuple(X.shape[1:])
    X = np.asanyarray(X)
    return X.reshape(len(X), prod(X.shape[1:])), X.shape[1:]


def find_layout(n_features, image_shape=None, channel_axis=None, sample_shape=None):
    """Find the layout of X.

    Parameters
    ----------
    n_features : int
        Width of the rows.
    image_shape : sequence of int or None
        The user's choice. None takes `sample_shape`. If that is None too, images are grey squares
        if `n_features` is a perfect square, else single rows of pixels.
    channel_axis : int or None
        See `resolve_layout`.
    sample_shape : tuple of int or None
        Shape of one image if X holds n-d images, else None.

    Returns
    -------
    layout : tuple
        ``(sides, channel_axis)``.

    Raises
    ------
    ValueError
        If the arguments are inconsistent.
    """
    if image_shape is None and sample_shape is None:
        if channel_axis is not None:
            raise ValueError(
                f"channel_axis={channel_axis} needs image_shape when X holds rows: set image_shape "
                "to the shape of one image."
            )
        side = isqrt(n_features)
        return resolve_layout((side, side) if side * side == n_features else (1, n_features))
    layout = resolve_layout(sample_shape if image_shape is None else image_shape, channel_axis)
    if sample_shape is not None and layout[0] != sample_shape:
        raise ValueError(
            f"X has images of shape {sample_shape}, but image_shape={layout[0]}. Set "
            "image_shape=None to take the shape from X."
        )
    if prod(layout[0]) != n_features:
        raise ValueError(
            f"image_shape={layout[0]} makes {prod(layout[0])} values, but X has {n_features} "
            "features. Set image_shape to the shape of one image."
        )
    return layout


def resolve_layout(image_shape, channel_axis=None):
    """Check an image shape and find its channels.

    Parameters
    ----------
    image_shape : sequence of int
        ``(H, W)``, ``(C, H, W)`` or ``(H, W, C)``.
    channel_axis : int or None
        Axis of the channels. With None, two sides are a grey image; three sides are read as
        channels first or last if exactly one of the first and the last is at most 4.

    Returns
    -------
    layout : tuple
        ``(sides, channel_axis)``; `channel_axis` is not negative.

    Raises
    ------
    ValueError
        If `image_shape` is not two or three sides of at least 1, if `channel_axis` is not one of
        its axes, or if it is None and the shape is ambiguous.
    """
    sides = tuple(image_shape) if isinstance(image_shape, Iterable) else ()
    if len(sides) not in (2, 3) or not all(isinstance(s, Integral) and s >= 1 for s in sides):
        raise ValueError(
            f"image_shape={image_shape!r} is not the shape of an image. Expected two or three "
            "sides of at least 1: (H, W), (C, H, W) or (H, W, C)."
        )
    sides = tuple(int(s) for s in sides)
    if channel_axis is not None:
        if not -len(sides) <= channel_axis < len(sides):
            raise ValueError(
                f"channel_axis={channel_axis} is not an axis of image_shape={sides}. Expected an "
                f"integer from {-len(sides)} to {len(sides) - 1}."
            )
        return sides, int(channel_axis) % len(sides)
    if len(sides) == 2:
        return sides, None
    first, last = (sides[i] <= MAX_OBVIOUS_CHANNELS for i in (0, 2))
    if first == last:
        raise ValueError(
            f"Cannot tell which side of image_shape={sides} holds the channels. Set channel_axis=0 "
            "for (C, H, W) or channel_axis=-1 for (H, W, C)."
        )
    return sides, 0 if first else 2


def channels_first(layout):
    """Return ``(C, H, W)`` of a layout; a signal ``(C, L)`` is an image of height 1."""
    sides, axis = layout
    if axis is None:
        return (1, *sides)
    space = sides[:axis] + sides[axis + 1 :]
    return (sides[axis], *space) if len(space) == 2 else (sides[axis], 1, *space)


def to_images(rows, layout):
    """Reshape rows ``(n, n_features)``, of numpy or torch, to images ``(n, C, H, W)``."""
    sides, axis = layout
    n, shape = rows.shape[0], channels_first(layout)
    if axis is not None:
        rows = rows.reshape(n, prod(sides[:axis]), shape[0], prod(sides[axis + 1 :]))
        rows = rows.swapaxes(1, 2)  # (n, C, sides before the channels, sides after them)
    return rows.reshape(n, *shape)


def to_rows(images, layout):
    """Reshape images ``(n, C, H, W)`` to rows ``(n, n_features)``: the inverse of `to_images`."""
    sides, axis = layout
    n, shape = images.shape[0], channels_first(layout)
    if axis is not None:
        images = images.reshape(n, shape[0], prod(sides[:axis]), prod(sides[axis + 1 :]))
        images = images.swapaxes(1, 2)  # (n, sides before the channels, C, sides after them)
    return images.reshape(n, prod(shape))
