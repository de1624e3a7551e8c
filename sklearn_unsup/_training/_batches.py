"""Batches of images, read by slices of a permutation."""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.utils import gen_batches

from sklearn_unsup._devices import to_device
from sklearn_unsup.networks import Batch

STEPS_PER_EPOCH = 50  # for "auto"; with fewer, small data sets are underfit
MAX_AUTO_NUMBERS = 2**21  # in a batch, which bounds the memory of large images
MIN_AUTO_EPOCHS = 10
MIN_BATCH_SIZE = 2  # BatchNorm cannot train on one row


@dataclass(frozen=True)
class BatchSizes:
    """Limits of the number of rows per step.

    Parameters
    ----------
    least : int, default=16
        Of "auto".
    most_on_cpu : int, default=64
        Of "auto". By time to quality: benchmarks/results/architecture.md.
    most : int, default=128
        Of "auto", on other devices: small batches leave them idle.
    least_large : int, default=8
        Of "auto", for large images.
    last_share : float, default=0.0
        Share of a batch below which the last one is merged into the one before it.
    """

    least: int = 16
    most_on_cpu: int = 64
    most: int = 128
    least_large: int = 8
    last_share: float = 0.0

    def auto(self, n_rows, n_features, device):
        """Return the number of rows per step for "auto".

        One fiftieth of the rows, within the limits; fewer of large images.
        """
        size = self._of_small_images(n_rows, device.type == "cpu")
        return min(size, max(self.least_large, MAX_AUTO_NUMBERS // n_features))

    def auto_epochs(self, n_rows, n_steps):
        """Return the number of epochs that take about `n_steps` steps of the "auto" size on a CPU.

        At least 10: large data sets need fewer epochs, but more steps.
        """
        steps_per_epoch = math.ceil(n_rows / self._of_small_images(n_rows, on_cpu=True))
        return max(MIN_AUTO_EPOCHS, round(n_steps / steps_per_epoch))

    def least_last(self, batch_size):
        """Return the size below which a last batch is merged into the one before it."""
        return min(batch_size, max(MIN_BATCH_SIZE, round(self.last_share * batch_size)))

    def _of_small_images(self, n_rows, on_cpu):
        most = self.most_on_cpu if on_cpu else self.most
        return int(np.clip(n_rows // STEPS_PER_EPOCH, self.least, most))


DEFAULT_SIZES = BatchSizes()


class Batches:
    """Iterate over rows as batches of images on the device; each iteration is one epoch.

    uint8 rows are copied to the device as uint8. No row is dropped. A last batch of one row is
    merged into the batch before it, as a network with BatchNorm could not train on it; `sizes` may
    ask for more.

    Parameters
    ----------
    rows : ndarray or Tensor of shape (n, n_features)
        An array in memory, a memory map, or a tensor that is already on the device.
    to_images : callable
        Maps a tensor of rows (b, n_features) to images (b, c, h, w).
    batch_size : int or "auto"
        "auto" is the result of `sizes.auto`.
    device : torch.device
    indices : ndarray of int or None
        Which rows to use; None for all.
    generator : torch.Generator or None
        Shuffles the rows in each epoch; None keeps their order.
    given : ndarray of shape (n, ...) or None
        Labels or other values of each row, kept on the device.
    sizes : BatchSizes

    Yields
    ------
    batch : Batch
    """

    def __init__(
        self,
        rows,
        to_images,
        batch_size,
        device,
        indices=None,
        generator=None,
        given=None,
        sizes=DEFAULT_SIZES,
    ):
        self.rows = rows
        self.to_images = to_images
        self.device = device
        self.indices = np.arange(len(rows)) if indices is None else indices
        if batch_size == "auto":
            batch_size = sizes.auto(len(self.indices), rows.shape[1], device)
        self.batch_size = batch_size
        self.least_last = sizes.least_last(batch_size)
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
        return gen_batches(n, self.batch_size, min_batch_size=self.least_last)


def _take(rows, indices):
    """Return some rows; numpy's `take` is faster, but copies arrays that are not contiguous."""
    return np.take(rows, indices, axis=0) if rows.flags.c_contiguous else rows[indices]
