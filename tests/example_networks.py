"""Networks that a user might write; importable, so that they pickle."""

from itertools import pairwise
from math import prod

import torch
from torch import nn


class LinearEncoder(nn.Module):
    def __init__(self, image_shape, n_outputs):
        super().__init__()
        self.linear = nn.Linear(prod(image_shape), n_outputs)

    def forward(self, images):
        return self.linear(images.flatten(1))


class LinearDecoder(nn.Module):
    def __init__(self, image_shape, n_inputs):
        super().__init__()
        self.image_shape = image_shape
        self.linear = nn.Linear(n_inputs, prod(image_shape))

    def forward(self, codes):
        return self.linear(codes).unflatten(1, self.image_shape)


class NoisyEncoder(LinearEncoder):
    """Draws dropout masks from torch's global state, and needs more than one row in training."""

    def __init__(self, image_shape, n_outputs):
        super().__init__(image_shape, n_outputs)
        self.norm = nn.BatchNorm1d(n_outputs)

    def forward(self, images):
        return self.norm(super().forward(nn.functional.dropout(images, 0.2, self.training)))


def lazy_encoder(image_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(n_outputs))


def hidden_encoder(image_shape, n_outputs, n_hidden):
    layers = nn.Linear(prod(image_shape), n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_outputs)
    return nn.Sequential(nn.Flatten(), *layers)


def dropout_encoder(image_shape, n_outputs, rate):
    return nn.Sequential(nn.Dropout(rate), LinearEncoder(image_shape, n_outputs))


def wrong_encoder(image_shape, n_outputs):
    return LinearEncoder(image_shape, n_outputs + 1)


def no_module(image_shape, n_outputs):
    return torch.zeros(n_outputs)


def classic_generator(image_shape, n_inputs):
    """The fully connected generator of the classic tutorials."""
    widths = [n_inputs, 256, 512, 1024]
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.LeakyReLU(0.2)]
    last = nn.Linear(widths[-1], prod(image_shape))
    return nn.Sequential(*layers, last, nn.Tanh(), nn.Unflatten(1, image_shape))


def classic_discriminator(image_shape, n_outputs):
    """Its partner."""
    widths = [prod(image_shape), 512, 256]
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.LeakyReLU(0.2)]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(widths[-1], n_outputs))


class ConstantGenerator(nn.Module):
    """Generates one image, whatever the noise: the worst collapse."""

    def __init__(self, image_shape, n_inputs):
        super().__init__()
        self.image = nn.Parameter(torch.zeros(image_shape))

    def forward(self, codes):
        return torch.tanh(self.image.expand(len(codes), *self.image.shape))
