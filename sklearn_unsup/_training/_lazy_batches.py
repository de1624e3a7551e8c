"""Batches of rows that stay on a disk: blocks in random order, read ahead of their use."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from sklearn.utils import gen_batches

from sklearn_unsup._training._batches import MIN_ROWS, Batches

BUFFER_BYTES = 2**24  # rows that are shuffled among each other; two buffers are in memory


class LazyBatches(Batches):
    """Iterate over lazy rows as batches of images on the device.

    Each epoch the blocks are put in random order, as many as fill a buffer are read, and the rows
    of the buffer are shuffled; a thread fills the next one meanwhile. If all rows fit into one
    buffer they are shuffled as rows in memory are. If not, rows of one block are seen within the
    same buffer, in every epoch: of rows sorted by class, a buffer holds as many classes as it
    holds blocks.

    Parameters
    ----------
    rows : LazyRows
    to_images, batch_size, device, indices, generator
        As of `Batches`. With indices, the same blocks are read, and other rows left out.
    """

    def __iter__(self):
        return self._on_device(self._pairs())

    def _pairs(self):
        """Yield rows (b, n_features) of one batch after the other, and their indices (b,)."""
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
                # A last batch of one row is to join the one before, so some rows are kept back.
                n = len(left[0]) + len(read[0])
                n_now = max(0, n - MIN_ROWS)
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
        """Return those rows of some blocks that are wanted, and their indices."""
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
    """Return items of `left` and, after them, of `read` in some order."""
    n = len(left[0])
    rest = order[max(0, start - n) : max(0, stop - n)]
    return tuple(
        np.concatenate([before[start:stop], after[rest]]) if start < n else after[rest]
        for before, after in zip(left, read, strict=True)
    )
