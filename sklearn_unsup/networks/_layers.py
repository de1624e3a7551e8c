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
