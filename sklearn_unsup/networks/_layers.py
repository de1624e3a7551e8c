"""Layers whose weights have no memory until `initialise` or `materialise` allocates it.

Their shapes can be compared with a file before that, and torch's global random state is not used.
"""

import contextlib
import math

import torch
from torch import nn
from torch.nn import functional as F

MAX_BYTES = 2**63 - 1  # of a tensor in torch


class DeferredInit:
    """Mixin of layers with float32 weights without memory, whatever torch's defaults are."""

    def __init__(self, n_in, n_out, *args, **kwargs):
        n_in, n_out = int(n_in), int(n_out)  # numpy's integers overflow
        if 4 * n_in * n_out * math.prod(kwargs.get("kernel_size", ())) > MAX_BYTES:
            raise MemoryError(_too_large_message(n_in * n_out))
        super().__init__(n_in, n_out, *args, dtype=torch.float32, device="meta", **kwargs)
        if self.weight.dim() == 4:  # the faster layout
            self.weight.data = self.weight.data.contiguous(memory_format=torch.channels_last)

    def reset_parameters(self):
        """Do nothing; torch calls it in the constructor."""


class Conv2d(DeferredInit, nn.Conv2d):
    """Convolution, as in torch."""


class ConvTranspose2d(DeferredInit, nn.ConvTranspose2d):
    """Transposed convolution, as in torch; on a CPU, odd sides are cropped from even ones.

    oneDNN is fast only for sides that are multiples of the stride: benchmarks/results/layers.md.
    """

    def forward(self, maps):
        """Map (b, in_channels, h, w) to (b, out_channels, H, W)."""
        if not maps.is_cpu:
            return super().forward(maps)
        padding, output_padding, crop = [], [], []
        for kernel, stride, pad, add in zip(
            self.kernel_size, self.stride, self.padding, self.output_padding, strict=True
        ):
            odd = stride == 2 and (kernel + add) % 2
            # One more row: at the end if the output padding allows it, else at the start.
            padding.append(pad - add if odd else pad)
            output_padding.append(1 - add if odd else add)
            crop = [-add, add - 1, *crop] if odd else [0, 0, *crop]
        maps = F.conv_transpose2d(
            maps, self.weight, self.bias, self.stride, padding, output_padding, self.groups
        )
        return F.pad(maps, crop) if any(crop) else maps


class Linear(DeferredInit, nn.Linear):
    """Linear layer, as in torch."""


class InitialisedNorm:
    """Mixin of normalisation layers with initialised weights in float32 on the CPU."""

    def __init__(self, n_channels):
        with translate_memory_errors(4 * n_channels):
            super().__init__(n_channels, dtype=torch.float32, device="cpu")


class BatchNorm1d(InitialisedNorm, nn.BatchNorm1d):
    """Batch normalisation of vectors, as in torch."""


class BatchNorm2d(InitialisedNorm, nn.BatchNorm2d):
    """Batch normalisation of maps, as in torch."""


@contextlib.contextmanager
def translate_memory_errors(n_parameters):
    """Raise a MemoryError about `n_parameters` weights for errors of torch's allocator."""
    try:
        yield
    except RuntimeError as error:  # the allocator has no class of its own
        raise MemoryError(_too_large_message(n_parameters)) from error


def _too_large_message(n_parameters):
    return (
        f"A network with {n_parameters:,} weights or more ({4 * n_parameters / 1e9:,.0f} GB) does "
        "not fit into the memory. Lower n_components, hidden_channels or hidden_layer_sizes."
    )


def channels_last(maps):
    """Return maps (b, c, h, w) in the channels-last layout, which their gradient gets as well.

    Mixed layouts make layers several times slower. torch's own conversion does not convert the
    gradient, and can take maps of one channel for channels last when they are not.
    """
    c, h, w = maps.shape[1:]
    return maps.permute(0, 2, 3, 1).flatten(1).unflatten(1, (h, w, c)).permute(0, 3, 1, 2)
