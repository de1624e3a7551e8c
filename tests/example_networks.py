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


# Bodies, that map (b, n_in) to (b, n_out), and what makes an encoder or a decoder of one.


def flat_encoder(image_shape, n_outputs, body):
    return nn.Sequential(nn.Flatten(), body(prod(image_shape), n_outputs))


def flat_decoder(image_shape, n_inputs, body):
    return nn.Sequential(body(n_inputs, prod(image_shape)), nn.Unflatten(1, image_shape))


def without_bias(n_in, n_out):
    layers = nn.Linear(n_in, 8, bias=False), nn.BatchNorm1d(8, affine=False), nn.ReLU()
    return nn.Sequential(*layers, nn.Linear(8, n_out, bias=False))


def lazy(n_in, n_out):
    return nn.Sequential(nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(n_out))


def shared(n_in, n_out):
    first, again = nn.Linear(8, 8), nn.Linear(8, 8)
    again.weight = first.weight
    return nn.Sequential(nn.Linear(n_in, 8), first, nn.Tanh(), again, first, nn.Linear(8, n_out))


def dropping(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, n_out))


def half_frozen(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 8).requires_grad_(False), nn.ReLU(), nn.Linear(8, n_out))


def frozen(n_in, n_out):
    return nn.Linear(n_in, n_out).requires_grad_(False)


def without_parameters(n_in, n_out):
    return nn.AdaptiveAvgPool1d(n_out)


def weight_normed(n_in, n_out):
    return nn.utils.parametrizations.weight_norm(nn.Linear(n_in, n_out))


def old_weight_norm(n_in, n_out):
    return nn.utils.weight_norm(nn.Linear(n_in, n_out))


def spectral_normed(n_in, n_out):
    return nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(n_in, n_out)))


class Masked(nn.Linear):
    """Has buffers of several dtypes, and a layer that is never used."""

    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out)
        self.register_buffer("mask", torch.rand(n_in) < 0.8)
        self.register_buffer("gain", torch.rand(n_out))
        self.register_buffer("n_calls", torch.tensor(0))
        self.unused = nn.Linear(3, 3)

    def forward(self, inputs):
        if self.training:
            self.n_calls += 1
        return super().forward(inputs * self.mask) * self.gain


class OutOfPlace(nn.Module):
    """Changes its input, and works on the changed one."""

    in_place = False

    def __init__(self, **shapes):
        super().__init__()
        decodes = "n_inputs" in shapes
        self.last = (LinearDecoder if decodes else LinearEncoder)(**shapes)

    def forward(self, inputs):
        if not self.in_place:
            return self.last(nn.functional.relu(inputs * 2))
        return self.last(nn.functional.relu(inputs.mul_(2), inplace=True))


class InPlace(OutOfPlace):
    in_place = True


class ConstantGenerator(nn.Module):
    """Generates one image, whatever the noise: the worst collapse."""

    def __init__(self, image_shape, n_inputs):
        super().__init__()
        self.image = nn.Parameter(torch.zeros(image_shape))

    def forward(self, codes):
        return torch.tanh(self.image.expand(len(codes), *self.image.shape))


class DividingByZero(nn.Linear):
    def forward(self, inputs):
        return super().forward(inputs) / (1 // 0)
