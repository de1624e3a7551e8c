"""Layers whose weights have no memory yet: see `initialise` and `materialise`.

Their shapes can be compared with a file before there is memory for them, and nothing is drawn from
torch's global random state.
"""

import contextlib
import math

import torch
from torch import nn
from torch.nn import functional as F

MOST_BYTES = 2**63 - 1  # that torch can count


class Unset:
    """A layer of float32 weights, whatever torch's default dtype and device are."""

    def __init__(self, n_in, n_out, *args, **kwargs):
        n_in, n_out = int(n_in), int(n_out)  # numpy's integers overflow
        if 4 * n_in * n_out * math.prod(kwargs.get("kernel_size", ())) > MOST_BYTES:
            raise MemoryError(too_large(n_in * n_out))
        super().__init__(n_in, n_out, *args, dtype=torch.float32, device="meta", **kwargs)
        if self.weight.dim() == 4:  # the faster layout, measured
            self.weight.data = self.weight.data.contiguous(memory_format=torch.channels_last)

    def reset_parameters(self):
        """Draw nothing."""


class Conv2d(Unset, nn.Conv2d):
    """As torch's."""


class ConvTranspose2d(Unset, nn.ConvTranspose2d):
    """As torch's, but on a CPU odd sides are cut from even ones.

    oneDNN is fast only at sides that the stride divides: in bfloat16, to 7 x 7 and back took twice
    as long as to 8 x 8 (benchmarks/results/layers.md).
    """

    def forward(self, maps):
        """Map (b, in_channels, h, w) to (b, out_channels, H, W)."""
        if not maps.is_cpu:
            return super().forward(maps)
        padding, added, cuts = [], [], []
        for kernel, stride, pad, add in zip(
            self.kernel_size, self.stride, self.padding, self.output_padding, strict=True
        ):
            odd = stride == 2 and (kernel + add) % 2
            # One row more after the last, where that is less than a stride, else before the first.
            padding.append(pad - add if odd else pad)
            added.append(1 - add if odd else add)
            cuts = [-add, add - 1, *cuts] if odd else [0, 0, *cuts]
        maps = F.conv_transpose2d(
            maps, self.weight, self.bias, self.stride, padding, added, self.groups
        )
        return F.pad(maps, cuts) if any(cuts) else maps


class Linear(Unset, nn.Linear):
    """As torch's."""


class BatchNorm2d(nn.BatchNorm2d):
    """As torch's, with weights that are set, in float32 on the CPU."""

    def __init__(self, n_channels):
        with memory_for(4 * n_channels):
            super().__init__(n_channels, dtype=torch.float32, device="cpu")


@contextlib.contextmanager
def memory_for(n_parameters):
    """Say what needs the memory that torch cannot get in this block."""
    try:
        yield
    except RuntimeError as error:  # of torch's allocator, which has no class for it
        raise MemoryError(too_large(n_parameters)) from error


def too_large(n_parameters):
    """Return a message: this many float32 weights are too many."""
    return (
        f"A network with {n_parameters:,} weights or more ({4 * n_parameters / 1e9:,.0f} GB) does "
        "not fit into the memory. Lower n_components, hidden_channels or hidden_layer_sizes."
    )


def channels_last(maps):
    """Return maps (b, c, h, w) laid out channels last, as their gradient will be.

    In a mixture of layouts, layers take several times as long. torch's own conversion leaves the
    gradient as it comes, and takes maps of one channel for what they may not be.
    """
    c, h, w = maps.shape[1:]
    return maps.permute(0, 2, 3, 1).flatten(1).unflatten(1, (h, w, c)).permute(0, 3, 1, 2)
