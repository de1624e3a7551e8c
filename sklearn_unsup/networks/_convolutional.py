"""Convolutional encoder and decoder for images of any size.

The widths, the normalisation and the kind of up-sampling were chosen by measurement:
benchmarks/results/architecture.md.
"""

import math

from torch import nn
from torch.nn.utils import skip_init

LONGEST_UNHALVED_SIDE = 3
MAX_GROUPS = 8
MIN_GROUP_WIDTH = 4  # a group of one channel on a 1 x 1 image would be normalised to zero


class ConvEncoder(nn.Module):
    """Convolution stages, then one linear layer: images to codes.

    Each stage is a 3 x 3 convolution that halves every side still longer than 3, a group
    normalisation (Wu & He 2018; it works for a batch of one) and a SiLU. The weights are left as
    memory was: fill them with `initialise` or from a saved state.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``.
    n_outputs : int
        Width of the code.
    hidden_channels : sequence of int
        Width of each stage.
    """

    def __init__(self, image_shape, n_outputs, hidden_channels=(32, 64, 128)):
        super().__init__()
        sizes = _stage_sizes(image_shape[1:], len(hidden_channels))
        widths = (image_shape[0], *hidden_channels)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(
                    skip_init(nn.Conv2d, *channels, **_geometry(size)),
                    _normalisation(channels[1]),
                    nn.SiLU(),
                )
                for *channels, size in zip(widths, hidden_channels, sizes, strict=False)
            )
        )
        self.head = skip_init(nn.Linear, widths[-1] * math.prod(sizes[-1]), n_outputs)

    def forward(self, images):
        """Map images (b, c, h, w) to codes (b, n_outputs)."""
        return self.head(self.stages(images).flatten(1))


class ConvDecoder(nn.Module):
    """The mirror of `ConvEncoder`: one linear layer, then transposed convolutions; codes to images.

    Every stage gives back exactly the size that the encoder's stage took in. There is no
    normalisation: it made reconstructions worse.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``.
    n_inputs : int
        Width of the code.
    hidden_channels : sequence of int
        Width of each stage, in the encoder's order.
    """

    def __init__(self, image_shape, n_inputs, hidden_channels=(32, 64, 128)):
        super().__init__()
        sizes = _stage_sizes(image_shape[1:], len(hidden_channels))
        widths = (image_shape[0], *hidden_channels)
        self.first_shape = (widths[-1], *sizes[-1])
        self.head = skip_init(nn.Linear, n_inputs, math.prod(self.first_shape))
        stages = []
        for i in reversed(range(len(hidden_channels))):
            geometry = _geometry(sizes[i])
            padding = _output_padding(sizes[i], sizes[i + 1], **geometry)
            layer = skip_init(
                nn.ConvTranspose2d, widths[i + 1], widths[i], output_padding=padding, **geometry
            )
            stages.append(nn.Sequential(nn.SiLU(), layer))
        self.stages = nn.Sequential(*stages)

    def forward(self, codes):
        """Map codes (b, n_inputs) to images (b, c, h, w)."""
        return self.stages(self.head(codes).unflatten(1, self.first_shape))


def _stage_sizes(size, n_stages):
    """Sizes (h, w) before the first stage and after each."""
    sizes = [tuple(size)]
    for _ in range(n_stages):
        sizes.append(tuple((s + 1) // 2 if s > LONGEST_UNHALVED_SIDE else s for s in sizes[-1]))
    return sizes


def _geometry(size):
    """Kernel, stride and padding of a stage that takes in images of `size` (h, w)."""
    return {
        "kernel_size": tuple(3 if s > 1 else 1 for s in size),
        "stride": tuple(2 if s > LONGEST_UNHALVED_SIDE else 1 for s in size),
        "padding": tuple(1 if s > 1 else 0 for s in size),
    }


def _output_padding(size, smaller, kernel_size, stride, padding):
    """Return what a transposed convolution from `smaller` must add to give exactly `size`."""
    sides = zip(size, smaller, kernel_size, stride, padding, strict=True)
    return tuple(s - ((t - 1) * step - 2 * pad + k) for s, t, k, step, pad in sides)


def _normalisation(width):
    groups = max(
        g
        for g in range(1, MAX_GROUPS + 1)
        if width % g == 0 and (g == 1 or width // g >= MIN_GROUP_WIDTH)
    )
    return nn.GroupNorm(groups, width)
