"""Copies of arrays to a device, prefetched on CUDA."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from sklearn_unsup._devices._process import copy_stream

MAX_PREFETCHED = 4  # groups of arrays that are on the device and not used yet
RESIDENT_SHARE = 0.25  # of the device's free memory for X, as there may be other workers
PIECE_BYTES = 2**24


def to_device(groups, device, n_rows=None):
    """Yield groups of arrays as groups of tensors on the device.

    On CUDA, a thread copies the next group to page-locked memory. From there a separate stream
    copies it to the device while the current group is used. The host only waits for the device if
    it is `MAX_PREFETCHED` groups ahead.

    Parameters
    ----------
    groups : iterable of tuple of ndarray
        On CUDA, a thread iterates over them.
    device : torch.device
    n_rows : int or None
        Pad each array with rows of zeros to this number of rows. The tensors are then copies.

    Yields
    ------
    tensors : tuple of Tensor
        Narrow dtypes are kept; dtypes of 4 bytes or more, and uint16, become float32.
    """
    if device.type == "cuda":
        yield from _prefetched_to_cuda(groups, device, n_rows)
    else:
        for group in groups:
            yield tuple(_host_tensor(array, n_rows).to(device) for array in group)


def keep_on_device(rows, device):
    """Return rows (n, n_features) as one tensor on a CUDA device if they fit, else unchanged."""
    if device.type != "cuda":
        return rows
    dtype = _device_dtype(rows.dtype)
    row_bytes = rows.shape[1] * dtype.itemsize
    index = torch.cuda.current_device() if device.index is None else device.index
    if len(rows) * row_bytes > RESIDENT_SHARE * torch.cuda.mem_get_info(index)[0]:
        return rows
    there = torch.from_numpy(np.empty(0, dtype=dtype)).dtype
    kept = torch.empty(rows.shape, dtype=there, device=device)
    step = max(1, PIECE_BYTES // max(1, row_bytes))
    starts = range(0, len(rows), step)
    pieces = ((rows[start : start + step],) for start in starts)
    for start, (piece,) in zip(starts, to_device(pieces, device), strict=True):
        kept[start : start + len(piece)] = piece
    return kept


def _prefetched_to_cuda(groups, device, n_rows):
    groups, stream, in_use = iter(groups), copy_stream(device), deque()

    def read():
        with torch.cuda.device(device):
            return [_host_tensor(array, n_rows, pinned=True) for array in next(groups, ())]

    def wait_for_copy(copies, copied):
        current = torch.cuda.current_stream(device)
        current.wait_event(copied)
        for copy in copies:
            copy.record_stream(current)  # so that its memory is not reused too early
        return copies

    with ThreadPoolExecutor(1) as reader:
        ahead, coming = reader.submit(read), None
        while group := ahead.result():
            ahead = reader.submit(read)
            with torch.cuda.stream(stream):
                copies = tuple(tensor.to(device, non_blocking=True) for tensor in group)
                copied = stream.record_event()
            if coming is not None:
                yield wait_for_copy(*coming)
                in_use.append(torch.cuda.current_stream(device).record_event())
                if len(in_use) > MAX_PREFETCHED:
                    in_use.popleft().synchronize()
            coming = copies, copied
        if coming is not None:
            yield wait_for_copy(*coming)


def _host_tensor(array, n_rows, pinned=False):
    """Return an array as a tensor on the host; a copy if it is padded or pinned."""
    dtype = _device_dtype(array.dtype)
    if n_rows is None and not pinned:
        return torch.from_numpy(np.asarray(array, dtype=dtype))
    shape = (len(array) if n_rows is None else n_rows, *array.shape[1:])
    there = torch.from_numpy(np.empty(0, dtype=dtype)).dtype
    tensor = torch.empty(shape, dtype=there, device="cpu", pin_memory=pinned)
    tensor[len(array) :] = 0
    np.copyto(tensor.numpy()[: len(array)], array, casting="unsafe")
    return tensor


def _device_dtype(dtype):
    """Return the dtype of an array on a device: its own if narrower than float32, else float32."""
    narrow = dtype.itemsize < 4 and dtype.name != "uint16"  # which torch hardly supports
    return dtype.newbyteorder("=") if narrow else np.dtype(np.float32)
