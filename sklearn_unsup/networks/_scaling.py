"""The affine map between the user's units and the network's."""

import torch
from torch import nn


class Scaling(nn.Module):
    """Subtract an offset and divide by a scale. Both are buffers, and are saved with the weights.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``, the shape of the offset. The scale is one number, so that distances between
        images keep their proportions.
    """

    def __init__(self, image_shape):
        super().__init__()
        options = {"dtype": torch.float32, "device": "cpu"}  # whatever torch's defaults are
        self.register_buffer("offset", torch.zeros(image_shape, **options))  # (c, h, w)
        self.register_buffer("scale", torch.ones((), **options))

    def forward(self, images):
        """Map images (b, c, h, w) from the user's units to the network's."""
        return (images - self.offset) / self.scale

    def inverse(self, outputs):
        """Map outputs (b, c, h, w) from the network's units to the user's."""
        return outputs * self.scale + self.offset
