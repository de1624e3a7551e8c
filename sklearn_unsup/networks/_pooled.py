"""Encoders from the mean of the last feature maps, and the projector of their training."""

from itertools import pairwise

from torch import nn

from sklearn_unsup.networks._convolutional import stage_geometries
from sklearn_unsup.networks._layers import BatchNorm1d, BatchNorm2d, Conv2d, Linear, channels_last

LAST_SIDE = 4  # stages halve sides until they are shorter
LEAST_WIDTH, AUTO_WIDTH = 16, 256


class PooledEncoder(nn.Module):
    """Convolution stages with batch normalisation, then a mean over positions: images to codes.

    Each stage is a 3 x 3 convolution, which halves every side longer than 3, a batch normalisation
    and a ReLU. The last stage has a channel for each component of the code.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``.
    n_outputs : int
        Width of the code.
    hidden_channels : sequence of int or "auto"
        Width of each stage but the last; `pooled_widths` gives those of "auto".
    """

    def __init__(self, image_shape, n_outputs, hidden_channels="auto"):
        super().__init__()
        if isinstance(hidden_channels, str):
            hidden_channels = pooled_widths(image_shape, n_outputs)
        widths, geometries = stage_geometries(image_shape, [*hidden_channels, n_outputs])
        widths[-1] = int(n_outputs)  # if stages with nothing to halve are left out
        stages = []
        for (n_in, n_out), geometry in zip(pairwise(widths), geometries, strict=True):
            stages += [Conv2d(n_in, n_out, bias=False, **geometry), BatchNorm2d(n_out), nn.ReLU()]
        self.stages = nn.Sequential(*stages)

    def forward(self, images):
        """Map images (b, c, h, w) to codes (b, n_outputs)."""
        return self.stages(channels_last(images)).mean((2, 3))


class Projector(nn.Sequential):
    """Linear layers with batch normalisation and ReLUs between them: codes to projections."""

    def __init__(self, *widths):
        layers = [Linear(widths[0], widths[1])]
        for n_in, n_out in pairwise(widths[1:]):
            layers += [BatchNorm1d(n_in), nn.ReLU(), Linear(n_in, n_out)]
        super().__init__(*layers)


class PooledMLPEncoder(nn.Module):
    """A `PooledEncoder`, then fully connected layers: images to codes of any width.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``.
    n_outputs : int
        Width of the code.
    hidden_channels : sequence of int or "auto"
        Width of each stage; "auto" is that of a `PooledEncoder` with 256 outputs.
    hidden_layer_sizes : sequence of int
        Widths of the layers between the mean over positions and the code.
    """

    def __init__(self, image_shape, n_outputs, hidden_channels="auto", hidden_layer_sizes=(256,)):
        super().__init__()
        if isinstance(hidden_channels, str):
            hidden_channels = *pooled_widths(image_shape, AUTO_WIDTH), AUTO_WIDTH
        *hidden_channels, self.width = hidden_channels
        self.pooled = PooledEncoder(image_shape, self.width, hidden_channels)
        self.head = Projector(self.width, *hidden_layer_sizes, n_outputs)

    def forward(self, images):
        """Map images (b, c, h, w) to codes (b, n_outputs)."""
        return self.head(self.pooled(images))


def pooled_widths(image_shape, n_outputs):
    """Return the widths of the stages before the last, for images of a shape (C, H, W).

    Stages halve the longer side until it is shorter than 4 pixels, and double their width up to
    `n_outputs`.
    """
    side, n_stages = max(image_shape[1:]), 0
    while side >= LAST_SIDE:
        side, n_stages = (side + 1) // 2, n_stages + 1
    return tuple(max(LEAST_WIDTH, n_outputs >> i) for i in reversed(range(1, n_stages)))
