"""Features of patches that need no training: principal components of patches, at several scales.

Coates, Ng & Lee 2011, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning", take
k-means of patches; principal components do as well here, and are found in a moment.
"""

import torch
from torch.nn import functional as F

PATCH_SIDE = 5
N_SCALES = 5  # at most
LEAST_SIDE = 6  # of the smallest scale
MAX_COLOURS = 8  # channels
MAX_PATCHES = 20_000  # that the components of a scale are learnt from, about


def principal_patches(images, n_components, generator):
    """Return the principal components of the patches of images, at each scale.

    Parameters
    ----------
    images : Tensor of shape (b, c, h, w)
    n_components : int
        At most as many as a patch has numbers.
    generator : torch.Generator
        For the choice of patches.

    Returns
    -------
    filters : list of Tensor of shape (k, c, p, q)
        Of length 1, those of the largest variance first. Patches are 5 x 5, or 1 x 5 in signals.
    means : list of Tensor of shape (c, p, q)
        The mean patch.
    """
    filters, means = [], []
    for scaled in _scales(images):
        size = patch_size(scaled.shape[2:])
        n = -(-MAX_PATCHES // len(scaled))  # of each image
        patches = []
        for image in _pad(scaled).split(1):
            found = F.unfold(image, size)[0].T  # (places, c * p * q)
            chosen = torch.randint(len(found), (n,), generator=generator)
            patches.append(found[chosen])
        patches = torch.cat(patches).double()
        mean = patches.mean(0)
        _, directions = torch.linalg.eigh((patches - mean).T @ (patches - mean))
        directions = directions.flip(1)[:, :n_components].T  # (k, c * p * q)
        filters.append(directions.float().reshape(-1, scaled.shape[1], *size))
        means.append(mean.float().reshape(scaled.shape[1], *size))
    return filters, means


def patch_features(images, filters, means, grid):
    """Return principal components of patches, their absolute values and what is left, on a grid.

    Parameters
    ----------
    images : Tensor of shape (b, c, h, w)
    filters, means : list of Tensor
        As `principal_patches` returns them.
    grid : tuple of int
        ``(rows, columns)``.

    Returns
    -------
    features : Tensor of shape (b, d, rows, columns)
        Two for each filter of each scale, the length of the rest of the patch, and for several
        channels the difference of each from their mean, which the components hardly see if X is
        nearly grey. `n_features` is d.
    """
    features = []
    if 1 < images.shape[1] <= MAX_COLOURS:
        features.append(_resize(images - images.mean(1, keepdim=True), grid))
    for scaled, kernels, mean in zip(_scales(images), filters, means, strict=True):
        padded, offsets = _pad(scaled), -(kernels * mean).sum((1, 2, 3))
        responses = F.conv2d(padded, kernels, offsets)  # (b, k, h, w)
        box = torch.ones_like(mean)[None]
        length = F.conv2d(padded.square(), box) - 2 * F.conv2d(padded, mean[None])
        rest = length + mean.square().sum() - responses.square().sum(1, keepdim=True)
        parts = responses, responses.abs(), rest.clamp(min=0).sqrt()
        features += [_resize(part, grid) for part in parts]
    return torch.cat(features, dim=1)


def n_features(filters):
    """Return how many features `patch_features` returns at a place, for filters (s, k, c, p, q)."""
    n_scales, n_filters, n_channels = filters.shape[:3]
    n_colours = n_channels if 1 < n_channels <= MAX_COLOURS else 0
    return n_scales * (2 * n_filters + 1) + n_colours


def normalise_contrast(images, least):
    """Subtract the mean of each image (b, c, h, w), and divide by its standard deviation."""
    centred = images - images.mean((1, 2, 3), keepdim=True)
    spread = centred.square().mean((1, 2, 3), keepdim=True).sqrt()
    return centred / (spread + least)


def _scales(images):
    """Return images, and images of half the size, as long as they are large enough."""
    scales = [images]
    while len(scales) < N_SCALES:
        sides = [side for side in scales[-1].shape[2:] if side > 1]
        if not sides or min(sides) < LEAST_SIDE:
            break
        halves = tuple(2 if side > 1 else 1 for side in scales[-1].shape[2:])
        scales.append(F.avg_pool2d(scales[-1], halves, ceil_mode=True, count_include_pad=False))
    return scales


def patch_size(sides):
    """Return the sides (p, q) of patches in images with sides (h, w)."""
    return tuple(PATCH_SIDE if side > 1 else 1 for side in sides)


def _pad(images):
    """Repeat the pixels of the border, so that there is a patch around each pixel."""
    high, wide = (side // 2 for side in patch_size(images.shape[2:]))
    return F.pad(images, (wide, wide, high, high), mode="replicate")


def _resize(maps, grid):
    """Average maps (b, k, h, w) over the cells of a grid, or interpolate smaller ones."""
    if tuple(maps.shape[2:]) == grid:
        return maps
    if maps.shape[2] >= grid[0] and maps.shape[3] >= grid[1]:
        return F.adaptive_avg_pool2d(maps, grid)
    return F.interpolate(maps, grid, mode="bilinear", align_corners=False)
