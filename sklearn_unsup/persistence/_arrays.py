"""Tensors <-> numpy arrays."""

import numpy as np
import torch

from sklearn_unsup.networks import materialise
from sklearn_unsup.persistence._state import CorruptedModelError


def to_plain(value):
    """Replace every tensor in nested dicts, lists and tuples by a numpy array."""
    return _map_leaves(
        value, lambda leaf: leaf.detach().cpu().numpy().copy() if torch.is_tensor(leaf) else leaf
    )


def to_tensors(value):
    """Replace every numpy array in nested dicts, lists and tuples by a tensor of its own."""
    return _map_leaves(
        value,
        lambda leaf: torch.from_numpy(np.array(leaf)) if isinstance(leaf, np.ndarray) else leaf,
    )


def _map_leaves(value, function):
    if isinstance(value, dict):
        return {key: _map_leaves(item, function) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_map_leaves(item, function) for item in value)
    return function(value)


def check_fit(network, weights):
    """Raise an error if weights are not those of a network.

    Parameters
    ----------
    network : nn.Module
        It may have no memory yet.
    weights : dict of ndarray, or of (str, tuple)
        Arrays, or their dtype and shape, by name.

    Raises
    ------
    CorruptedModelError
        Names the first that does not fit.
    """
    expected = {
        name: (str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))
        for name, tensor in network.state_dict().items()
    }
    found = {
        name: (str(item.dtype), item.shape) if isinstance(item, np.ndarray) else item
        for name, item in weights.items()
    }
    if found == expected:
        return
    names = found.keys() | expected.keys()
    name = min(name for name in names if found.get(name) != expected.get(name))
    raise CorruptedModelError(
        f"the saved weights do not fit the network: {name} is {found.get(name)}, expected "
        f"{expected.get(name)}. If it has a custom network, that has changed since."
    )


def load_weights(network, weights):
    """Copy saved weights into a network that they fit, and set it to evaluation.

    Parameters
    ----------
    network : nn.Module
        Parameters without memory get some.
    weights : dict of ndarray
        Of the names, dtypes and shapes that `check_fit` asks for.
    """
    materialise(network)
    tensors = network.state_dict()  # which share the network's memory
    for name, array in weights.items():
        tensors[name].copy_(torch.from_numpy(np.require(array, requirements="W")))
    network.eval()
