"""Convolutional encoder and decoder for images of any size.

Layers were chosen by measurements of speed and quality: benchmarks/results/architecture.md.
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
LEAST_WIDTH, LARGEST_WIDTH = 16, 128  # of the stages of "auto"
LAST_SIDE, LAST_LARGE_SIDE, LARGE_SIDE = 4, 8, 64


class ConvEncoder(nn.Module):
    """Convolution stages, then fully connected layers: images to codes.

    Each stage is a 3 x 3 convolution, which halves every side longer than 3, and a SiLU. Later
    stages with nothing to halve are left out: they cost time and reduce quality. There is no
    normalisation: it did not improve results. Weights have no memory until `initialise` draws them,
    or `materialise` allocates memory for saved ones.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``.
    n_outputs : int
        Width of the code.
    hidden_channels : sequence of int or "auto"
        Width of each stage; `auto_widths` gives those of "auto".
    hidden_layer_sizes : sequence of int
        Width of each fully connected layer between the last stage and the code.
    """

    def __init__(self, image_shape, n_outputs, hidden_channels="auto", hidden_layer_sizes=()):
        super().__init__()
        widths, sizes = _stage_shapes(image_shape, hidden_channels)
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

    Every stage restores exactly the input size of the encoder's stage.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``.
    n_inputs : int
        Width of the code.
    hidden_channels : sequence of int or "auto"
    hidden_layer_sizes : sequence of int
        Widths, in the encoder's order.
    kernel_size : int
        3 or 4, along sides that are doubled.
    batch_norm : bool
        Whether each stage starts with batch normalisation.
    """

    def __init__(
        self,
        image_shape,
        n_inputs,
        hidden_channels="auto",
        hidden_layer_sizes=(),
        kernel_size=3,
        batch_norm=False,
    ):
        super().__init__()
        widths, sizes = _stage_shapes(image_shape, hidden_channels)
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
    """A `ConvDecoder` with batch normalisation and tanh: codes to images from -1 to 1.

    Radford, Metz & Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional
    Generative Adversarial Networks". Kernels of size 4 cover all pixels equally often, which avoids
    checkerboard artefacts.
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
    """A `ConvEncoder` with leaky ReLUs of slope 0.2 (Radford, Metz & Chintala 2016).

    A SiLU halves values near 0. After layers with spectral normalisation, too little of the signal
    would remain.
    """

    @staticmethod
    def activation():
        """Return a layer that follows each stage."""
        return nn.LeakyReLU(0.2)


def _fully_connected(widths, activation=nn.SiLU):
    """Return linear layers of the given widths, with activations between them."""
    layers = [Linear(widths[0], widths[1])]
    for n_in, n_out in pairwise(widths[1:]):
        layers += [activation(), Linear(n_in, n_out)]
    return nn.Sequential(*layers)


def auto_widths(image_shape):
    """Return the widths of the stages for images of a shape (C, H, W).

    Stages halve the longer side until it is at most 4 pixels long, or 8 for images of more than 64
    pixels; there are at least two. Widths double to 128.
    """
    side, n_stages = max(image_shape[1:]), 0
    last = LAST_SIDE if side <= LARGE_SIDE or min(image_shape[1:]) == 1 else LAST_LARGE_SIDE
    while side > last:
        side, n_stages = (side + 1) // 2, n_stages + 1
    n_stages = max(n_stages, 2)
    first = max(LEAST_WIDTH, LARGEST_WIDTH >> n_stages - 1)
    return tuple(min(first << i, LARGEST_WIDTH) for i in range(n_stages))


def _stage_shapes(image_shape, hidden_channels):
    """Return the numbers of channels and the sizes (h, w) before the first stage and after each."""
    if isinstance(hidden_channels, str):
        hidden_channels = auto_widths(image_shape)
    widths, sizes = [int(image_shape[0])], [tuple(image_shape[1:])]
    for width in hidden_channels:
        if len(sizes) > 1 and max(sizes[-1]) <= LONGEST_UNHALVED_SIDE:
            break
        widths.append(int(width))  # numpy's integers overflow
        sizes.append(tuple((s + 1) // 2 if s > LONGEST_UNHALVED_SIDE else s for s in sizes[-1]))
    return widths, sizes


def stage_geometries(image_shape, hidden_channels):
    """Return the numbers of channels before the first stage and after each, and their geometry."""
    widths, sizes = _stage_shapes(image_shape, hidden_channels)
    return widths, [_geometry(size) for size in sizes[:-1]]


def _geometry(size, halving_kernel=3):
    """Return kernel, stride and padding of a stage for inputs of `size` (h, w)."""
    sides = zip(*(_side_geometry(side, halving_kernel) for side in size), strict=True)
    return dict(zip(("kernel_size", "stride", "padding"), sides, strict=True))


def _side_geometry(side, halving_kernel):
    if side == 1:
        return 1, 1, 0
    if side <= LONGEST_UNHALVED_SIDE:
        return 3, 1, 1
    # A kernel of 4 has no centre: only with a padding of 2 can it restore odd sides.
    return halving_kernel, 2, 2 if halving_kernel == 4 and side % 2 else 1


def _output_padding(size, smaller, kernel_size, stride, padding):
    """Return the output padding of a transposed convolution from sides `smaller` to `size`."""
    sides = zip(size, smaller, kernel_size, stride, padding, strict=True)
    return tuple(s - ((t - 1) * step - 2 * pad + k) for s, t, k, step, pad in sides)
