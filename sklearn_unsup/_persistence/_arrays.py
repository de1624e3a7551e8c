"""Tensors <-> numpy arrays."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

BITS = {1: torch.uint8, 2: torch.uint16, 4: torch.uint32, 8: torch.uint64}


@dataclass(frozen=True)
class ArrayType:
    """What is known of an array before it is read; no value in a file can be one."""

    dtype: str
    shape: tuple

    def __str__(self):
        return f"{self.dtype} {self.shape}"


def to_plain(value):
    """Replace every tensor in nested dicts, lists and tuples by a numpy array.

    Numbers of a kind that numpy lacks, such as bfloat16, become whole numbers with the same bits.

    Raises
    ------
    TypeError
        If a tensor is sparse or quantised.
    """
    return map_leaves(value, lambda leaf: _to_array(leaf) if torch.is_tensor(leaf) else leaf)


def to_tensors(value):
    """Replace every numpy array in nested dicts, lists and tuples by a tensor of its own."""
    return map_leaves(
        value,
        lambda leaf: torch.from_numpy(np.array(leaf)) if isinstance(leaf, np.ndarray) else leaf,
    )


def map_leaves(value, function):
    """Apply a function to all that is no dict, list or tuple, however deep it lies."""
    if isinstance(value, dict):
        return {key: map_leaves(item, function) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [map_leaves(item, function) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return function(value)


def array_type(tensor):
    """Return the type of the array that holds a tensor."""
    dtype = str(_dtype_of_array(tensor.dtype)).removeprefix("torch.")
    return ArrayType(dtype, tuple(tensor.shape))


def with_bits(tensor):
    """Return a view of a tensor in the dtype of the array that holds it."""
    return tensor.view(_dtype_of_array(tensor.dtype))


def _to_array(tensor):
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise TypeError(f"A tensor of layout {tensor.layout} cannot be saved: make it dense.")
    return with_bits(tensor.detach().cpu()).numpy().copy()


@cache
def _dtype_of_array(dtype):
    try:
        torch.empty(0, dtype=dtype, device="cpu").numpy()
        return dtype
    except TypeError:  # numpy lacks it
        return BITS[dtype.itemsize]
