"""Exponential moving average of the weights of a module."""

import torch

from sklearn_unsup.networks._parts import copy_module


def average_of(module):
    """Return a copy of a module without gradients, which holds the average of its weights."""
    return copy_module(module).requires_grad_(False)


@torch.no_grad()
def update_average(average, module, n_updates, decay):
    """Update an average of weights in place; early updates have a larger weight.

    Buffers are averaged as well, because the statistics of a BatchNorm belong to its weights.

    Parameters
    ----------
    average : nn.Module
        A module that `average_of` returned.
    module : nn.Module
    n_updates : Tensor of shape ()
        A buffer of the network that counts updates. It is changed in place, so that a replayed CUDA
        graph counts as well.
    decay : float
        Decay per update, after the first updates.
    """
    n = n_updates.add_(1)
    weight = 1 - ((1 + n) / (10 + n)).clamp(max=decay)
    for kind in ("named_parameters", "named_buffers"):
        current = dict(getattr(module, kind)())
        for name, value in getattr(average, kind)():  # shared tensors only once
            if value.is_floating_point():
                value.lerp_(current[name], weight.to(value.dtype))
            else:
                value.copy_(current[name])
