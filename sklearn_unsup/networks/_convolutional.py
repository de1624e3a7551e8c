"""Convolutional encoder and decoder for images of any size.

The kind of layers was chosen by measurement, of speed and of what was learnt:
benchmarks/results/architecture.md.
"""

import math
from itertools import pairwise

import torch
from torch import nn

from sklearn_unsup.networks._layers import (
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Linear,
    channels_last,
)

LONGEST_UNHALVED_SIDE = 3


class ConvEncoder(nn.Module):
    """Convolution stages, then fully connected layers: images to codes.

    Each stage is a 3 x 3 convolution that halves every side still longer than 3, and a SiLU. Stages
    after the first that find nothing to halve are left out: they cost more and learn less. There is
    no normalisation: it did not help, and a batch of one needs none. Weights have no memory yet:
    `initialise` gives them some, or `materialise`, to be filled with saved ones.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``.
    n_outputs : int
        Width of the code.
    hidden_channels : sequence of int
        Width of each stage.
    hidden_layer_sizes : sequence of int
        Width of each fully connected layer between the last stage and the code.
    """

    def __init__(
        self, image_shape, n_outputs, hidden_channels=(32, 64, 64, 32), hidden_layer_sizes=()
    ):
        super().__init__()
        widths, sizes = _plan(image_shape, hidden_channels)
        stages = []
        for (n_in, n_out), size in zip(pairwise(widths), sizes, strict=False):
            layer = Conv2d(n_in, n_out, **_geometry(size))
            stages += [layer, self.activation()]
        self.stages = nn.Sequential(*stages)
        n_features = widths[-1] * math.prod(sizes[-1])
        widths = [n_features, *hidden_layer_sizes, n_outputs]
        self.head = _fully_connected(widths, self.activation)

    @staticmethod
    def activation():
        """Return a layer that follows each stage."""
        return nn.SiLU()

    def forward(self, images):
        """Map images (b, c, h, w) to codes (b, n_outputs)."""
        return self.head(channels_last(self.stages(channels_last(images))).flatten(1))


class ConvDecoder(nn.Module):
    """The mirror of `ConvEncoder`: codes to images.

    Every stage gives back exactly the size that the encoder's stage took in.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``.
    n_inputs : int
        Width of the code.
    hidden_channels, hidden_layer_sizes : sequence of int
        Widths, in the encoder's order.
    kernel_size : int
        3 or 4, along sides that are doubled.
    batch_norm : bool
        Normalise what each stage takes in by the statistics of the batch.
    """

    def __init__(
        self,
        image_shape,
        n_inputs,
        hidden_channels=(32, 64, 64, 32),
        hidden_layer_sizes=(),
        kernel_size=3,
        batch_norm=False,
    ):
        super().__init__()
        widths, sizes = _plan(image_shape, hidden_channels)
        self.first_shape = (widths[-1], *sizes[-1])
        hidden = reversed(hidden_layer_sizes)
        self.head = _fully_connected([n_inputs, *hidden, math.prod(self.first_shape)])
        stages = []
        for i in reversed(range(len(sizes) - 1)):
            geometry = _geometry(sizes[i], kernel_size)
            padding = _output_padding(sizes[i], sizes[i + 1], **geometry)
            layer = ConvTranspose2d(widths[i + 1], widths[i], output_padding=padding, **geometry)
            norm = [BatchNorm2d(widths[i + 1])] if batch_norm else []
            stages += [*norm, nn.SiLU(), layer]
        self.stages = nn.Sequential(*stages)

    def forward(self, codes):
        """Map codes (b, n_inputs) to images (b, c, h, w)."""
        return self.stages(channels_last(self.head(codes).unflatten(1, self.first_shape)))


class Generator(ConvDecoder):
    """A `ConvDecoder` with batch normalisation, and a tanh: codes to images from -1 to 1.

    Radford, Metz & Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional
    Generative Adversarial Networks". A kernel of 4 reaches every pixel as often as its neighbours.
    """

    def __init__(self, image_shape, n_inputs, hidden_channels, hidden_layer_sizes=()):
        super().__init__(
            image_shape,
            n_inputs,
            hidden_channels,
            hidden_layer_sizes,
            kernel_size=4,
            batch_norm=True,
        )

    def forward(self, codes):
        """Map codes (b, n_inputs) to images (b, c, h, w)."""
        return torch.tanh(super().forward(codes))


class LeakyEncoder(ConvEncoder):
    """A `ConvEncoder` with leaky ReLUs (Radford, Metz & Chintala 2016), slope 0.2.

    Divided by their spectral norms, layers with a SiLU between let too little through: it halves
    what is near 0.
    """

    @staticmethod
    def activation():
        """Return a layer that follows each stage."""
        return nn.LeakyReLU(0.2)


def _fully_connected(widths, activation=nn.SiLU):
    """Linear layers of the given widths, with an activation between two."""
    layers = [Linear(widths[0], widths[1])]
    for n_in, n_out in pairwise(widths[1:]):
        layers += [activation(), Linear(n_in, n_out)]
    return nn.Sequential(*layers)


def _plan(image_shape, hidden_channels):
    """Return the widths and the sizes (h, w) of an image before the first stage and after each."""
    widths, sizes = [int(image_shape[0])], [tuple(image_shape[1:])]
    for width in hidden_channels:
        if len(sizes) > 1 and max(sizes[-1]) <= LONGEST_UNHALVED_SIDE:
            break
        widths.append(int(width))  # numpy's integers overflow
        sizes.append(tuple((s + 1) // 2 if s > LONGEST_UNHALVED_SIDE else s for s in sizes[-1]))
    return widths, sizes


def _geometry(size, halving_kernel=3):
    """Kernel, stride and padding of a stage that takes in images of `size` (h, w)."""
    sides = zip(*(_along_a_side(side, halving_kernel) for side in size), strict=True)
    return dict(zip(("kernel_size", "stride", "padding"), sides, strict=True))


def _along_a_side(side, halving_kernel):
    if side == 1:
        return 1, 1, 0
    if side <= LONGEST_UNHALVED_SIDE:
        return 3, 1, 1
    # A kernel of 4 has no middle; a padding of 2 lets it give back odd sides.
    return halving_kernel, 2, 2 if halving_kernel == 4 and side % 2 else 1


def _output_padding(size, smaller, kernel_size, stride, padding):
    """Return what a transposed convolution from `smaller` must add to give exactly `size`."""
    sides = zip(size, smaller, kernel_size, stride, padding, strict=True)
    return tuple(s - ((t - 1) * step - 2 * pad + k) for s, t, k, step, pad in sides)
