"""Batches by slice of a permutation, never row by row."""

import numpy as np
import torch
from sklearn.utils import gen_batches

STEPS_PER_EPOCH = 50  # what "auto" aims at: with fewer, small data are not learnt in 20 epochs
AUTO_BATCH_SIZES = (16, 128)
MIN_ROWS = 2  # of a batch: BatchNorm cannot train on one
RESIDENT_SHARE = 0.25  # of the device's free memory that X may take: there may be other workers


class Batches:
    """Iterate over rows as batches of images on the device; each iteration is one epoch.

    uint8 rows stay uint8 until they are on the device. On cuda, rows that fit are kept there. No
    row is dropped, and a last batch of one row joins the one before it: a network with BatchNorm
    could not train on it.

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)
        In memory or memory-mapped.
    to_images : callable
        Maps a tensor of rows (b, n_features) to images (b, c, h, w).
    batch_size : int or "auto"
        "auto" is one fiftieth of the rows, at least 16 and at most 128.
    device : torch.device
    indices : ndarray of int or None
        Which rows to use; None for all.
    generator : torch.Generator or None
        Shuffles the rows, anew each epoch; None keeps their order.
    """

    def __init__(self, rows, to_images, batch_size, device, indices=None, generator=None):
        self.rows = rows
        self.to_images = to_images
        self.device = device
        self.indices = np.arange(len(rows)) if indices is None else indices
        if batch_size == "auto":
            batch_size = int(np.clip(len(self.indices) // STEPS_PER_EPOCH, *AUTO_BATCH_SIZES))
        self.batch_size = batch_size
        self.generator = generator
        self.resident = None
        if device.type == "cuda" and isinstance(rows, np.ndarray):
            free, _ = torch.cuda.mem_get_info(device)
            if rows.nbytes < RESIDENT_SHARE * free:
                self.resident = torch.tensor(rows, device=device)

    def __len__(self):
        return sum(1 for _ in self._slices(len(self.indices)))

    def __iter__(self):
        order = self.indices
        if self.generator is not None:
            order = order[torch.randperm(len(order), generator=self.generator).numpy()]
        if self.resident is not None:
            order = torch.from_numpy(order).to(self.device)
        for batch in self._slices(len(order)):
            if self.resident is not None:
                yield self.to_images(self.resident[order[batch]].to(torch.float32))
            else:
                yield self._on_device(np.take(self.rows, order[batch], axis=0))

    def _on_device(self, rows):
        """Return rows (b, n_features) as images (b, c, h, w) on the device."""
        return self.to_images(torch.from_numpy(rows).to(self.device).to(torch.float32))

    def _slices(self, n):
        return gen_batches(n, self.batch_size, min_batch_size=min(MIN_ROWS, self.batch_size))
