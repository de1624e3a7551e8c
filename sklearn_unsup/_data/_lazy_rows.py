"""Rows on disk, such as HDF5 and zarr arrays or lists of files, which are read in blocks."""

import os
from math import inf, prod

import numpy as np

from sklearn_unsup._data._containers import check_unmasked

BLOCK_BYTES = 2**19  # large enough for a disk, and small enough that a buffer holds many blocks
MAX_OVERLAP_WORK = 10**6  # to find out whether two arrays share memory
IN_MEMORY = ("__array_namespace__", "detach", "iloc", "to_numpy", "tocsr")  # attributes


def is_lazy(X):
    """Tell whether X has a shape, a dtype and slices, but is not an array in memory."""
    has_slices = all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__"))
    is_array = isinstance(X, np.ndarray | np.generic)
    return has_slices and not is_array and not any(hasattr(X, name) for name in IN_MEMORY)


def numeric(rows):
    """Return an array in a dtype that torch can convert: long double becomes float64."""
    return rows.astype(np.float64) if rows.dtype.kind == "f" and rows.itemsize > 8 else rows


def share_memory(a, b):
    """Tell whether writing to one may change the other, in memory or on disk."""
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
        return a is b or (type(a) is type(b) and is_lazy(a) and bool(a == b))
    try:
        if np.shares_memory(a, b, max_work=MAX_OVERLAP_WORK):
            return True
    except np.exceptions.TooHardError:
        return True
    files = [getattr(each, "filename", None) for each in (a, b)]
    if None in files or not os.path.samefile(*files):
        return False
    return a.offset < b.offset + b.nbytes and b.offset < a.offset + a.nbytes


class ShiftedRows:
    """A source minus a constant, for values that are too far from zero to resolve in float32.

    Parameters
    ----------
    source : array-like of shape (n, ...)
        In memory or on disk, of whole numbers or float64.
    shift : int
        Subtracted from each value, before the conversion to float32.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, source, shift):
        self.source, self.shift = source, shift
        self.shape = tuple(source.shape)
        self.chunks = getattr(source, "chunks", None)

    def __getitem__(self, which):
        """Return the rows of a slice (b, ...)."""
        rows = self.source[which]
        check_unmasked(rows)
        rows = np.asarray(rows)
        if rows.dtype.kind in "iu" and rows.itemsize == 8:  # float64 cannot hold them all
            rows = (rows - rows.dtype.type(self.shift)).view("i8")  # now in native byte order
        else:
            rows = rows.astype(np.float64) - self.shift
        return rows.astype(np.float32)


class LazyRows:
    """Rows (n, n_features) of a source, read block by block. The last block is cached.

    If the source has chunks, as in HDF5 and zarr, a block consists of whole chunks: each chunk is
    read and decompressed for one block only.

    Parameters
    ----------
    source : object
        Has a `shape` (n, ...) and a `dtype`, and returns an array for a slice.
    check : callable, default=None
        Called with each block that is read. It raises an error if values are invalid, and returns
        the smallest value, the largest, and whether all are whole numbers.

    Attributes
    ----------
    value_range : tuple
        The results of `check`, combined over all blocks that have been read.
    """

    ndim = 2

    def __init__(self, source, check=None):
        self.source = source
        self.check = check
        self.shape = (source.shape[0], prod(source.shape[1:]))
        self.dtype = numeric(np.asanyarray(source[:1])).dtype  # netCDF4's `dtype` can be another
        self.dtype = self.dtype.newbyteorder("=")
        self.value_range = (inf, -inf, True)
        self.size = prod(self.shape)
        self.nbytes = self.size * self.dtype.itemsize
        self.rows_per_block = max(1, BLOCK_BYTES * len(self) // max(1, self.nbytes))
        chunk = (getattr(source, "chunks", None) or (1,))[0]
        if isinstance(chunk, int):
            self.rows_per_block = -(-self.rows_per_block // chunk) * chunk
        self._last = (None, None)
        self._range = None

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, which):
        """Return the rows of a slice, or of an array of indices in any order."""
        if isinstance(which, slice):
            which = np.arange(*which.indices(len(self)))
        which = np.asarray(which)
        rows = np.empty((len(which), self.shape[1]), dtype=self.dtype)
        blocks = which // self.rows_per_block
        for block in np.unique(blocks):
            here = blocks == block
            rows[here] = self.block(block)[which[here] - block * self.rows_per_block]
        return rows

    def __iter__(self):
        for i in range(self.n_blocks):
            yield from self.block(i)

    @property
    def n_blocks(self):
        """How many blocks there are; the last may be shorter."""
        return -(-len(self) // self.rows_per_block)

    def block(self, i):
        """Return the rows of block i."""
        if self._last[0] != i:
            self._last = (i, self.read(i))
        return self._last[1]

    def read(self, i):
        """Read block i from the source."""
        start = i * self.rows_per_block
        rows = self.source[start : start + self.rows_per_block]
        check_unmasked(rows)
        rows = np.asarray(rows)
        rows = rows.reshape(len(rows), -1).astype(self.dtype, copy=False)
        if self.check is not None:
            lows, highs, are_whole = zip(self.check(rows), self.value_range, strict=True)
            self.value_range = min(lows), max(highs), all(are_whole)
        return rows

    def min(self):
        """Return the smallest value; the first call reads all rows."""
        return self._extremes()[0]

    def max(self):
        """Return the largest value; the first call reads all rows."""
        return self._extremes()[1]

    def _extremes(self):
        if self._range is None:
            blocks = (self.block(i) for i in range(self.n_blocks))
            extremes = np.array([(block.min(), block.max()) for block in blocks])
            self._range = extremes[:, 0].min(), extremes[:, 1].max()
        return self._range
