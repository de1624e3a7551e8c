"""Warnings of X that can be read, and was most likely meant as something else."""

from math import isqrt

from sklearn_unsup._warnings import warn

MIN_SIDE = 8  # of what is taken for a colour image; tables of 3 or 12 columns are common
MIN_GREY_SIDE = 16  # of what is taken for a grey image, which has less to be told by
COLOUR_CHANNELS = (3, 4)
MUCH_SMALLER = 50  # times; a dark uint8 image has values of 6 and more
SMALLER_AND_CENTRED = 10  # times; pixels with noise are negative too, and as large as those in fit
BYTES = 100, 256  # between which the largest of 8-bit images is
OUTLYING = 0.01  # share of values beyond the range in fit that may be outliers
OUTLYING_OF_FEW = 0.05  # the same, of single images
MANY_ROWS = 10  # a single image may be dark


def warn_of_misreading(n_samples, sample_shape, image_shape=None, channel_axis=None, named=False):
    """Warn if X of `fit` looks like something else than what it is taken for.

    There is no warning where the user has spoken: with `image_shape` or `channel_axis`. Otherwise
    one is given for

    - rows of 3 s² columns with s of at least 8, taken as one row of pixels: they are as long as
      colour images. Rows of 4 s² are left alone, as they are grey squares of 2 s;
    - rows of s² + 1 columns with s of at least 16: one of them may be a label. That is how tables
      of images are published;
    - (H, W, 3) or (H, W, 4) with H and W of at least 8, taken as H images of W x 3: one colour
      image, or signals whose channels are to be named. Grey images of 3 columns are neither;
    - (3, H, W) or (4, H, W), taken as so few grey images: nothing is learnt from these;
    - (s, s, 1), taken as s images of s x 1. With unequal sides it may be a set of signals;
    - as many rows as columns, at least 16, without names of columns: a grey image, or else a matrix
      of distances or kernel values. A table of that shape is rare, and mostly has names.

    Parameters
    ----------
    n_samples : int
        Number of rows or images in X.
    sample_shape : tuple of int
        ``X.shape[1:]``, as `as_rows` returns it.
    image_shape : sequence of int or None, default=None
        As the user has set it.
    channel_axis : int or None, default=None
        As the user has set it.
    named : bool, default=False
        Whether columns have names, as in a DataFrame.
    """
    if image_shape is not None or channel_axis is not None:
        return
    guess = _guess_rows if len(sample_shape) == 1 else _guess_images
    message = guess(n_samples, tuple(sample_shape), named)
    if message is not None:
        warn(message)


def _guess_rows(n_samples, sample_shape, named):
    (width,) = sample_shape
    if n_samples == width >= MIN_GREY_SIDE and not named:
        return (
            f"X of shape {(n_samples, width)} is taken as {n_samples} rows of {width} features. "
            "If it is one grey image, use X[np.newaxis]; if it is not, set image_shape, for "
            f"example to (1, {width})."
        )
    side = isqrt(width // 3)
    if width == 3 * side * side and side >= MIN_SIDE:
        return (
            f"X has {width} = 3 x {side} x {side} columns, and is taken as images of one row of "
            f"{width} pixels. If it holds colour images, set image_shape=(3, {side}, {side}) or "
            f"({side}, {side}, 3); if it does not, set image_shape=(1, {width})."
        )
    side = isqrt(width)
    if width == side * side + 1 and side >= MIN_GREY_SIDE:
        return (
            f"X has {width} = {side} x {side} + 1 columns, and is taken as images of one row of "
            f"{width} pixels. If one column holds labels, leave it out; if none does, set "
            f"image_shape=(1, {width})."
        )
    return None


def _guess_images(n_samples, sample_shape, named):
    if len(sample_shape) != 2:
        return None
    height, width = sample_shape
    taken = f"X of shape {(n_samples, *sample_shape)} is taken as {n_samples} grey images of "
    taken += f"{height} x {width} pixels. "
    if width in COLOUR_CHANNELS and min(n_samples, height) >= MIN_SIDE:
        return (
            f"{taken}If it is one colour image, use X[np.newaxis]; if it holds signals of {width} "
            f"channels, set channel_axis=-1; else set image_shape={sample_shape}."
        )
    if n_samples in COLOUR_CHANNELS and min(height, width) >= MIN_SIDE:
        return (
            f"{taken}If it is one colour image, use X[np.newaxis]; else set "
            f"image_shape={sample_shape}."
        )
    if width == 1 and n_samples == height >= MIN_SIDE:
        return (
            f"{taken}If it is one grey image, use X[np.newaxis]; else set "
            f"image_shape={sample_shape}."
        )
    return None


def warn_of_other_range(found, fitted, rows):
    """Warn if X is in other units than the X of `fit`, such as 0..1 instead of 0..255.

    Values far outside of the range in `fit` are told by its span: a warning is given from one span
    beyond either end, unless they are a few outliers, as standardised columns have. Values far
    inside are told by their size, where a set of dark images must pass: the largest is below 1/50
    of that in `fit`, and X is no whole numbers where `fit` saw whole ones, or `fit` saw 0..255 and
    X has at least 10 rows in 0..1. Values that are negative and not whole, where `fit` saw
    neither, are standardised: for these 1/10 is enough. Constant X says nothing of its units.

    Parameters
    ----------
    found, fitted : tuple of (float, float, bool)
        The least and the largest value of X, and whether all are whole numbers; the same of the
        X of `fit`.
    rows : ndarray of shape (n, n_features)
        The values of X.
    """
    (low, high, whole), (fitted_low, fitted_high, fitted_whole) = found, fitted
    span = fitted_high - fitted_low
    if low == high or span == 0:
        return
    is_outside = low <= fitted_low - span or high >= fitted_high + span
    ratio = max(-low, high) / max(-fitted_low, fitted_high)
    is_finer = fitted_whole and not whole
    is_many = len(rows) >= MANY_ROWS
    # Of other numbers in fit one may have been an outlier; those up to 255 are bytes as floats.
    was_bytes = fitted_low >= 0 and BYTES[0] <= fitted_high <= BYTES[1]
    is_inside = ratio < 1 / MUCH_SMALLER and (is_finer or (is_many and was_bytes and high <= 1))
    is_centred = is_finer and low < 0 <= fitted_low and ratio < 1 / SMALLER_AND_CENTRED
    if is_outside and not is_inside:
        beyond = (rows < fitted_low) | (rows > fitted_high)
        is_outside = beyond.mean() > (OUTLYING if is_many else OUTLYING_OF_FEW)
    if is_outside or is_inside or is_centred:
        warn(
            f"X holds values from {low:.3g} to {high:.3g}, but `fit` saw values from "
            f"{fitted_low:.3g} to {fitted_high:.3g}: scale X as in `fit`."
        )
