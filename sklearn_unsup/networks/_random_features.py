"""A fixed feature space, in which images of different models are compared."""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

WIDTHS = (16, 32, 64)
POOLED_SIDE = 2
SEED = 0


class RandomFeatures(nn.Module):
    """Three average-pooled convolution stages with random weights: at most 448 features.

    Random convolutions preserve the local structure of images and need no download. They depend
    only on the number of channels, so that scores of different models are comparable.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``.
    """

    def __init__(self, image_shape):
        super().__init__()
        generator = torch.Generator("cpu").manual_seed(SEED)
        options = {"dtype": torch.float32, "device": "cpu"}  # whatever torch's defaults are
        for i, (n_in, n_out) in enumerate(pairwise((image_shape[0], *WIDTHS))):
            bound = math.sqrt(6 / (9 * n_in))  # keeps the scale through a ReLU (He et al. 2015)
            weight = torch.empty(n_out, n_in, 3, 3, **options)
            weight.uniform_(-bound, bound, generator=generator)
            self.register_buffer(f"weight{i}", weight)
        self.n_outputs = self(torch.zeros(1, *image_shape, **options)).shape[1]

    def forward(self, images):
        """Map images (b, c, h, w), scaled to about [-1, 1], to features (b, m)."""
        features = []
        for weight in self.buffers():
            images = F.relu(F.conv2d(images, weight, stride=2, padding=1))  # (b, c', h', w')
            grid = [min(side, POOLED_SIDE) for side in images.shape[2:]]
            features.append(F.adaptive_avg_pool2d(images, grid).flatten(1))
        return torch.cat(features, dim=1)
