"""Outlier scores of images by the distances of their codes to those of the training rows.

Ramaswamy, Rastogi & Shim 2000, "Efficient Algorithms for Mining Outliers from Large Data Sets";
Breunig, Kriegel, Ng & Sander 2000, "LOF: Identifying Density-Based Local Outliers".
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from sklearn_unsup._data import row_blocks
from sklearn_unsup._devices import scikit_learn_settings
from sklearn_unsup._persistence import array

MAX_CODES = 10_000  # of the training rows that are kept
SEED = 0  # of their choice
N_NEIGHBORS = 5
N_LOCAL = 20  # neighbours that make a density
LEAST_SCALE = 0.1  # of a component, relative to the typical one: some hardly vary
LEAST_REACH = 0.01  # of a mean distance, relative to the typical one: some codes are equal
ROUNDING = 1e-6  # relative distance below which two codes are the same
BLOCK_SIZE = 2**18  # numbers


def neighbor_specs(reference, width, is_local):
    """Return the specification of a saved reference for codes of a width."""
    n, tiny = max(1, len(reference["codes"])), np.finfo(np.float64).tiny  # a divisor
    specs = {"codes": array(np.float32, (n, width)), "scale": array(np.float64, (width,), tiny)}
    if is_local:
        least = {"k_distances": 0, "reaches": tiny}
        specs |= {name: array(np.float64, (n,), smallest) for name, smallest in least.items()}
    return specs


def fit_neighbors(codes):
    """Return the codes (m, k) of at most MAX_CODES random rows, and the scale of each component."""
    if len(codes) > MAX_CODES:
        codes = codes[np.random.RandomState(SEED).choice(len(codes), MAX_CODES, replace=False)]
    scale = codes.std(axis=0)
    typical = float(np.sqrt(np.square(scale).mean()))
    if typical <= ROUNDING * max(float(np.abs(codes).max()), np.finfo(np.float64).tiny):
        typical = 1.0  # all codes are equal
    scale = np.maximum(scale, LEAST_SCALE * typical)
    return {"codes": (codes / scale).astype(np.float32), "scale": scale}


def fit_local_neighbors(codes):
    """Return what `fit_neighbors` does, and what `local_outlier_factors` needs beside it."""
    reference = fit_neighbors(codes)
    others = reference["codes"].astype(np.float64) * reference["scale"]
    distances, indices = _nearest(others, reference, N_LOCAL)
    k_distances = distances[:, -1]
    typical = float(k_distances.mean()) or 1.0
    # A typical distance is added, so that equal codes have a finite density.
    reaches = _reaches(distances, indices, k_distances) + LEAST_REACH * typical
    return reference | {"k_distances": k_distances, "reaches": reaches}


def neighbor_scores(codes, reference):
    """Return minus the mean distance (n,) of codes (n, k) to their nearest in the reference.

    Components have equal scales. One equal code is ignored: a training row is not its own
    neighbour.
    """
    return -_nearest(codes, reference, N_NEIGHBORS)[0].mean(axis=1)


def local_outlier_factors(codes, reference):
    """Return the local outlier factor (n,) of codes (n, k): about 1 for common ones, or larger.

    It is the mean density of the nearest codes of the reference, divided by that of the code.
    """
    distances, indices = _nearest(codes, reference, N_LOCAL)
    k_distances, reaches = reference["k_distances"], reference["reaches"]
    own = _reaches(distances, indices, k_distances) + LEAST_REACH * (k_distances.mean() or 1.0)
    return own * (1 / reaches[indices]).mean(axis=1)


def _reaches(distances, indices, k_distances):
    """Return the mean reachability distance (n,), the inverse of a density."""
    return np.maximum(distances, k_distances[indices]).mean(axis=1)


def _nearest(codes, reference, n_neighbors):
    """Return distances and indices (n, n_neighbors) of the nearest codes, but one equal code."""
    codes, others = codes / reference["scale"], reference["codes"].astype(np.float64)
    tolerance = ROUNDING * max(float(np.linalg.norm(others, axis=1).max()), 1.0)
    n_found = min(n_neighbors + 1, len(others))
    n_kept = max(1, min(n_neighbors, n_found - 1))
    all_distances, all_indices = np.zeros((len(codes), n_kept)), np.zeros((len(codes), n_kept), int)
    with scikit_learn_settings():
        nearest = NearestNeighbors(n_neighbors=n_found, algorithm="brute").fit(others)
        for block in row_blocks(codes, BLOCK_SIZE):
            distances, indices = nearest.kneighbors(codes[block])  # (b, n_found), ascending
            if n_found > 1:
                is_same = (distances[:, 0] <= tolerance)[:, None]
                distances = np.where(is_same, distances[:, 1:], distances[:, :-1])
                indices = np.where(is_same, indices[:, 1:], indices[:, :-1])
            all_distances[block], all_indices[block] = distances, indices
    return all_distances, all_indices
