"""Networks that a user might write; importable, so that they pickle."""

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


def wrong_encoder(image_shape, n_outputs):
    return LinearEncoder(image_shape, n_outputs + 1)


def no_module(image_shape, n_outputs):
    return torch.zeros(n_outputs)
