"""Arrays of the host on a device, ahead of their use."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from sklearn_unsup._devices._process import copy_stream

MOST_AHEAD = 4  # arrays on the device that are not used up yet
RESIDENT_SHARE = 0.25  # of the device's free memory that X may take: there may be other workers
PIECE_BYTES = 2**24


def to_device(groups, device, n_rows=None):
    """Yield groups of arrays as groups of tensors on the device.

    On cuda, a thread puts the next group into page-locked memory, and it is copied from there on a
    stream of its own, while the current one is used; the host does not wait for the device unless
    it is `MOST_AHEAD` groups ahead.

    Parameters
    ----------
    groups : iterable of tuple of ndarray
        Iterated by a thread on cuda.
    device : torch.device
    n_rows : int or None
        Fill each array up with rows of zeros, to this number. The tensors are copies then.

    Yields
    ------
    tensors : tuple of Tensor
        What is wider than float32, or in another byte order, arrives as float32.
    """
    if device.type == "cuda":
        yield from _copied_ahead(groups, device, n_rows)
    else:
        for group in groups:
            yield tuple(_on_host(array, n_rows).to(device) for array in group)


def keep_on_device(rows, device):
    """Return rows (n, n_features) as one tensor on a cuda device, if they fit; else the rows."""
    if device.type != "cuda":
        return rows
    dtype = _dtype_there(rows.dtype)
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


def _copied_ahead(groups, device, n_rows):
    groups, stream, in_use = iter(groups), copy_stream(device), deque()

    def read():
        with torch.cuda.device(device):
            return [_on_host(array, n_rows, pinned=True) for array in next(groups, ())]

    def wait_for_copy(copies, copied):
        current = torch.cuda.current_stream(device)
        current.wait_event(copied)
        for copy in copies:
            copy.record_stream(current)  # its memory is not given away before it is used
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
                if len(in_use) > MOST_AHEAD:
                    in_use.popleft().synchronize()
            coming = copies, copied
        if coming is not None:
            yield wait_for_copy(*coming)


def _on_host(array, n_rows, pinned=False):
    """Return an array as a tensor of the host; a copy, if rows are added or memory is pinned."""
    dtype = _dtype_there(array.dtype)
    if n_rows is None and not pinned:
        return torch.from_numpy(np.asarray(array, dtype=dtype))
    shape = (len(array) if n_rows is None else n_rows, *array.shape[1:])
    there = torch.from_numpy(np.empty(0, dtype=dtype)).dtype
    tensor = torch.empty(shape, dtype=there, device="cpu", pin_memory=pinned)
    tensor[len(array) :] = 0
    np.copyto(tensor.numpy()[: len(array)], array, casting="unsafe")
    return tensor


def _dtype_there(dtype):
    """Return the dtype of arrays on a device: their own, where that is narrower than float32."""
    narrow = dtype.itemsize < 4 and dtype.name != "uint16"  # of which torch knows little
    return dtype.newbyteorder("=") if narrow else np.dtype(np.float32)
