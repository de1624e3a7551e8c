"""Random numbers that are a function of a row's values: the same alone and in any batch.

If all rows shared one draw, the error of a mean over rows would not shrink with their number. If
the draw depended on the position, the score of a row would depend on its neighbours.
"""

import hashlib

import numpy as np


def normal_by_row(rows, shape, seed):
    """Draw standard normal numbers for each row.

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)
    shape : tuple of int
        Shape of the numbers for one row.
    seed : int

    Returns
    -------
    noise : ndarray of shape (n, *shape), float32
    """
    noise = np.empty((len(rows), *shape), dtype=np.float32)
    for out, generator in zip(noise, _generators(rows, seed), strict=True):
        generator.standard_normal(dtype=np.float32, out=out)
    return noise


def binarize_by_row(rows, seed):
    """Draw binary rows, of uint8, with the values of `rows` (n, n_features) as probabilities."""
    binary = np.empty(rows.shape, dtype=np.uint8)
    for out, row, generator in zip(binary, rows, _generators(rows, seed), strict=True):
        out[:] = generator.random(len(row), dtype=np.float32) < row
    return binary


def _generators(rows, seed):
    for row in rows:
        values = np.asarray(row, dtype=np.float32) + np.float32(0)  # -0.0 becomes 0.0
        digest = hashlib.blake2b(values.tobytes(), digest_size=16, salt=seed.to_bytes(8, "little"))
        key = np.frombuffer(digest.digest(), dtype=np.uint64)
        yield np.random.Generator(np.random.Philox(key=key))
