"""Tensors <-> numpy arrays."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

UNSIGNED = {1: torch.uint8, 2: torch.uint16, 4: torch.uint32, 8: torch.uint64}  # by item size


@dataclass(frozen=True)
class ArrayType:
    """Dtype and shape of an array in a file, known before the array is read."""

    dtype: str
    shape: tuple

    def __str__(self):
        return f"{self.dtype} {self.shape}"


def to_plain(value):
    """Replace every tensor in nested dicts, lists and tuples by a numpy array.

    A dtype that numpy lacks, such as bfloat16, becomes an unsigned integer dtype of the same bits.

    Raises
    ------
    TypeError
        If a tensor is sparse or quantised.
    """
    return map_leaves(value, lambda leaf: _to_array(leaf) if torch.is_tensor(leaf) else leaf)


def to_tensors(value):
    """Replace every numpy array in nested dicts, lists and tuples by a copy, a tensor."""
    return map_leaves(
        value,
        lambda leaf: torch.from_numpy(np.array(leaf)) if isinstance(leaf, np.ndarray) else leaf,
    )


def map_leaves(value, function):
    """Apply a function to every leaf of nested dicts, lists and tuples."""
    if isinstance(value, dict):
        return {key: map_leaves(item, function) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [map_leaves(item, function) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return function(value)


def array_type(tensor):
    """Return the type of the array that a tensor is saved as."""
    dtype = str(_saved_dtype(tensor.dtype)).removeprefix("torch.")
    return ArrayType(dtype, tuple(tensor.shape))


def view_as_saved(tensor):
    """Return a view of a tensor in the dtype of the array that it is saved as."""
    return tensor.view(_saved_dtype(tensor.dtype))


def _to_array(tensor):
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise TypeError(f"A tensor of layout {tensor.layout} cannot be saved: make it dense.")
    return view_as_saved(tensor.detach().cpu()).numpy().copy()


@cache
def _saved_dtype(dtype):
    try:
        torch.empty(0, dtype=dtype, device="cpu").numpy()
        return dtype
    except TypeError:  # numpy lacks it
        return UNSIGNED[dtype.itemsize]
