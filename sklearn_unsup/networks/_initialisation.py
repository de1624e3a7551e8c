"""Initial weights from an explicit generator."""

import math

from torch import nn
from torch.nn.utils import parametrize


def initialise(module, generator):
    """Draw the weights of every convolution and linear layer of `module`, in place.

    Uniform within 1 / sqrt(fan-in), as torch does by default, but from a generator. The larger
    weights of He et al. (2015) learnt more slowly here: benchmarks/results/architecture.md.

    Parameters
    ----------
    module : nn.Module
    generator : torch.Generator
        The only source of randomness; torch's global state is not touched.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            normed = parametrize.is_parametrized(layer)
            weight = layer.parametrizations.weight.original if normed else layer.weight
            bound = 1 / math.sqrt(weight[0].numel())
            nn.init.uniform_(weight, -bound, bound, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
