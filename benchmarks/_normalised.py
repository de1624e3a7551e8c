"""The default networks with a norm between each convolution and its activation."""

import torch
from torch import nn

from sklearn_unsup.networks import ConvDecoder, ConvEncoder, initialise

NORMS = {"BatchNorm": nn.BatchNorm2d, "GroupNorm": lambda n: nn.GroupNorm(8, n)}


class NormalisedEncoder(ConvEncoder):
    def __init__(self, image_shape, n_outputs, norm):
        super().__init__(image_shape, n_outputs)
        convolutions, activations = self.stages[::2], self.stages[1::2]
        norms = [NORMS[norm](layer.out_channels) for layer in convolutions]
        stages = zip(convolutions, norms, activations, strict=True)
        self.stages = nn.Sequential(*(layer for stage in stages for layer in stage))
        initialise(self, torch.Generator().manual_seed(0))


class NormalisedDecoder(ConvDecoder):
    def __init__(self, image_shape, n_inputs, norm):
        super().__init__(image_shape, n_inputs)
        activations, convolutions = self.stages[::2], self.stages[1::2]
        norms = [NORMS[norm](layer.in_channels) for layer in convolutions]
        stages = zip(norms, activations, convolutions, strict=True)
        self.stages = nn.Sequential(*(layer for stage in stages for layer in stage))
        initialise(self, torch.Generator().manual_seed(1))
