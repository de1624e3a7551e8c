"""Initial weights from an explicit generator."""

import math

import torch
from torch import nn
from torch.nn.utils import parametrize

from sklearn_unsup.networks._layers import Unset, memory_for

HE_GAIN = math.sqrt(6)  # He et al. 2015, section 2.2: keeps the scale through a ReLU


def initialise(module, generator, gain=1.0):
    """Draw the weights of every convolution and linear layer of ours in `module`, in place.

    Uniform within gain / sqrt(fan-in); with a gain of 1 as torch does by default, but from a
    generator. An autoencoder learnt more slowly with the larger weights of He et al. (2015):
    benchmarks/results/architecture.md. A discriminator needs them. Layers of torch, in a user's own
    network, have their weights already.

    Parameters
    ----------
    module : nn.Module
    generator : torch.Generator
        The only source of randomness; torch's global state is not touched.
    gain : float
        Of the weights; biases are within 1 / sqrt(fan-in) always.
    """
    materialise(module)
    for layer in module.modules():
        if isinstance(layer, Unset):
            normed = parametrize.is_parametrized(layer)
            weight = layer.parametrizations.weight.original if normed else layer.weight
            bound = 1 / math.sqrt(weight[0].numel())
            nn.init.uniform_(weight, -gain * bound, gain * bound, generator=generator)
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


def materialise(module):
    """Give memory, on the CPU, to the parameters of `module` that have none yet.

    Networks are built without (on torch's device "meta"), so that their shapes can be compared with
    a file before there is memory for them.

    Raises
    ------
    MemoryError
        If there is not enough.
    """
    unset = [
        (layer, name, parameter)
        for layer in module.modules()
        for name, parameter in layer.named_parameters(recurse=False)
        if parameter.is_meta
    ]
    with memory_for(sum(parameter.numel() for _, _, parameter in unset)):
        for layer, name, parameter in unset:
            memory = torch.empty_strided(
                parameter.shape, parameter.stride(), dtype=parameter.dtype, device="cpu"
            )
            setattr(layer, name, nn.Parameter(memory, parameter.requires_grad))
