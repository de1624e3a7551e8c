"""The rows that a network is trained on, with their labels and validation rows."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sklearn_unsup._data import row_blocks


@dataclass(frozen=True)
class TrainingData:
    """Training rows, a label or index for each, and validation rows.

    Parameters
    ----------
    rows : ndarray or LazyRows of shape (n, n_features)
    given : ndarray of shape (n, ...), default=None
        Labels or indices, which the network receives as `Batch.given`.
    held_out : TrainingData, default=None
        Validation rows, used in place of a share of the training rows.
    permutation : list of ndarray, default=[]
        The order of the rows that `split_batches` has drawn, so that all phases of a fit hold the
        same rows out.
    """

    rows: Sequence
    given: np.ndarray | None = None
    held_out: "TrainingData | None" = None
    permutation: list = field(default_factory=list, repr=False)

    def __len__(self):
        return len(self.rows)

    def map(self, function):
        """Return data with a function applied to the training and validation rows."""
        held_out = None if self.held_out is None else self.held_out.map(function)
        return replace(self, rows=function(self.rows), held_out=held_out)

    def with_given(self, function):
        """Return data whose `given` is a function of the training and validation rows."""
        held_out = None if self.held_out is None else self.held_out.with_given(function)
        return replace(self, given=function(self.rows), held_out=held_out)

    def summary(self):
        """Return shapes, dtypes and checksums of the data; all rows are read."""
        held_out = None if self.held_out is None else self.held_out.summary()
        return _summary(self.rows), None if self.given is None else _summary(self.given), held_out


def _summary(rows):
    crc = 0
    for block in row_blocks(rows) if rows.ndim == 2 else [slice(None)]:
        crc = zlib.crc32(np.ascontiguousarray(rows[block]).data, crc)
    return rows.shape, rows.dtype.str, crc
