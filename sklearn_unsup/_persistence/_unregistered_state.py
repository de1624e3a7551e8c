"""State of a user's module that torch's `state_dict` leaves out.

This is what `__init__` or `forward` sets as a plain attribute (a tensor, an array, a counter), and
buffers that are not persistent.
"""

from numbers import Number

import numpy as np
import torch
from torch import nn

from sklearn_unsup._persistence._arrays import ArrayType, array_type, to_tensors
from sklearn_unsup._persistence._identity import fingerprint
from sklearn_unsup._persistence._schema import is_number

BUILT_IN_ATTRIBUTES = {*vars(nn.Module()), "training"}


def unregistered_state(network, custom):
    """Return the values that `state_dict` leaves out of the custom parts, by dotted name."""
    found = {}
    for part in custom:
        child = getattr(network, part, None)
        for prefix, module in [] if child is None else child.named_modules(prefix=part):
            values = {k: v for k, v in vars(module).items() if k not in BUILT_IN_ATTRIBUTES}
            values |= {
                name: buffer
                for name, buffer in module._buffers.items()
                if buffer is None or name in module._non_persistent_buffers_set
            }
            found |= {f"{prefix}.{name}": value for name, value in values.items()}
    return found


def set_unregistered(module, attribute, value, current):
    """Set an attribute to a saved value, in the form of its current value."""
    value = to_tensors(value)
    if torch.is_tensor(current) and torch.is_tensor(value):
        value = value.view(current.dtype).to(current.device)
    elif isinstance(current, np.ndarray) and torch.is_tensor(value):
        value = value.numpy()
    setattr(module, attribute, value)


def outline(value):
    """Return the `ArrayType` of an array, and anything else as it is."""
    return ArrayType(str(value.dtype), value.shape) if isinstance(value, np.ndarray) else value


def is_compatible(saved, current):
    """Tell whether a saved value, as `outline` returns it, is of the same kind as a current one."""
    if current is None or saved is None:
        return True
    if torch.is_tensor(current) or isinstance(current, np.ndarray):
        current = array_type(current) if torch.is_tensor(current) else outline(current)
        if not isinstance(saved, ArrayType) or saved.dtype != current.dtype:
            return False
        # The first side may be the size of a batch. An array that was empty may get any shape.
        return 0 in current.shape or (
            len(saved.shape) == len(current.shape) and saved.shape[1:] == current.shape[1:]
        )
    if isinstance(current, bool | np.bool_):
        return isinstance(saved, bool)
    if isinstance(current, Number):
        return is_number(saved)
    return type(saved) is type(current)


def is_plain(value):
    """Tell whether a value can be saved: plain values, arrays and tensors, nested at will."""
    if isinstance(value, dict):
        return all(isinstance(k, str | int) and is_plain(item) for k, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    if isinstance(value, np.ndarray):
        return value.dtype != object
    return value is None or torch.is_tensor(value) or isinstance(value, str | Number)


def fingerprint_or_type(value):
    """Return the fingerprint of a value, or its type if it has none, such as an open file."""
    try:
        return fingerprint(value)
    except (TypeError, ValueError):
        return type(value)
