"""The range and the scale of X: statistics in float64, one block of rows at a time."""

import math

import numpy as np
from sklearn.utils import assert_all_finite, gen_batches

BLOCK_SIZE = 2**19  # numbers, 4 MB in float64
MIN_RELATIVE_WIDTH = 2.0**-10  # of the range of X, in which float32 then has 2**13 values
MIN_STEPS = 2**10  # of float64, in the range of X
MAX_MAGNITUDE = float(np.sqrt(np.finfo(np.float32).max))  # 1.8e19: squares still fit into float32


def row_blocks(rows, size=BLOCK_SIZE):
    """Yield slices of rows (n, n_features) with at most `size` numbers, or one row.

    For lazy rows, a slice consists of whole blocks.
    """
    n, multiple = size // max(1, rows.shape[1]), getattr(rows, "rows_per_block", 1)
    return gen_batches(len(rows), max(multiple, n - n % multiple))


def rows_at(rows, indices):
    """Return the rows with these indices, in their order in `rows`, read block by block."""
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[indices] = True
    return np.concatenate([rows[block][chosen[block]] for block in row_blocks(rows)])


def sample_rows(rows, n, seed):
    """Return at most n random rows, in their order."""
    return rows_at(rows, np.random.RandomState(seed).permutation(len(rows))[:n])


def column_moments(rows):
    """Mean of each column and mean of the columns' variances, without a copy of X.

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)

    Returns
    -------
    mean : ndarray of shape (n_features,), float64
    variance : float
        The mean over columns of the (biased) variance.
    """
    blocks = list(row_blocks(rows))
    mean = sum(rows[block].sum(axis=0, dtype=np.float64) for block in blocks) / len(rows)
    total = sum(_sum_of_squares(rows[block] - mean) for block in blocks)
    return mean, total / rows.size


def _sum_of_squares(values):
    """Return the sum of squares of an array, and overwrite the array."""
    return float(np.square(values, out=values).sum())


def check_rows(rows, estimator=None):
    """Check that all values of rows (n, n_features) are finite and can be squared in float32.

    Returns
    -------
    low, high : int or float
        The smallest and the largest value.
    are_whole : bool
        Whether all are whole numbers.

    Raises
    ------
    ValueError
    """
    low, high, are_whole = np.inf, -np.inf, True
    for block in row_blocks(rows):
        values = rows[block]
        number = int if values.dtype.kind in "iu" else float  # float64 cannot hold every int64
        smallest, largest = number(values.min()), number(values.max())
        if not (math.isfinite(smallest) and math.isfinite(largest)):
            name = None if estimator is None else type(estimator).__name__
            assert_all_finite(values, estimator_name=name, input_name="X")
        low, high = min(low, smallest), max(high, largest)
        is_integer = values.dtype.kind in "biu"
        are_whole = are_whole and (is_integer or bool((np.trunc(values) == values).all()))
    check_magnitude(low, high)
    return low, high, are_whole


def find_shift(low, high):
    """Return the whole number to subtract from values between `low` and `high`.

    It is 0 if float32 resolves them as they are.
    """
    magnitude, width = max(abs(low), abs(high)), high - low
    if not 0 < width < MIN_RELATIVE_WIDTH * magnitude:
        return 0
    if width < MIN_STEPS * np.spacing(float(magnitude)):
        raise ValueError(
            f"X varies by {width:.3g} around values of {magnitude:.3g}, which float64, the type of "
            "reconstructions, cannot resolve. Centre X, for example with X - X.min()."
        )
    return int(low) + int(width / 2)


def check_magnitude(low, high):
    """Raise a ValueError if values from `low` to `high` cannot be squared in float32."""
    largest = max(high, -low)
    if largest > MAX_MAGNITUDE:
        raise ValueError(
            f"X holds values as large as {largest:.3g}. Networks compute in float32, where squares "
            f"overflow above {MAX_MAGNITUDE:.2g}: rescale X, for example with "
            "sklearn.preprocessing.StandardScaler."
        )


def standardisation(rows):
    """Offset per column and one scale that give X mean zero and mean variance one.

    The mean squared error in these units is the share of variance that is not explained.

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)

    Returns
    -------
    offset : ndarray of shape (n_features,), float64
    scale : float
        1.0 if X is constant.

    Raises
    ------
    ValueError
        If X varies, but by less than float32 resolves at its distance from zero.
    """
    mean, variance = column_moments(rows)
    scale, largest = float(np.sqrt(variance)), float(np.abs(mean).max())
    if scale <= 16 * np.finfo(np.float64).eps * largest:  # constant, up to rounding of the mean
        return mean, 1.0
    _check_resolved(scale, largest)
    return mean, scale


def unit_range(rows):
    """Offset, the same for each column, and scale that bring all values of X into [0, 1].

    Raises
    ------
    ValueError
        If X varies, but by less than float32 resolves at its distance from zero.
    """
    low, high = float(rows.min()), float(rows.max())
    if low == high:
        return np.full(rows.shape[1], low), 1.0
    _check_resolved(high - low, max(abs(low), abs(high)))
    return np.full(rows.shape[1], low), high - low


def _check_resolved(scale, largest):
    if scale < np.finfo(np.float32).eps * largest or scale < np.finfo(np.float32).tiny:
        raise ValueError(
            f"X varies by {scale:.3g} around values of {largest:.3g}, which float32 cannot "
            "resolve. Centre and rescale X, for example with sklearn.preprocessing.StandardScaler."
        )


def check_unit_interval(rows):
    """Raise a ValueError if values of `rows` lie outside of [0, 1]."""
    low, high = np.float32(rows.min()), np.float32(rows.max())  # the network's dtype
    if low < 0 or high > 1:
        raise ValueError(
            f"X holds values from {low:.6g} to {high:.6g}, but likelihood='bernoulli' is one of "
            "values in [0, 1]. Divide X by its largest possible value (255 for 8-bit images), put "
            "sklearn.preprocessing.MinMaxScaler(clip=True) before, or use likelihood='gaussian'."
        )


def check_in_range(rows, low, scale, consequence):
    """Raise a ValueError if values of `rows` lie outside of the range that `unit_range` found.

    `consequence` is part of the message: why that matters, and what to do.
    """
    beyond = max(low - float(rows.min()), float(rows.max()) - low - scale)
    if beyond > 1e-6 * scale + np.finfo(np.float32).eps * (abs(low) + scale):
        raise ValueError(
            f"X holds values from {rows.min():.6g} to {rows.max():.6g}, outside of the range "
            f"{low:.6g} to {low + scale:.6g} of the first call, {consequence}. Or clip X, or begin "
            "with data of the whole range."
        )
