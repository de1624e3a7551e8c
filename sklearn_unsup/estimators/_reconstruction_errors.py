"""Codes and reconstruction errors of images, by any transformer of scikit-learn."""

import numpy as np
from sklearn.utils import check_array

from sklearn_unsup._data import LazyRows, as_rows, is_lazy, row_blocks

BLOCK_SIZE = 2**22  # numbers, 32 MB in float64


def rows_of(X):
    """Return X as rows (n, n_features), and the shape of a sample of X."""
    if is_lazy(X):
        return LazyRows(X), tuple(X.shape[1:])
    rows, sample_shape = as_rows(X)
    return check_array(rows), sample_shape


def encode(estimator, X):
    """Return codes (n, k), X as rows (n, n_features), and the shape of a sample of X."""
    # `transform` may return a DataFrame. Those of polars are column-major, which would change the
    # rounding of sums.
    codes = np.ascontiguousarray(estimator.transform(X))
    return codes, *rows_of(X)


def squared_errors(estimator, codes, rows):
    """Return the squared error of each pixel, (n, n_features), float64."""
    reconstructed = np.asarray(estimator.inverse_transform(codes)).reshape(rows.shape)
    return np.square(rows.astype(np.float64) - reconstructed)


def root_errors(estimator, codes, rows):
    """Return the root mean squared error of the reconstruction of each row, (n,), float64."""
    errors = [
        np.sqrt(squared_errors(estimator, codes[block], rows[block]).mean(axis=1))
        for block in row_blocks(rows, BLOCK_SIZE)
    ]
    return np.concatenate(errors)
