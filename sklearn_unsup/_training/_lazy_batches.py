"""Batches of rows on a disk: blocks are read in random order, in a background thread."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from sklearn.utils import gen_batches

from sklearn_unsup._training._batches import Batches

BUFFER_BYTES = 2**24  # rows of a buffer are shuffled together; two buffers are in memory


class LazyBatches(Batches):
    """Iterate over lazy rows as batches of images on the device.

    In each epoch the blocks are shuffled, enough blocks to fill a buffer are read, and the rows of
    the buffer are shuffled. A thread fills the next buffer in the meantime. If all rows fit into
    one buffer, they are shuffled like rows in memory. Otherwise all rows of a block are in the same
    buffer. If X is sorted by class, a buffer then holds at most as many classes as blocks.

    Parameters
    ----------
    rows : LazyRows
    to_images, batch_size, device, indices, generator
        Parameters of `Batches`. With indices, all blocks are read and other rows are left out.
    """

    def __iter__(self):
        return self._on_device(self._pairs())

    def _pairs(self):
        """Yield the rows (b, n_features) of each batch, and their indices (b,)."""
        wanted = np.zeros(len(self.rows), dtype=bool)
        wanted[self.indices] = True
        order = self._permutation(self.rows.n_blocks)
        n_together = max(1, BUFFER_BYTES * self.rows.n_blocks // max(1, self.rows.nbytes))
        groups = [order[group] for group in gen_batches(len(order), n_together)]
        left = np.empty((0, self.rows.shape[1]), self.rows.dtype), np.empty(0, dtype=np.intp)
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self._read, groups[0], wanted)
            for group in [*groups[1:], None]:
                read = ahead.result()
                if group is not None:
                    ahead = reader.submit(self._read, group, wanted)
                take = partial(_take, left, read, self._permutation(len(read[0])))
                # Keep some rows, so that a small last batch can be merged into the one before.
                n = len(left[0]) + len(read[0])
                n_now = max(0, n - self.least_last)
                n_now -= n_now % self.batch_size
                for start in range(0, n_now, self.batch_size):
                    yield take(start, start + self.batch_size)
                left = take(n_now, n)
        for batch in self._slices(len(left[0])):
            yield tuple(each[batch] for each in left)

    def _permutation(self, n):
        if self.generator is None:
            return np.arange(n)
        return torch.randperm(n, generator=self.generator).numpy()

    def _read(self, blocks, wanted):
        """Return the wanted rows of some blocks, and their indices."""
        size = self.rows.rows_per_block
        chosen = [np.flatnonzero(wanted[block * size : (block + 1) * size]) for block in blocks]
        found = np.empty((sum(map(len, chosen)), self.rows.shape[1]), self.rows.dtype)
        start = 0
        for block, rows in zip(blocks, chosen, strict=True):
            stop = start + len(rows)
            if stop > start:
                found[start:stop] = self.rows.read(block)[rows]
            start = stop
        indices = [block * size + rows for block, rows in zip(blocks, chosen, strict=True)]
        return found, np.concatenate(indices)


def _take(left, read, order, start, stop):
    """Return a slice of `left` followed by `read` in a given order."""
    n = len(left[0])
    rest = order[max(0, start - n) : max(0, stop - n)]
    return tuple(
        np.concatenate([before[start:stop], after[rest]]) if start < n else after[rest]
        for before, after in zip(left, read, strict=True)
    )
