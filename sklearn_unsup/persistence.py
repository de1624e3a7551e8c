"""Fitted state <-> numpy arrays and plain values, with a digest and the versions that wrote it."""

import hashlib
from importlib.metadata import version

import numpy as np
import torch

STATE_FORMAT = 1
PACKAGES = ("sklearn-unsup", "torch", "scikit-learn", "numpy")


class CorruptedModelError(ValueError):
    """A saved model is not what was saved: its digest, its format or its shapes do not fit."""


def dump_network(network):
    """Return the weights and buffers of a network as a plain dict, with no torch object in it.

    Parameters
    ----------
    network : nn.Module
        On any device.

    Returns
    -------
    state : dict
        "format" (int), "versions" (dict of str), "weights" (dict of name to ndarray) and "sha256"
        (str).
    """
    weights = {name: to_plain(tensor) for name, tensor in network.state_dict().items()}
    versions = {package: version(package) for package in PACKAGES}
    return {
        "format": STATE_FORMAT,
        "versions": versions,
        "weights": weights,
        "sha256": _digest(weights),
    }


def load_network(network, state):
    """Copy saved weights into a network of the same architecture, and set it to evaluation.

    Parameters
    ----------
    network : nn.Module
    state : dict
        As `dump_network` returns it.

    Raises
    ------
    CorruptedModelError
        If the format is newer than this package, a weight was altered, or names or shapes do not
        fit.
    """
    if state["format"] > STATE_FORMAT:
        raise CorruptedModelError(
            f"The model was saved by sklearn_unsup {state['versions']['sklearn-unsup']} in state "
            f"format {state['format']}; this version reads formats up to {STATE_FORMAT}. Upgrade "
            "sklearn_unsup."
        )
    weights = state["weights"]
    found = _digest(weights)
    if found != state["sha256"]:
        raise CorruptedModelError(
            f"The weights of the saved model were altered: their digest is {found[:12]}, expected "
            f"{state['sha256'][:12]}. Load another copy of the file."
        )
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    saved = {name: tuple(array.shape) for name, array in weights.items()}
    if saved != expected:
        names = sorted(
            name for name in saved.keys() | expected.keys() if saved.get(name) != expected.get(name)
        )
        raise CorruptedModelError(
            f"The saved weights do not fit the network: {names[0]} has shape "
            f"{saved.get(names[0])}, expected {expected.get(names[0])}. The encoder= or decoder= "
            "of the saved model has changed since."
        )
    network.load_state_dict(to_tensors(weights))
    network.eval()


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


def _digest(weights):
    digest = hashlib.sha256()
    for name, array in sorted(weights.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
