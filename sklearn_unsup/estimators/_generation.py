"""How well generated images are distributed as given ones are, in a fixed feature space."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from sklearn_unsup.inference import apply_in_chunks
from sklearn_unsup.metrics import frechet_distance
from sklearn_unsup.networks import RandomFeatures

N_NEIGHBORS = 5  # Naeem et al. 2020, section 4
MAX_HELD_OUT = 2000  # more would cost time and not change the figures
MIN_ROWS = 4  # two to judge by, two to train on
# What makes a group of rows a kind of image that is missing. The bounds lie between generators that
# learnt from all classes and those that learnt from all but one.
N_NEAR = 3
MIN_MISSING = 8  # smaller groups come and go by chance
MIN_MISSING_SHARE = 0.04
MIN_ISOLATION = 0.6
MAX_COVERED = 0.2
MIN_RELATIVE_DISTANCE = 0.8


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
        be); "coverage" (0 to 1) in the same space; "missing" (0 to 1), the share of real rows in
        the largest group that resemble each other and no generated row; "diversity", the variance
        of the generated features as a multiple of that of the real ones.
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
    distances, neighbors = NearestNeighbors(n_neighbors=n_neighbors).fit(real).kneighbors()
    to_generated = pairwise_distances(real, generated)  # (n, n)
    is_covered = to_generated.min(axis=1) <= distances[:, -1]
    return {
        "distance": frechet_distance(real, generated) / variance,
        "coverage": float(is_covered.mean()),  # that of metrics.density_coverage
        "missing": missing_share(real, distances, neighbors, to_generated),
        "diversity": float(generated.var(axis=0, ddof=1).sum()) / variance,
    }


def missing_share(real, distances, neighbors, to_generated):
    """Find the largest group of real rows that resemble each other and no generated row.

    Each generated row is counted for the real row nearest to it, so that generated rows that are
    all a little off still count for their kind. Neighbourhoods without any are joined to groups.
    A group is a kind that is missing if

    - it is large enough not to be chance;
    - its rows are neighbours of each other, and of few rows outside;
    - few of them have a generated row nearer than their third neighbour;
    - generated rows are about as far from them as real rows of the kinds that are generated. (They
      are nearer to a kind that varies by less than the generator is exact.)

    Parameters
    ----------
    real : ndarray of shape (n, m)
    distances, neighbors : ndarray of shape (n, k)
        Of each real row to its nearest others, and which these are.
    to_generated : ndarray of shape (n, n_generated)
        Distances.

    Returns
    -------
    share : float
        Of the real rows, 0 if there is no such group.
    """
    n, k = neighbors.shape
    if k < N_NEAR:
        return 0.0
    near, nearest = neighbors[:, :N_NEAR], to_generated.min(axis=1)
    n_generated = np.bincount(to_generated.argmin(axis=0), minlength=n)
    empty = np.flatnonzero(n_generated + n_generated[neighbors].sum(axis=1) == 0)
    links = np.repeat(empty, k), neighbors[empty].ravel()
    graph = csr_array((np.ones(len(links[0]), dtype=bool), links), shape=(n, n))
    groups = connected_components(graph, directed=False)[1]
    largest = 0
    for group in np.unique(groups[empty]):
        inside = groups == group
        size = int(inside.sum())
        isolation = inside[near[inside]].sum() - inside[near[~inside]].sum()
        if (
            size <= largest
            or size < max(MIN_MISSING, MIN_MISSING_SHARE * n)
            or isolation < MIN_ISOLATION * size * N_NEAR
            or (nearest <= distances[:, N_NEAR - 1])[inside].mean() > MAX_COVERED
        ):
            continue
        to_other_kinds = pairwise_distances(real[inside], real[n_generated > 0]).min(axis=1)
        if np.median(to_other_kinds) >= MIN_RELATIVE_DISTANCE * np.median(nearest[inside]):
            largest = size
    return largest / n
