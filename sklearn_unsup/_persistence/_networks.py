"""The state of a network <-> plain values and arrays, its loose ends included.

A user's module may hold more than torch's `state_dict` does: tensors that are no buffers, buffers
that are not persistent, numbers that it counts up. What differs from a network that was built anew
is kept as well.
"""

from numbers import Number

import numpy as np
import torch
from torch import nn

from sklearn_unsup._persistence._arrays import (
    ArrayType,
    array_type,
    to_plain,
    to_tensors,
    with_bits,
)
from sklearn_unsup._persistence._identity import fingerprint
from sklearn_unsup._persistence._schema import is_number
from sklearn_unsup._persistence._state import CorruptedModelError
from sklearn_unsup.networks import materialise

OF_EVERY_MODULE = {*vars(nn.Module()), "training"}


def network_state(network, custom=(), anew=None):
    """Return what a network has learnt, as plain values and numpy arrays by name.

    Parameters
    ----------
    network : nn.Module
    custom : iterable of str
        Names of those of its parts that a user wrote.
    anew : nn.Module, default=None
        The same network, built anew. Only needed if there are custom parts.

    Raises
    ------
    TypeError
        If a custom part has changed something that cannot be saved.
    """
    state = to_plain(dict(network.state_dict()))
    built = {} if anew is None else loose_ends(anew, custom)
    for name, (_, _, value) in loose_ends(network, custom).items():
        before = built[name][2] if name in built else None
        if name in built and _print(value) == _print(before):
            continue
        if not (_is_plain(value) and _fits(_outline(to_plain(value)), before)):
            raise TypeError(
                f"{name} of the custom network is a {type(value).__name__} that has changed since "
                "the network was built, and cannot be saved. Register tensors with "
                "register_buffer and modules as submodules, or give the module get_extra_state "
                "and set_extra_state."
            )
        state[name] = to_plain(value)
    unsaved = [name for name, value in state.items() if not _is_plain(value)]
    if unsaved:
        raise TypeError(
            f"{unsaved[0]} of the custom network cannot be saved: get_extra_state has to return "
            "plain values, arrays or tensors, in dicts, lists and tuples."
        )
    if anew is not None:
        _check_can_be_loaded(anew, state, custom)
    return state


def network_identity(network, custom=()):
    """Return what tells a network from another: weights, loose ends, and the code of a user's."""
    code = {}
    for part in custom:
        for module in getattr(network, part).modules():
            code[f"{type(module).__module__}.{type(module).__qualname__}"] = type(module)
    ends = {name: _print(value) for name, (*_, value) in loose_ends(network, custom).items()}
    return [to_plain(dict(network.state_dict())), ends, code]


def loose_ends(network, custom):
    """Return what `state_dict` leaves out of the custom parts: (module, attribute, value)."""
    found = {}
    for part in custom:
        child = getattr(network, part, None)
        for prefix, module in [] if child is None else child.named_modules(prefix=part):
            own = {k: v for k, v in vars(module).items() if k not in OF_EVERY_MODULE}
            own |= {
                name: buffer
                for name, buffer in module._buffers.items()
                if buffer is None or name in module._non_persistent_buffers_set
            }
            found |= {f"{prefix}.{name}": (module, name, value) for name, value in own.items()}
    return found


def check_fit(network, weights, custom=()):
    """Raise an error if a state is not one of a network.

    Parameters
    ----------
    network : nn.Module
        It may have no memory yet.
    weights : dict
        As `network_state` returns it; in place of an array there may be its `ArrayType`.
    custom : iterable of str
        As of `network_state`.

    Raises
    ------
    CorruptedModelError
        Names the first that does not fit.
    """
    own, loose = network.state_dict(), loose_ends(network, custom)
    modules = dict(network.named_modules())
    if not all(isinstance(name, str) for name in weights):
        raise CorruptedModelError("the saved weights have names that are no text")
    for name in sorted(own.keys() | weights.keys()):
        if name not in weights:
            found, fits = "missing", False
        elif name in own and not _is_extra(name):
            found, expected = _outline(weights[name]), array_type(own[name])
            fits = found == expected
        else:
            found, (module, _, attribute) = _outline(weights[name]), name.rpartition(".")
            expected = "a value of the same kind"
            if name in own:
                fits = found is not None and _fits(found, own[name])
            elif name in loose:
                fits = _fits(found, loose[name][2])
            else:  # one that a custom part has got in training
                fits = any(f"{module}.".startswith(f"{part}.") for part in custom)
                fits = fits and module in modules and not hasattr(modules[module], attribute)
                fits = fits and attribute.isidentifier() and not attribute.startswith("_")
        if not fits:
            expected = array_type(own[name]) if found == "missing" and name in own else expected
            raise CorruptedModelError(
                f"the saved weights do not fit the network: {name} is {found!s:.80}, expected "
                f"{expected}. If it has a custom network, that has changed since."
            )


def load_weights(network, weights, custom=()):
    """Give a network a saved state that fits it, and set it to evaluation.

    Parameters
    ----------
    network : nn.Module
        Parameters without memory get some.
    weights : dict
        As `check_fit` asks for.
    custom : iterable of str
        As of `network_state`.
    """
    materialise(network)
    own, loose = network.state_dict(), loose_ends(network, custom)  # they share its memory
    modules = dict(network.named_modules())
    for name, value in weights.items():
        module, _, attribute = name.rpartition(".")
        if name in own and not _is_extra(name):
            _check_values(name, value, custom)
            array = torch.from_numpy(np.require(value, requirements="W"))
            with_bits(own[name]).copy_(array)
        elif name in own:
            modules[module].set_extra_state(to_tensors(value))
        else:
            _set_loose(modules[module], attribute, value, loose.get(name, (None,) * 3)[2])
    network.eval()


def _check_values(name, array, custom):
    """Raise an error if numbers of our own networks are none that training gives."""
    is_ours = name.partition(".")[0] not in custom  # a user's may hold infinity, as a mask does
    if is_ours and array.dtype.kind == "f" and not np.isfinite(array).all():
        raise CorruptedModelError(f"{name} holds values that are not finite")
    if is_ours and name.endswith("scaling.scale") and not (array > 0).all():
        raise CorruptedModelError(f"{name} is {array}, expected a number above 0")


def to_state_dict(network, weights):
    """Return saved weights, which fit a network, as torch's `state_dict` holds them."""
    found = {}
    for name, own in network.state_dict().items():
        if _is_extra(name):
            found[name] = to_tensors(weights[name])
        else:
            found[name] = torch.empty_like(own)
            with_bits(found[name]).copy_(torch.from_numpy(weights[name].copy()))
    return found


def _check_can_be_loaded(anew, state, custom):
    """Raise a TypeError if a network that is built anew could not take up a state."""
    modules = dict(anew.named_modules())
    for name in filter(_is_extra, state):
        module = modules.get(name.rpartition(".")[0])
        if type(module).set_extra_state is nn.Module.set_extra_state:
            raise TypeError(
                f"{name} of the custom network cannot be loaded again: {type(module).__name__} has "
                "get_extra_state. Give it set_extra_state as well."
            )
    try:
        check_fit(anew, state, custom)
    except CorruptedModelError as error:
        raise TypeError(
            f"The custom network has changed since it was built, and cannot be saved: {error} "
            "Parameters and buffers keep their dtype and shape; what is found out in training has "
            "a name without underscore, that __init__ sets to None."
        ) from error


def _set_loose(module, attribute, value, own):
    value = to_tensors(value)
    if torch.is_tensor(own) and torch.is_tensor(value):
        value = value.view(own.dtype).to(own.device)
    elif isinstance(own, np.ndarray) and torch.is_tensor(value):
        value = value.numpy()
    setattr(module, attribute, value)


def _is_extra(name):
    return name.rpartition(".")[2] == "_extra_state"  # torch's name for it


def _outline(value):
    """Return the type in place of an array; of a file it has come already."""
    return ArrayType(str(value.dtype), value.shape) if isinstance(value, np.ndarray) else value


def _fits(outline, own):
    """Tell whether a value from a file is of the kind of the module's own."""
    if own is None or outline is None:
        return True
    if torch.is_tensor(own) or isinstance(own, np.ndarray):
        own = array_type(own) if torch.is_tensor(own) else _outline(own)
        if not isinstance(outline, ArrayType) or outline.dtype != own.dtype:
            return False
        # The first side may be the rows of a batch; of an array that was empty nothing is known.
        return 0 in own.shape or (
            len(outline.shape) == len(own.shape) and outline.shape[1:] == own.shape[1:]
        )
    if isinstance(own, bool | np.bool_):
        return isinstance(outline, bool)
    if isinstance(own, Number):
        return is_number(outline)
    return type(outline) is type(own)


def _is_plain(value):
    if isinstance(value, dict):
        return all(isinstance(k, str | int) and _is_plain(item) for k, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, np.ndarray):
        return value.dtype != object
    return value is None or torch.is_tensor(value) or isinstance(value, str | Number)


def _print(value):
    """Return the fingerprint of a value, or its type if it cannot be taken apart."""
    try:
        return fingerprint(value)
    except (TypeError, ValueError):  # it cannot be taken apart, as an open file cannot
        return type(value)
