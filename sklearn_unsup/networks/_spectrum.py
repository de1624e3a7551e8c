"""The discrete cosine transform of images."""

import math

import torch


def dct(images):
    """Return the orthonormal cosine transform (type II) of images (b, c, h, w) along both sides."""
    rows, columns = (_basis(side, images) for side in images.shape[2:])
    return rows @ images @ columns.T


def inverse_dct(coefficients):
    """Return the images (b, c, h, w) whose `dct` has these coefficients."""
    rows, columns = (_basis(side, coefficients) for side in coefficients.shape[2:])
    return rows.T @ coefficients @ columns


def _basis(side, like):
    """Return the matrix (side, side) whose rows are the cosines, on the device of `like`."""
    steps = torch.arange(side, device=like.device, dtype=torch.float64)
    matrix = torch.cos(math.pi / side * steps[:, None] * (steps + 0.5)) * math.sqrt(2 / side)
    matrix[0] /= math.sqrt(2)
    return matrix.to(like.dtype)
