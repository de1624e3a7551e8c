"""Apply a function of tensors to many rows, in chunks of one fixed shape."""

import logging
from collections import deque

import numpy as np
import torch

from sklearn_unsup._devices._transfer import to_device

logger = logging.getLogger(__name__)

# Maximum number of rows of a chunk, bound of rows * width**power, and power. Larger chunks are not
# faster (benchmarks/results). One row takes as long as a full chunk, so chunks of large images are
# small. A chunk has 17 images of 64 x 64 x 3, or 1 of 192 x 192.
CHUNKS = {"cpu": (128, 27 * 10**8, 2)}
CHUNKS_ELSEWHERE = (4096, 2**26, 1)  # 256 MB


def apply_in_chunks(function, rows, device, n_outputs, noise=None, out=None):
    """Apply a function of tensors to all rows.

    Every call of `function` gets the same number of rows; the last chunk is padded with zeros. The
    output of a row therefore does not depend on the other rows. If the device runs out of memory,
    the number of rows is halved.

    Parameters
    ----------
    function : callable
        Maps a float32 tensor of rows (b, n_inputs) to a tensor (b, n_outputs), row by row. With
        `noise`, a tensor of noise is its second argument.
    rows : ndarray of shape (n, n_inputs)
        Any real dtype.
    device : torch.device
    n_outputs : int
    noise : callable or None
        Maps rows (b, n_inputs) to an array (b, ...) of random numbers, each of which depends only
        on its row.
    out : array-like of shape (n, n_outputs), default=None
        The array to write to, slice by slice; None allocates one.

    Returns
    -------
    outputs : array of shape (n, n_outputs)
        `out`, or a float32 ndarray.

    Raises
    ------
    ValueError
        If an output is not finite.
    RuntimeError
        If the device runs out of memory for a single row.
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
    """Tell whether a RuntimeError is due to a lack of GPU memory or main memory."""
    signs = (
        "can't allocate memory",
        "DefaultCPUAllocator: not enough memory",  # on Windows
        "CUDA error: out of memory",  # for a context, or for page-locked memory
        "CUBLAS_STATUS_ALLOC_FAILED",
        "CUDNN_STATUS_ALLOC_FAILED",
    )
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in signs)


def _chunks(function, rows, starts, device, noise):
    """Yield the output of each chunk; on CUDA, while the next one is computed."""

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
    """Start to copy a tensor to the host; return a function that waits for the array."""
    if not tensor.is_cuda:
        return tensor.cpu().numpy
    copy = tensor.to("cpu", non_blocking=True)
    copied = torch.cuda.current_stream(tensor.device).record_event()

    def get():
        copied.synchronize()
        return copy.numpy()

    return get
