"""Batches by slice of a permutation, never row by row."""

from collections import deque

import numpy as np
import torch
from sklearn.utils import gen_batches

from sklearn_unsup._devices import to_device
from sklearn_unsup.networks import Batch

STEPS_PER_EPOCH = 50  # what "auto" aims at: with fewer, small data are not learnt in 20 epochs
LEAST_AUTO = 16
MOST_AUTO = {"cpu": 64}  # by time to quality: benchmarks/results/architecture.md
MOST_AUTO_ELSEWHERE = 128  # where small batches leave the device idle
MIN_ROWS = 2  # of a batch: BatchNorm cannot train on one


class Batches:
    """Iterate over rows as batches of images on the device; each iteration is one epoch.

    uint8 rows stay uint8 until they are on the device. No row is dropped, and a last batch of one
    row joins the one before it: a network with BatchNorm could not train on it.

    Parameters
    ----------
    rows : ndarray or Tensor of shape (n, n_features)
        An array in memory or memory-mapped, or a tensor that is on the device already.
    to_images : callable
        Maps a tensor of rows (b, n_features) to images (b, c, h, w).
    batch_size : int or "auto"
        "auto" is one fiftieth of the rows, at least 16 and at most 64 on a CPU, 128 elsewhere.
    device : torch.device
    indices : ndarray of int or None
        Which rows to use; None for all.
    generator : torch.Generator or None
        Shuffles the rows, anew each epoch; None keeps their order.
    given : ndarray of shape (n, ...) or None
        What goes with each row; it is kept on the device.

    Yields
    ------
    batch : Batch
    """

    def __init__(
        self, rows, to_images, batch_size, device, indices=None, generator=None, given=None
    ):
        self.rows = rows
        self.to_images = to_images
        self.device = device
        self.indices = np.arange(len(rows)) if indices is None else indices
        if batch_size == "auto":
            most = MOST_AUTO.get(device.type, MOST_AUTO_ELSEWHERE)
            batch_size = int(np.clip(len(self.indices) // STEPS_PER_EPOCH, LEAST_AUTO, most))
        self.batch_size = batch_size
        self.generator = generator
        self.given = None if given is None else torch.from_numpy(np.array(given)).to(device)

    def __len__(self):
        return sum(1 for _ in self._slices(len(self.indices)))

    def __iter__(self):
        order = self.indices
        if self.generator is not None:
            order = order[torch.randperm(len(order), generator=self.generator).numpy()]
        slices = self._slices(len(order))
        if isinstance(self.rows, torch.Tensor):
            order = torch.from_numpy(order).to(self.device)
            for which in slices:
                yield self._batch(self.rows[order[which]], order[which])
        else:
            chosen = (order[which] for which in slices)
            yield from self._on_device((_take(self.rows, each), each) for each in chosen)

    def _on_device(self, pairs):
        """Yield batches on the device, from arrays of rows (b, n_features) and their indices."""
        indices = deque()  # of rows that are on their way

        def read():
            for rows, which in pairs:
                indices.append(which)
                yield (rows,)

        for (rows,) in to_device(read(), self.device):
            yield self._batch(rows, indices.popleft())

    def _batch(self, rows, indices):
        images = self.to_images(rows.to(torch.float32))  # (b, c, h, w)
        if self.given is None:
            return Batch(images)
        return Batch(images, self.given[torch.as_tensor(indices, device=self.device)])

    def _slices(self, n):
        return gen_batches(n, self.batch_size, min_batch_size=min(MIN_ROWS, self.batch_size))


def _take(rows, indices):
    """Return some rows; numpy's `take`, the faster, copies all of them if they lie otherwise."""
    return np.take(rows, indices, axis=0) if rows.flags.c_contiguous else rows[indices]
