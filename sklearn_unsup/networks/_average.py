"""The moving average of a module's weights, with which it generates or encodes better."""

import torch

from sklearn_unsup.networks._parts import copy_module


def average_of(module):
    """Return a copy of a module without gradients, to hold the average of its weights."""
    return copy_module(module).requires_grad_(False)


@torch.no_grad()
def update_average(average, module, n_updates, decay):
    """Move an average towards a module; the first updates count for more than later ones.

    Buffers as well: the statistics of a BatchNorm belong to its weights.

    Parameters
    ----------
    average : nn.Module
        As `average_of` returned it.
    module : nn.Module
    n_updates : Tensor of shape ()
        A buffer of the network that counts updates; in place, so that a replayed CUDA graph goes on
        counting.
    decay : float
        Per update, once there were many.
    """
    n = n_updates.add_(1)
    weight = 1 - ((1 + n) / (10 + n)).clamp(max=decay)
    for kind in ("named_parameters", "named_buffers"):
        current = dict(getattr(module, kind)())
        for name, value in getattr(average, kind)():  # shared ones once
            if value.is_floating_point():
                value.lerp_(current[name], weight.to(value.dtype))
            else:
                value.copy_(current[name])
