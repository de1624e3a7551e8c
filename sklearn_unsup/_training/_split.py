"""Rows to train on, and rows to validate on."""

import torch

from sklearn_unsup._data import LazyRows
from sklearn_unsup._devices import keep_on_device
from sklearn_unsup._training._batches import Batches
from sklearn_unsup._training._lazy_batches import LazyBatches


def split_batches(
    rows, to_images, batch_size, device, generator, validation_fraction=0.0, held_out=None
):
    """Return batches to train on, shuffled, and batches of held-out rows to validate on.

    On cuda, rows that fit are kept there.

    Parameters
    ----------
    rows, to_images, batch_size, device, generator
        As of `Batches`; the generator also chooses the rows to hold out.
    validation_fraction : float
        Share of the rows to hold out, at least one row; 0 holds out none.
    held_out : array-like of shape (n, n_features) or None
        Other rows to validate on, in place of a share of `rows`.

    Returns
    -------
    training : Batches
    validation : Batches or None

    Raises
    ------
    ValueError
        If there is only one row to split.
    """
    rows = keep_on_device(rows, device)
    kind = LazyBatches if isinstance(rows, LazyRows) else Batches
    if held_out is not None:
        training = kind(rows, to_images, batch_size, device, generator=generator)
        kind = LazyBatches if isinstance(held_out, LazyRows) else Batches
        return training, kind(keep_on_device(held_out, device), to_images, batch_size, device)
    if not validation_fraction:
        return kind(rows, to_images, batch_size, device, generator=generator), None
    n = len(rows)
    if n < 2:
        raise ValueError(
            f"early_stopping=True holds out rows, and X has n_samples={n}: 1 sample cannot be "
            "split. Give more rows, or set early_stopping=False."
        )
    n_valid = min(max(round(n * validation_fraction), 1), n - 1)
    order = torch.randperm(n, generator=generator).numpy()
    training = kind(rows, to_images, batch_size, device, order[n_valid:], generator)
    return training, kind(rows, to_images, batch_size, device, order[:n_valid])
