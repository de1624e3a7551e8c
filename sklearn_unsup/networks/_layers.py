"""Layers whose weights have no memory yet: see `initialise` and `materialise`.

Their shapes can be compared with a file before there is memory for them, and nothing is drawn from
torch's global random state.
"""

import torch
from torch import nn


class _Unset:
    def __init__(self, *args, **kwargs):
        super().__init__(*args, device="meta", **kwargs)
        if self.weight.dim() == 4:  # the faster layout, measured
            self.weight.data = self.weight.data.contiguous(memory_format=torch.channels_last)

    def reset_parameters(self):
        """Draw nothing."""


class Conv2d(_Unset, nn.Conv2d):
    """As torch's."""


class ConvTranspose2d(_Unset, nn.ConvTranspose2d):
    """As torch's."""


class Linear(_Unset, nn.Linear):
    """As torch's."""


def channels_last(maps):
    """Return maps (b, c, h, w) laid out channels last, as their gradient will be.

    In a mixture of layouts, layers take several times as long. torch's own conversion leaves the
    gradient as it comes, and takes maps of one channel for what they may not be.
    """
    c, h, w = maps.shape[1:]
    return maps.permute(0, 2, 3, 1).flatten(1).unflatten(1, (h, w, c)).permute(0, 3, 1, 2)
