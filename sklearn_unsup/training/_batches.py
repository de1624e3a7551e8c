"""Batches by slice of a permutation, never row by row."""

import numpy as np
import torch
from sklearn.utils import gen_batches

STEPS_PER_EPOCH = 50  # what "auto" aims at: with fewer, small data are not learnt in 20 epochs
AUTO_BATCH_SIZES = (16, 128)
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
        if device.type == "cuda" and not isinstance(rows, np.memmap):
            free, _ = torch.cuda.mem_get_info(device)
            if rows.nbytes < RESIDENT_SHARE * free:
                self.resident = torch.tensor(rows, device=device)

    def __len__(self):
        return sum(1 for _ in self._slices())

    def __iter__(self):
        order = self.indices
        if self.generator is not None:
            order = order[torch.randperm(len(order), generator=self.generator).numpy()]
        if self.resident is not None:
            order = torch.from_numpy(order).to(self.device)
        for batch in self._slices():
            if self.resident is not None:
                rows = self.resident[order[batch]]
            else:
                rows = torch.from_numpy(np.take(self.rows, order[batch], axis=0)).to(self.device)
            yield self.to_images(rows.to(torch.float32))

    def _slices(self):
        return gen_batches(
            len(self.indices), self.batch_size, min_batch_size=min(2, self.batch_size)
        )


def split_batches(rows, to_images, batch_size, device, generator, validation_fraction=0.0):
    """Return batches to train on, shuffled, and batches of held-out rows to validate on.

    Parameters
    ----------
    rows, to_images, batch_size, device, generator
        As of `Batches`; the generator also chooses the rows to hold out.
    validation_fraction : float
        Share of the rows to hold out, at least one row; 0 holds out none.

    Returns
    -------
    training : Batches
    validation : Batches or None

    Raises
    ------
    ValueError
        If there is only one row to split.
    """
    if not validation_fraction:
        return Batches(rows, to_images, batch_size, device, generator=generator), None
    n = len(rows)
    if n < 2:
        raise ValueError(
            f"early_stopping=True holds out rows, and X has n_samples={n}: 1 sample cannot be "
            "split. Give more rows, or set early_stopping=False."
        )
    n_valid = min(max(round(n * validation_fraction), 1), n - 1)
    order = torch.randperm(n, generator=generator).numpy()
    training = Batches(rows, to_images, batch_size, device, order[n_valid:], generator)
    return training, Batches(rows, to_images, batch_size, device, order[:n_valid])
