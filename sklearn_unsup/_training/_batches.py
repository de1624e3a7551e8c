"""Batches of images, read by slices of a permutation."""

import math
from collections import deque

import numpy as np
import torch
from sklearn.utils import gen_batches

from sklearn_unsup._devices import to_device
from sklearn_unsup.networks import Batch

STEPS_PER_EPOCH = 50  # for "auto"; with fewer, small data sets are underfit
MIN_AUTO_SIZE = 16
MAX_AUTO_SIZE = {"cpu": 64}  # by time to quality: benchmarks/results/architecture.md
MAX_AUTO_SIZE_ELSEWHERE = 128  # small batches leave the device idle
MAX_AUTO_NUMBERS = 2**21  # in a batch, which bounds the memory of large images
MIN_LARGE_IMAGES = 8
MIN_AUTO_EPOCHS = 10
MIN_BATCH_SIZE = 2  # BatchNorm cannot train on one row


class Batches:
    """Iterate over rows as batches of images on the device; each iteration is one epoch.

    uint8 rows are copied to the device as uint8. No row is dropped. A last batch of one row is
    merged into the batch before it, as a network with BatchNorm could not train on it.

    Parameters
    ----------
    rows : ndarray or Tensor of shape (n, n_features)
        An array in memory, a memory map, or a tensor that is already on the device.
    to_images : callable
        Maps a tensor of rows (b, n_features) to images (b, c, h, w).
    batch_size : int or "auto"
        "auto" is the result of `auto_batch_size`.
    device : torch.device
    indices : ndarray of int or None
        Which rows to use; None for all.
    generator : torch.Generator or None
        Shuffles the rows in each epoch; None keeps their order.
    given : ndarray of shape (n, ...) or None
        Labels or other values of each row, kept on the device.

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
            batch_size = auto_batch_size(len(self.indices), rows.shape[1], device)
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
        indices = deque()  # of rows that are being copied

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
        return gen_batches(n, self.batch_size, min_batch_size=min(MIN_BATCH_SIZE, self.batch_size))


def _take(rows, indices):
    """Return some rows; numpy's `take` is faster, but copies arrays that are not contiguous."""
    return np.take(rows, indices, axis=0) if rows.flags.c_contiguous else rows[indices]


def auto_batch_size(n_rows, n_features, device):
    """Return a number of rows per step.

    One fiftieth of the rows, at least 16 and at most 64 on a CPU, 128 elsewhere; fewer of large
    images, but at least 8.
    """
    size = _small_image_batch(n_rows, device.type)
    return min(size, max(MIN_LARGE_IMAGES, MAX_AUTO_NUMBERS // n_features))


def auto_epochs(n_rows, n_steps):
    """Return the number of epochs that take about `n_steps` steps of the "auto" size on a CPU.

    At least 10: large data sets need fewer epochs, but more steps.
    """
    steps_per_epoch = math.ceil(n_rows / _small_image_batch(n_rows, "cpu"))
    return max(MIN_AUTO_EPOCHS, round(n_steps / steps_per_epoch))


def _small_image_batch(n_rows, device_type):
    most = MAX_AUTO_SIZE.get(device_type, MAX_AUTO_SIZE_ELSEWHERE)
    return int(np.clip(n_rows // STEPS_PER_EPOCH, MIN_AUTO_SIZE, most))
