"""Warnings of valid X that was probably meant differently."""

from math import isqrt

from sklearn_unsup._warnings import warn

MIN_SIDE = 8  # of a suspected colour image; tables of 3 or 12 columns are common
MIN_GREY_SIDE = 16  # of a suspected grey image, which has no channels to recognise it by
COLOUR_CHANNELS = (3, 4)
MIN_RATIO = 50  # of the magnitudes in fit and in X; a dark uint8 image has values of 6 and more
MIN_RATIO_CENTRED = 10  # the same, if X has negative values; noisy pixels are as large as in fit
MAX_OF_BYTES = 100, 256  # the maximum of 8-bit images is between them
OUTLIER_SHARE = 0.01  # share of values beyond the range in fit that may be outliers
OUTLIER_SHARE_OF_FEW = 0.05  # the same, of fewer than MANY_ROWS images
MANY_ROWS = 10  # fewer images may all be dark


def warn_of_misreading(n_samples, sample_shape, image_shape=None, channel_axis=None, named=False):
    """Warn if the shape of X in `fit` suggests another meaning than the default.

    There is no warning if the user has set `image_shape` or `channel_axis`. Otherwise it is given
    for

    - rows of 3 s² columns with s of at least 8, read as one row of pixels: they may be colour
      images. There is no warning for 4 s² columns, which are grey squares of side 2 s;
    - rows of s² + 1 columns with s of at least 16: one column may hold labels, as is common in
      published tables of images;
    - (H, W, 3) or (H, W, 4) with H and W of at least 8, read as H images of W x 3: it may be one
      colour image, or signals with channels;
    - (3, H, W) or (4, H, W), read as 3 or 4 grey images, which are too few to learn from;
    - (s, s, 1), read as s images of s x 1. With unequal sides it may be a set of signals;
    - as many rows as columns, at least 16, without column names: it may be a grey image, or a
      matrix of distances or kernel values. Square tables are rare, and mostly have column names.

    Parameters
    ----------
    n_samples : int
        Number of rows or images in X.
    sample_shape : tuple of int
        ``X.shape[1:]``, as `as_rows` returns it.
    image_shape : sequence of int or None, default=None
        The user's setting.
    channel_axis : int or None, default=None
        The user's setting.
    named : bool, default=False
        Whether columns have names, as in a DataFrame.
    """
    message = None
    if image_shape is None and channel_axis is None and len(sample_shape) == 1:
        message = _rows_message(n_samples, *sample_shape, named)
    elif image_shape is None and channel_axis is None and len(sample_shape) == 2:
        message = _images_message(n_samples, *sample_shape)
    if message is not None:
        warn(message)


def _rows_message(n_samples, width, named):
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


def _images_message(n_samples, height, width):
    is_channels_last = width in COLOUR_CHANNELS and min(n_samples, height) >= MIN_SIDE
    is_channels_first = n_samples in COLOUR_CHANNELS and min(height, width) >= MIN_SIDE
    is_colour = is_channels_last or is_channels_first
    if not is_colour and not (width == 1 and n_samples == height >= MIN_SIDE):
        return None
    signals = f"if it holds signals of {width} channels, set channel_axis=-1; "
    return (
        f"X of shape {(n_samples, height, width)} is taken as {n_samples} grey images of {height} "
        f"x {width} pixels. If it is one {'colour' if is_colour else 'grey'} image, use "
        f"X[np.newaxis]; {signals if is_channels_last else ''}else set image_shape="
        f"{(height, width)}."
    )


def warn_of_other_range(found, fitted, rows):
    """Warn if the units of X differ from those in `fit`, such as 0..1 instead of 0..255.

    There are three cases:

    - values far outside of the range in `fit`, by at least its width, unless they are a few
      outliers, as in standardised columns;
    - small values: the largest is below 1/50 of that in `fit`. X has fractions and `fit` had none,
      or `fit` had 0..255 and X has at least 10 rows in 0..1. Dark images give no warning;
    - standardised values: X has negative values and fractions, `fit` had neither, and the largest
      is below 1/10 of that in `fit`.

    There is no warning for constant X.

    Parameters
    ----------
    found, fitted : tuple of (float, float, bool)
        The smallest and the largest value, and whether all are whole numbers, of X and of the X of
        `fit`.
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
    # Bytes as floats; in another range, the largest value in fit may have been an outlier.
    was_bytes = fitted_low >= 0 and MAX_OF_BYTES[0] <= fitted_high <= MAX_OF_BYTES[1]
    is_inside = ratio < 1 / MIN_RATIO and (is_finer or (is_many and was_bytes and high <= 1))
    is_centred = is_finer and low < 0 <= fitted_low and ratio < 1 / MIN_RATIO_CENTRED
    if is_outside and not is_inside:
        beyond = (rows < fitted_low) | (rows > fitted_high)
        is_outside = beyond.mean() > (OUTLIER_SHARE if is_many else OUTLIER_SHARE_OF_FEW)
    if is_outside or is_inside or is_centred:
        warn(
            f"X holds values from {low:.3g} to {high:.3g}, but `fit` saw values from "
            f"{fitted_low:.3g} to {fitted_high:.3g}: scale X as in `fit`."
        )
