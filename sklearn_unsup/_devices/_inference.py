"""A function of tensors over many rows: chunks of one fixed shape, one output array."""

import logging
from collections import deque

import numpy as np
import torch

from sklearn_unsup._devices._transfer import to_device

logger = logging.getLogger(__name__)

# The most rows of a chunk (more are no faster: benchmarks/results), and what its rows times a power
# of their width must not exceed. A single row takes as long as a chunk: of large images a chunk has
# few, 17 of 64 x 64 x 3 and 1 of 192 x 192.
CHUNKS = {"cpu": (128, 27 * 10**8, 2)}
CHUNKS_ELSEWHERE = (4096, 2**26, 1)  # 256 MB


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
    most_rows, most, power = CHUNKS.get(device.type, CHUNKS_ELSEWHERE)
    size = max(1, min(most_rows, most // max(1, rows.shape[1], n_outputs) ** power))
    outputs = np.empty((len(rows), n_outputs), dtype=np.float32) if out is None else out
    start, n_bad = 0, 0
    with torch.inference_mode():
        while start < len(rows):
            try:
                for computed in _chunks(
                    function, rows, range(start, len(rows), size), device, noise
                ):
                    stop = min(start + size, len(rows))
                    outputs[start:stop] = computed[: stop - start]
                    n_bad += int((~np.isfinite(computed[: stop - start])).any(axis=1).sum())
                    start = stop
            except RuntimeError as error:
                if size == 1 or not is_out_of_memory(error):
                    raise
                size //= 2
                logger.debug("%s is out of memory: going on with %d rows at once", device, size)
    if n_bad:
        raise ValueError(
            f"The network gives values that are not finite for {n_bad} of {len(rows)} rows: the "
            "input lies too far outside of what it was trained on. Rescale it or remove outliers."
        )
    return outputs


def is_out_of_memory(error):
    """Tell whether a RuntimeError says that a GPU, or the main memory, is full."""
    signs = (
        "can't allocate memory",
        "DefaultCPUAllocator: not enough memory",  # on Windows
        "CUDA error: out of memory",  # for a context, or for page-locked memory
        "CUBLAS_STATUS_ALLOC_FAILED",
        "CUDNN_STATUS_ALLOC_FAILED",
    )
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in signs)


def _chunks(function, rows, starts, device, noise):
    """Yield what the function gives for chunk after chunk; on cuda, while the next is computed."""

    def read():
        for start in starts:
            chunk = rows[start : start + starts.step]
            yield (chunk,) if noise is None else (chunk, noise(chunk))

    waiting = deque()
    for chunk, *others in to_device(read(), device, starts.step):
        waiting.append(_to_host(function(chunk.to(torch.float32), *others)))
        if device.type != "cuda" or len(waiting) > 1:
            yield waiting.popleft()()
    for get in waiting:
        yield get()


def _to_host(tensor):
    """Start to copy a tensor to the host; return a function that gives the array."""
    if not tensor.is_cuda:
        return tensor.cpu().numpy
    copy = tensor.to("cpu", non_blocking=True)
    copied = torch.cuda.current_stream(tensor.device).record_event()

    def get():
        copied.synchronize()
        return copy.numpy()

    return get
