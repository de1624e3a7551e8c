"""Initial weights from an explicit generator."""

import math

import torch
from torch import nn
from torch.nn.utils import parametrize

from sklearn_unsup.networks._layers import (
    ConvTranspose2d,
    DeferredInit,
    translate_memory_errors,
)

HE_GAIN = math.sqrt(6)  # He et al. 2015, section 2.2: keeps the scale through a ReLU


def initialise(module, generator, gain=1.0):
    """Draw the weights of every `DeferredInit` layer in `module`, in place.

    They are uniform within gain / sqrt(fan-in). A gain of 1 is torch's default, which suits
    autoencoders better than the larger weights of He et al. (2015):
    benchmarks/results/architecture.md. Discriminators need the larger ones. Layers of torch in a
    custom network are already initialised.

    Parameters
    ----------
    module : nn.Module
    generator : torch.Generator
        The only source of randomness; torch's global state does not change.
    gain : float
        Factor on the weights. Biases are always within 1 / sqrt(fan-in).
    """
    materialise(module)
    for layer in module.modules():
        if isinstance(layer, DeferredInit):
            is_normed = parametrize.is_parametrized(layer)
            weight = layer.parametrizations.weight.original if is_normed else layer.weight
            bound = 1 / math.sqrt(weight[0].numel())
            nn.init.uniform_(weight, -gain * bound, gain * bound, generator=generator)
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


@torch.no_grad()
def smooth_upsampling(module):
    """Let layers that double the sides of images with kernels of 4 start as linear interpolation.

    Independent weights for even and odd pixels start with a checkerboard, of which training leaves
    traces (Aitken et al. 2017, "Checkerboard artifact free sub-pixel convolution"). Each kernel
    becomes a multiple of the interpolating one, with the scale of random weights.
    """
    for layer in module.modules():
        if isinstance(layer, ConvTranspose2d) and 4 in layer.kernel_size:
            rows, columns = (
                torch.tensor([0.25, 0.75, 0.75, 0.25] if k == 4 else [1.0] * k)
                for k in layer.kernel_size
            )
            kernel = torch.outer(rows, columns)
            kernel /= kernel.square().mean().sqrt()
            layer.weight.copy_(layer.weight[:, :, :1, :1] * kernel)


def materialise(module):
    """Allocate memory, on the CPU, for the parameters of `module` that have none yet.

    Networks are built on torch's device "meta", so that their shapes can be compared with a file
    before memory is allocated.

    Raises
    ------
    MemoryError
        If there is not enough memory.
    """
    unallocated = [
        (layer, name, parameter)
        for layer in module.modules()
        for name, parameter in layer.named_parameters(recurse=False)
        if parameter.is_meta
    ]
    with translate_memory_errors(sum(parameter.numel() for _, _, parameter in unallocated)):
        for layer, name, parameter in unallocated:
            memory = torch.empty_strided(
                parameter.shape, parameter.stride(), dtype=parameter.dtype, device="cpu"
            )
            setattr(layer, name, nn.Parameter(memory, parameter.requires_grad))
