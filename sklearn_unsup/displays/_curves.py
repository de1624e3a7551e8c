"""Signals as pictures of curves."""

import numpy as np

SIGNAL_SIZE = 96, 192  # height and width of a picture, in pixels
GRID_WIDTH = 1300  # of all pictures in a row of a new figure, in its pixels
WIDTHS = 64, 400  # of a picture in a grid, at least and at most
HEIGHTS = 0.25, 0.5  # of a picture in a grid, relative to its width
LINE_WIDTH = 1.5


def grid_signal_size(n_columns, ax=None):
    """Return the height and width of a curve in a grid: wide and flat in few columns.

    They are about the pixels of the figure, so that lines are not scaled down, and stay dark.
    """
    total = GRID_WIDTH if ax is None else ax.get_window_extent().width
    width = int(np.clip(total // n_columns, *WIDTHS))
    return round(width * float(np.clip(n_columns / 16, *HEIGHTS))), width


def draw_curves(signals, size=SIGNAL_SIZE):
    """Draw signals (..., L), from 0 to 1, as dark curves (..., H, W, 3) on white.

    A column shows the range of the values that fall into it, so that no peak of a long signal is
    lost.
    """
    height, width = size
    low, high = (each.astype(np.float32) for each in _envelope(signals, width))  # (..., W)
    top, bottom = ((1 - value) * (height - 1) for value in (high, low))  # rows, from the top
    rows = np.arange(height, dtype=np.float32)[:, np.newaxis]  # (H, 1)
    top, bottom = top[..., np.newaxis, :], bottom[..., np.newaxis, :]
    distance = np.maximum(top - rows, rows - bottom)  # (..., H, W), negative within the range
    ink = np.clip(LINE_WIDTH / 2 + 0.5 - distance, 0, 1)
    return np.clip(1 - 0.9 * ink, 0, 1)[..., np.newaxis].repeat(3, axis=-1)


def _envelope(signals, width):
    """Return the least and the largest value of a curve in each of `width` columns."""
    n = signals.shape[-1]
    edges = np.linspace(0, n - 1, width + 1)  # in samples
    ends = _interpolate(signals, edges)  # (..., width + 1)
    low = np.minimum(ends[..., :-1], ends[..., 1:])
    high = np.maximum(ends[..., :-1], ends[..., 1:])
    if n > 2:  # and the samples between the edges
        column = np.clip(np.searchsorted(edges, np.arange(n), side="right") - 1, 0, width - 1)
        starts = np.flatnonzero(np.diff(column, prepend=-1))
        filled = column[starts]
        low[..., filled] = np.minimum(
            low[..., filled], np.minimum.reduceat(signals, starts, axis=-1)
        )
        high[..., filled] = np.maximum(
            high[..., filled], np.maximum.reduceat(signals, starts, axis=-1)
        )
    return low, high


def _interpolate(signals, places):
    """Return the values of signals (..., L) at places between samples."""
    left = np.minimum(places.astype(int), signals.shape[-1] - 2)
    share = places - left
    return (1 - share) * signals[..., left] + share * signals[..., left + 1]
