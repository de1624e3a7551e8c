"""How well generated images are distributed as given ones are, in a fixed feature space."""

import numpy as np

from sklearn_unsup.inference import apply_in_chunks
from sklearn_unsup.metrics import density_coverage, frechet_distance
from sklearn_unsup.networks import RandomFeatures

N_NEIGHBORS = 5  # Naeem et al. 2020, section 4
MAX_HELD_OUT = 2000  # more would cost time and not change the figures
MIN_ROWS = 4  # two to judge by, two to train on


def n_held_out(n_rows, fraction):
    """Return how many rows to hold out.

    Raises
    ------
    ValueError
        If there are too few rows.
    """
    if n_rows < MIN_ROWS:
        raise ValueError(
            f"X has n_samples={n_rows}: ConvGAN holds out rows to judge what it generates, and "
            f"expects at least {MIN_ROWS} samples."
        )
    return int(np.clip(round(n_rows * fraction), 2, min(n_rows - 2, MAX_HELD_OUT)))


def generation_quality(network, rows, codes, to_images, image_shape):
    """Compare what a network generates from codes with real rows.

    Parameters
    ----------
    network : GenerativeAdversarialNetwork
        In evaluation mode.
    rows : ndarray of shape (n, n_features)
        At least 2.
    codes : ndarray of shape (n, n_components)
    to_images : callable
        Maps rows (b, n_features) to images (b, c, h, w).
    image_shape : tuple of int
        ``(C, H, W)``.

    Returns
    -------
    quality : dict of float
        "distance", the squared Fréchet distance of the features of `RandomFeatures` as a multiple
        of the variance of the real ones (1: as far as the mean of the real features alone would
        be); "coverage" (0 to 1) in the same space; "diversity", the variance of the generated
        features as a multiple of that of the real ones.
    """
    device = network.scaling.scale.device
    judge = RandomFeatures(image_shape).to(device)
    real = apply_in_chunks(
        lambda tensor: judge(network.scaling(to_images(tensor))), rows, device, judge.n_outputs
    ).astype(np.float64)
    generated = apply_in_chunks(
        lambda tensor: judge(network.average(tensor)), codes, device, judge.n_outputs
    ).astype(np.float64)
    variance = float(real.var(axis=0, ddof=1).sum()) or 1.0  # constant X: in units of its own
    n_neighbors = min(N_NEIGHBORS, len(rows) - 1)
    _, coverage = density_coverage(real, generated, n_neighbors=n_neighbors)
    return {
        "distance": frechet_distance(real, generated) / variance,
        "coverage": coverage,
        "diversity": float(generated.var(axis=0, ddof=1).sum()) / variance,
    }
