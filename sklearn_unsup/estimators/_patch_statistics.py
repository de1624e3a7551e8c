"""Outlier scores of images by their patches: a normal distribution at each place of a grid.

Defard, Setkov, Loesch & Audigier 2021, "PaDiM: A Patch Distribution Modeling Framework for Anomaly
Detection and Localization", with principal components of patches instead of a pretrained network.
"""

import numpy as np
import torch
from scipy.spatial import KDTree
from torch.nn.functional import interpolate

from sklearn_unsup._data import channels_first, row_blocks, sample_rows, to_images
from sklearn_unsup._devices import apply_in_chunks
from sklearn_unsup._persistence import array
from sklearn_unsup.networks import (
    n_features,
    normalise_contrast,
    patch_features,
    patch_size,
    principal_patches,
)

N_COMPONENTS = 8  # of the patches of a scale
MAX_SIDE, MAX_LENGTH = 28, 64  # of the grid: of images, and of signals
MAX_ROWS = 10_000  # that distributions are fitted to
N_SHOWN = 200  # of them, for principal components
SEED = 0  # of these choices
LEAST_CONTRAST = 0.1  # relative to the typical one
SHRINKAGE = 0.05  # of a covariance towards the mean one
RIDGE = 1e-3  # relative to the mean variance
LEAST_VARIANCE = 1e-10  # of features of images of unit variance: less is rounding
LEAST_GAP = 1e-3  # in the correction of distances of rows that were fitted to
BLOCK_SIZE = 2**22  # numbers, of features
KINDS = "normalised", "plain"  # contrast
SKETCH_WIDTH = 8
SKETCHED = 4096  # values of an image, at least, if it has as many
TOLERANCE = 1e-5  # between sketches of equal images of unit variance, which may be rounded
ROUNDING = 1e-6  # relative spread below which a channel is constant
MAX_OFFSET = 30  # of a channel from others, in spreads: where they are alike, it carries colour


def fit_patch_statistics(rows, layout):
    """Return the distributions of patches of rows (n, n_features), as a dict of arrays."""
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[np.random.RandomState(SEED).permutation(len(rows))[:MAX_ROWS]] = True
    sample = sample_rows(rows, N_SHOWN, SEED)
    reference = {**_units(to_images(sample.astype(np.float64), layout)), "contrast": np.ones(1)}
    images = _standardise(sample, layout, reference)
    contrast = float(images.std(dim=(1, 2, 3), correction=0).median())
    reference["contrast"] = np.array([LEAST_CONTRAST * contrast or 1.0])
    generator = torch.Generator().manual_seed(SEED)
    for kind in KINDS:
        shown = _of_kind(images, kind, reference)
        filters, patches = principal_patches(shown, N_COMPONENTS, generator)
        reference[f"{kind}_filters"] = torch.stack(filters).numpy()  # (s, k, c, p, q)
        reference[f"{kind}_patches"] = torch.stack(patches).numpy()  # (s, c, p, q), the mean
    for kind in KINDS:
        reference |= _fit_distributions(rows, chosen, layout, reference, kind)
    sketches = [
        _sketch(_standardise(rows[block][chosen[block]], layout, reference))
        for block in row_blocks(rows, _block_size(layout, reference))
    ]
    return reference | {"sketches": np.concatenate(sketches)}


def patch_measures(rows, layout, reference):
    """Return three measures of each row, (n, 3), float64, larger for outliers.

    The root mean square and the maximum over places of the distance of patches of normalised
    contrast, and the root mean square for plain ones. Rows of the fit are measured as left out.
    """
    return np.concatenate([_pool(part) for part in _blocks(rows, layout, reference)])


def patch_maps(rows, layout, reference):
    """Return the mean distance of both kinds of patches around each pixel, (n, h, w), float32."""
    height, width = channels_first(layout)[1:]
    maps = np.empty((len(rows), height, width), dtype=np.float32)
    start = 0
    for distances in _blocks(rows, layout, reference):
        grid = torch.from_numpy(distances.mean(axis=0)).reshape(-1, 1, *_grid(layout)).float()
        found = interpolate(grid, (height, width), mode="bilinear", align_corners=False)
        maps[start : start + len(found)] = found[:, 0].numpy()
        start += len(found)
    return maps


def patch_specs(reference, layout):
    """Return the specification of a saved reference for images of a layout."""
    n_channels, *sides = channels_first(layout)
    n_places, tiny = int(np.prod(_grid(layout))), np.finfo(np.float64).tiny
    specs = {
        "channel_mean": array(np.float64, (n_channels,)),
        "channel_scale": array(np.float64, (n_channels,), tiny),
        "contrast": array(np.float64, (1,), tiny),
        "sketches": array(np.float64, (max(1, len(reference["sketches"])), SKETCH_WIDTH)),
    }
    for kind in KINDS:
        n_scales, n_filters, *_ = reference[f"{kind}_filters"].shape
        d = n_features(reference[f"{kind}_filters"])
        shapes = {
            "filters": (n_scales, n_filters, n_channels, *patch_size(sides)),
            "patches": (n_scales, n_channels, *patch_size(sides)),
            "means": (n_places, d),
            "factors": (n_places, d * (d + 1) // 2),
        }
        specs |= {f"{kind}_{name}": array(np.float32, shape) for name, shape in shapes.items()}
    return specs


def _units(images):
    """Return the offset and scale of each channel of images (n, c, h, w).

    Channels get equal variances, and keep the differences of their means, which are colours.
    """
    mean, scale = images.mean(axis=(0, 2, 3)), images.std(axis=(0, 2, 3))
    is_constant = scale <= ROUNDING * np.maximum(np.abs(mean), np.finfo(np.float32).tiny)
    scale[is_constant] = 1.0 if is_constant.all() else np.median(scale[~is_constant])
    offset = mean / scale
    common = np.median(offset)
    offset = np.where(np.abs(offset - common) <= MAX_OFFSET, common, offset)
    return {"channel_mean": offset * scale, "channel_scale": scale}


def _grid(layout):
    """Return the rows and columns of the grid for images of a layout."""
    height, width = channels_first(layout)[1:]
    longest = MAX_LENGTH if 1 in (height, width) else MAX_SIDE
    cell = max(1.0, max(height, width) / longest)
    return max(1, round(height / cell)), max(1, round(width / cell))


def _standardise(rows, layout, reference):
    """Return rows as images (b, c, h, w), float32, of channels of unit variance."""
    mean, scale = (reference[f"channel_{name}"][:, None, None] for name in ("mean", "scale"))
    images = (to_images(rows.astype(np.float64), layout) - mean) / scale
    return torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))


def _of_kind(images, kind, reference):
    return (
        normalise_contrast(images, float(reference["contrast"][0])) if kind == KINDS[0] else images
    )


def _features(images, kind, reference, grid):
    """Return features (places, b, d) of standardised images."""
    images = _of_kind(images, kind, reference)
    filters, patches = (
        list(torch.tensor(reference[f"{kind}_{name}"])) for name in ("filters", "patches")
    )
    return patch_features(images, filters, patches, grid).flatten(2).permute(2, 0, 1)


def _block_size(layout, reference):
    """Return the rows of a block, in numbers of `row_blocks`."""
    features = n_features(reference[f"{KINDS[0]}_filters"]) * int(np.prod(_grid(layout)))
    size = int(np.prod(channels_first(layout)))
    return BLOCK_SIZE * size // max(features, N_COMPONENTS * size)


def _fit_distributions(rows, chosen, layout, reference, kind):
    """Return the means of features, and inverse Cholesky factors of their covariances."""
    grid, n, shift, total, squares = _grid(layout), 0, None, 0.0, 0.0
    with torch.inference_mode():
        for block in row_blocks(rows, _block_size(layout, reference)):
            if not chosen[block].any():
                continue
            images = _standardise(rows[block][chosen[block]], layout, reference)
            features = _features(images, kind, reference, grid)
            if shift is None:
                shift = features.mean(1, keepdim=True)
            features = features - shift
            n += features.shape[1]
            total = total + features.sum(1).double()  # (places, d)
            squares = squares + (features.transpose(1, 2) @ features).double()  # (places, d, d)
        mean = total / n
        covariances = squares / n - mean[:, :, None] * mean[:, None, :]
        common = covariances.mean(0)
        covariances = (1 - SHRINKAGE) * covariances + SHRINKAGE * common
        d, variance = len(common), float(common.diagonal().mean())
        ridge = RIDGE * variance if variance > LEAST_VARIANCE else 1.0
        covariances += ridge * torch.eye(d, dtype=torch.float64)
        factors = torch.linalg.cholesky(covariances)
        inverse = torch.linalg.solve_triangular(
            factors, torch.eye(d, dtype=torch.float64), upper=False
        )
        lower = torch.tril_indices(d, d)
        return {
            f"{kind}_means": (mean + shift[:, 0]).float().numpy(),
            f"{kind}_factors": inverse[:, lower[0], lower[1]].float().numpy(),
        }


def _blocks(rows, layout, reference):
    """Yield Mahalanobis distances of patches, (2, b, places), of both kinds, block by block."""
    grid, image_shape = _grid(layout), channels_first(layout)
    parameters = []
    for kind in KINDS:
        means = torch.tensor(reference[f"{kind}_means"])[:, None]  # (places, 1, d)
        d = means.shape[2]
        factors = torch.zeros(len(means), d, d, dtype=torch.float64)
        lower = torch.tril_indices(d, d)
        factors[:, lower[0], lower[1]] = torch.tensor(reference[f"{kind}_factors"]).double()
        parameters.append((kind, means, factors.transpose(1, 2)))

    def distances(standardised):
        images = standardised.reshape(-1, *image_shape)
        parts = [
            ((_features(images, kind, reference, grid).double() - means) @ factors).norm(dim=2).T
            for kind, means, factors in parameters
        ]
        return torch.cat(parts, dim=1)  # (b, 2 * places)

    known = KDTree(reference["sketches"])
    n_places, device = grid[0] * grid[1], torch.device("cpu")
    for block in row_blocks(rows, _block_size(layout, reference)):
        images = _standardise(rows[block], layout, reference)
        found = apply_in_chunks(distances, images.flatten(1).numpy(), device, 2 * n_places)
        found = found.astype(np.float64)
        is_known = np.isfinite(known.query(_sketch(images), distance_upper_bound=TOLERANCE)[0])
        found[is_known] = _left_out(found[is_known], known.n)
        yield found.reshape(-1, 2, n_places).swapaxes(0, 1)


def _left_out(distances, n):
    """Return Mahalanobis distances of rows from the n - 1 others (Sherman & Morrison)."""
    if n < 2:
        return distances
    gap = 1 - (1 - SHRINKAGE) / (n - 1) * np.square(distances)
    return distances * np.sqrt(n / (n - 1) / np.maximum(gap, LEAST_GAP))


def _sketch(images):
    """Return random projections of images, (b, SKETCH_WIDTH), which tell whether two are equal."""
    rows = images.flatten(1)
    rows = rows[:, :: max(1, rows.shape[1] // SKETCHED)].double()
    generator = torch.Generator().manual_seed(SEED)
    shape = rows.shape[1], SKETCH_WIDTH
    directions = torch.randn(shape, generator=generator, dtype=torch.float64)
    return (rows @ directions / shape[0] ** 0.5).numpy()


def _pool(distances):
    """Return the measures (n, 3) of distances (2, n, places)."""
    normalised, plain = np.sqrt(np.square(distances).mean(axis=2))
    return np.column_stack([normalised, distances[0].max(axis=1), plain])
