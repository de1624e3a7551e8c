"""A function of tensors over many rows: chunks of one fixed shape, one output array."""

import logging

import numpy as np
import torch

logger = logging.getLogger(__name__)

CHUNK_ROWS = {"cpu": 64}  # measured: also the fastest size; benchmarks/results
ACCELERATOR_CHUNK_ROWS = 4096


def apply_in_chunks(function, rows, device, n_outputs, noise=None, out=None):
    """Apply a function of tensors to all rows.

    Every call of `function` sees the same number of rows (the last chunk is filled up with zeros),
    so that what a row gives does not depend on its neighbours. If the device has not enough memory,
    that number is halved.

    Parameters
    ----------
    function : callable
        Maps a float32 tensor of rows (b, n_inputs) to a tensor (b, n_outputs), row by row; with
        `noise`, it takes a tensor of that as well.
    rows : ndarray of shape (n, n_inputs)
        Of any real dtype.
    device : torch.device
    n_outputs : int
    noise : callable or None
        Maps an array of rows (b, n_inputs) to an array (b, ...) of random numbers that depend on
        each row alone.
    out : array-like of shape (n, n_outputs), default=None
        Takes the outputs, slice by slice; None makes an array.

    Returns
    -------
    outputs : array of shape (n, n_outputs)
        `out`, or an ndarray of float32.

    Raises
    ------
    ValueError
        If an output is not finite.
    RuntimeError
        If the device has not enough memory for one row.
    """
    size = CHUNK_ROWS.get(device.type, ACCELERATOR_CHUNK_ROWS)
    outputs = np.empty((len(rows), n_outputs), dtype=np.float32) if out is None else out
    start, n_bad = 0, 0
    with torch.inference_mode():
        while start < len(rows):
            chunk = rows[start : start + size]
            try:
                tensors = [_padded(chunk, size).to(device).to(torch.float32)]
                if noise is not None:
                    tensors.append(_padded(noise(chunk), size).to(device))
                computed = function(*tensors)[: len(chunk)].cpu().numpy()
            except RuntimeError as error:
                if size == 1 or not is_out_of_memory(error):
                    raise
                size //= 2
                logger.debug("%s is out of memory: going on with %d rows at once", device, size)
                continue
            outputs[start : start + len(chunk)] = computed
            n_bad += int((~np.isfinite(computed)).any(axis=1).sum())
            start += size
    if n_bad:
        raise ValueError(
            f"The network gives values that are not finite for {n_bad} of {len(rows)} rows: the "
            "input lies too far outside of what it was trained on. Rescale it or remove outliers."
        )
    return outputs


def is_out_of_memory(error):
    """Tell whether a RuntimeError says that a GPU, or the main memory, is full."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _padded(array, n):
    """Return a tensor of n rows: the array's, and zeros."""
    padded = np.zeros((n, *array.shape[1:]), dtype=array.dtype)
    padded[: len(array)] = array
    return torch.from_numpy(padded)
