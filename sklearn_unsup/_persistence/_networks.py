"""The state of a network <-> plain values and arrays.

It is torch's `state_dict`, and unregistered state of a user's modules that training has changed.
"""

import numpy as np
import torch
from torch import nn

from sklearn_unsup._persistence._arrays import array_type, to_plain, to_tensors, view_as_saved
from sklearn_unsup._persistence._state import CorruptedModelError
from sklearn_unsup._persistence._unregistered_state import (
    fingerprint_or_type,
    is_compatible,
    is_plain,
    outline,
    set_unregistered,
    unregistered_state,
)
from sklearn_unsup.networks import materialise

POSITIVE = ("scaling.scale", "likelihood.variance", "likelihood.spectrum")  # names of buffers


def network_state(network, custom=(), fresh=None):
    """Return the state of a network, as plain values and numpy arrays by name.

    Parameters
    ----------
    network : nn.Module
    custom : iterable of str
        Names of the parts that a user wrote.
    fresh : nn.Module, default=None
        A newly built network with the same settings. Only needed if there are custom parts.

    Raises
    ------
    TypeError
        If a custom part has changed something that cannot be saved.
    """
    state = to_plain(dict(network.state_dict()))
    initial = {} if fresh is None else unregistered_state(fresh, custom)
    for name, value in unregistered_state(network, custom).items():
        before = initial.get(name)
        if name in initial and fingerprint_or_type(value) == fingerprint_or_type(before):
            continue
        if not (is_plain(value) and is_compatible(outline(to_plain(value)), before)):
            raise TypeError(
                f"{name} of the custom network is a {type(value).__name__} that has changed since "
                "the network was built, and cannot be saved. Register tensors with "
                "register_buffer and modules as submodules, or give the module get_extra_state "
                "and set_extra_state."
            )
        state[name] = to_plain(value)
    unsaved = [name for name, value in state.items() if not is_plain(value)]
    if unsaved:
        raise TypeError(
            f"{unsaved[0]} of the custom network cannot be saved: get_extra_state has to return "
            "plain values, arrays or tensors, in dicts, lists and tuples."
        )
    if fresh is not None:
        _check_can_be_loaded(fresh, state, custom)
    return state


def network_identity(network, custom=()):
    """Return what identifies a network: its state, and the classes of its custom parts."""
    classes = {
        f"{type(module).__module__}.{type(module).__qualname__}": type(module)
        for part in custom
        for module in getattr(network, part).modules()
    }
    unregistered = unregistered_state(network, custom)
    unregistered = {name: fingerprint_or_type(value) for name, value in unregistered.items()}
    return [to_plain(dict(network.state_dict())), unregistered, classes]


def check_fit(network, weights, custom=()):
    """Raise an error if a saved state does not fit a network.

    Parameters
    ----------
    network : nn.Module
        Its parameters may have no memory yet.
    weights : dict
        As `network_state` returns it. An array may be replaced by its `ArrayType`.
    custom : iterable of str
        As for `network_state`.

    Raises
    ------
    CorruptedModelError
        Names the first value that does not fit.
    """
    registered, unregistered = network.state_dict(), unregistered_state(network, custom)
    modules = dict(network.named_modules())
    if not all(isinstance(name, str) for name in weights):
        raise CorruptedModelError("the saved weights have names that are no text")
    for name in sorted(registered.keys() | weights.keys()):
        module, _, attribute = name.rpartition(".")
        if name not in weights:
            found = "missing"
            fits = attribute in getattr(modules.get(module), "added_buffers", ())
        elif name in registered and not _is_extra(name):
            found, expected = outline(weights[name]), array_type(registered[name])
            fits = found == expected
        else:
            found, expected = outline(weights[name]), "a value of the same kind"
            if name in registered:
                fits = found is not None and is_compatible(found, registered[name])
            elif name in unregistered:
                fits = is_compatible(found, unregistered[name])
            else:  # an attribute that training has added to a custom part
                fits = any(f"{module}.".startswith(f"{part}.") for part in custom)
                fits = fits and module in modules and not hasattr(modules[module], attribute)
                fits = fits and attribute.isidentifier() and not attribute.startswith("_")
        if not fits:
            if found == "missing" and name in registered:
                expected = array_type(registered[name])
            raise CorruptedModelError(
                f"the saved weights do not fit the network: {name} is {found!s:.80}, expected "
                f"{expected}. If it has a custom network, that has changed since."
            )


def load_weights(network, weights, custom=()):
    """Load a saved state that fits a network into it, and switch it to evaluation mode.

    Parameters
    ----------
    network : nn.Module
        Memory is allocated for parameters that have none.
    weights : dict
        A state that passes `check_fit`.
    custom : iterable of str
        As for `network_state`.
    """
    materialise(network)
    registered, unregistered = network.state_dict(), unregistered_state(network, custom)
    modules = dict(network.named_modules())
    for name, value in weights.items():
        module, _, attribute = name.rpartition(".")
        if name in registered and not _is_extra(name):
            _check_values(name, value, custom)
            array = torch.from_numpy(np.require(value, requirements="W"))
            view_as_saved(registered[name]).copy_(array)  # shares its memory with the network
        elif name in registered:
            modules[module].set_extra_state(to_tensors(value))
        else:
            set_unregistered(modules[module], attribute, value, unregistered.get(name))
    network.eval()


def _check_values(name, array, custom):
    """Raise an error if weights of a network of this package cannot be the result of training."""
    is_ours = name.partition(".")[0] not in custom  # custom parts may hold infinity, in a mask
    if is_ours and array.dtype.kind == "f" and not np.isfinite(array).all():
        raise CorruptedModelError(f"{name} holds values that are not finite")
    if is_ours and name.endswith(POSITIVE) and not (array > 0).all():
        raise CorruptedModelError(f"{name} holds values that are not above 0")


def to_state_dict(network, weights):
    """Return saved weights that fit a network as a `state_dict` of torch."""
    found = {}
    for name, current in network.state_dict().items():
        if _is_extra(name):
            found[name] = to_tensors(weights[name])
        else:
            found[name] = torch.empty_like(current)
            view_as_saved(found[name]).copy_(torch.from_numpy(weights[name].copy()))
    return found


def _check_can_be_loaded(fresh, state, custom):
    """Raise a TypeError if a state cannot be loaded into a newly built network."""
    modules = dict(fresh.named_modules())
    for name in filter(_is_extra, state):
        module = modules.get(name.rpartition(".")[0])
        if type(module).set_extra_state is nn.Module.set_extra_state:
            raise TypeError(
                f"{name} of the custom network cannot be loaded again: {type(module).__name__} has "
                "get_extra_state. Give it set_extra_state as well."
            )
    try:
        check_fit(fresh, state, custom)
    except CorruptedModelError as error:
        raise TypeError(
            f"The custom network has changed since it was built, and cannot be saved: {error} "
            "Parameters and buffers keep their dtype and shape; what is found out in training has "
            "a name without underscore, that __init__ sets to None."
        ) from error


def _is_extra(name):
    return name.rpartition(".")[2] == "_extra_state"  # torch's name for it
