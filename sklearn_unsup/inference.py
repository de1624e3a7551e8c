"""A function of tensors over many rows: chunks of one fixed shape, one output array."""

import numpy as np
import torch

CHUNK_ROWS = {"cpu": 64}  # measured: also the fastest size; benchmarks/results
ACCELERATOR_CHUNK_ROWS = 4096


def apply_in_chunks(function, rows, device, n_outputs, noise=None):
    """Apply a function of tensors to all rows.

    Every call of `function` sees the same number of rows (the last chunk is filled up with zeros),
    so that what a row gives does not depend on its neighbours.

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

    Returns
    -------
    outputs : ndarray of shape (n, n_outputs), float32

    Raises
    ------
    ValueError
        If an output is not finite.
    """
    size = CHUNK_ROWS.get(device.type, ACCELERATOR_CHUNK_ROWS)
    outputs = np.empty((len(rows), n_outputs), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(rows), size):
            chunk = np.zeros((size, rows.shape[1]), dtype=rows.dtype)
            n = len(rows[start : start + size])
            chunk[:n] = rows[start : start + size]
            tensors = [torch.from_numpy(chunk).to(device).to(torch.float32)]
            if noise is not None:
                drawn = noise(chunk[:n])
                padded = np.zeros((size, *drawn.shape[1:]), dtype=drawn.dtype)
                padded[:n] = drawn
                tensors.append(torch.from_numpy(padded).to(device))
            outputs[start : start + n] = function(*tensors)[:n].cpu().numpy()
    if not np.isfinite(outputs).all():
        n_bad = int((~np.isfinite(outputs)).any(axis=1).sum())
        raise ValueError(
            f"The network gives values that are not finite for {n_bad} of {len(rows)} rows: the "
            "input lies too far outside of what it was trained on. Rescale it or remove outliers."
        )
    return outputs
