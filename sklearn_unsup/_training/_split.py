"""Split rows into training and validation batches."""

import torch

from sklearn_unsup._data import LazyRows
from sklearn_unsup._devices import keep_on_device
from sklearn_unsup._training._batches import DEFAULT_SIZES, Batches
from sklearn_unsup._training._lazy_batches import LazyBatches


def split_batches(
    data,
    to_images,
    batch_size,
    device,
    generator,
    validation_fraction=0.0,
    sizes=DEFAULT_SIZES,
):
    """Return shuffled training batches, and validation batches of held-out rows.

    On CUDA, rows are kept on the device if they fit.

    Parameters
    ----------
    data : TrainingData
    to_images, batch_size, device, generator
        Parameters of `Batches`; the generator also selects the rows to hold out.
    validation_fraction : float
        Share of the rows to hold out, at least one row; 0 holds out none. Ignored if `data` has
        validation rows.
    sizes : BatchSizes

    Returns
    -------
    training : Batches
    validation : Batches or None

    Raises
    ------
    ValueError
        If there is only one row.
    """

    def batches(data, rows, indices=None, generator=None):
        kind = LazyBatches if isinstance(rows, LazyRows) else Batches
        return kind(rows, to_images, batch_size, device, indices, generator, data.given, sizes)

    rows = keep_on_device(data.rows, device)
    if data.held_out is not None:
        held_out = keep_on_device(data.held_out.rows, device)
        return batches(data, rows, generator=generator), batches(data.held_out, held_out)
    if not validation_fraction:
        return batches(data, rows, generator=generator), None
    n = len(data)
    if n < 2:
        raise ValueError(
            f"early_stopping=True holds out rows, and X has n_samples={n}: 1 sample cannot be "
            "split. Give more rows, or set early_stopping=False."
        )
    n_valid = min(max(round(n * validation_fraction), 1), n - 1)
    if [len(order) for order in data.permutation] != [n]:
        data.permutation[:] = [torch.randperm(n, generator=generator).numpy()]
    order = data.permutation[0]
    return batches(data, rows, order[n_valid:], generator), batches(data, rows, order[:n_valid])
