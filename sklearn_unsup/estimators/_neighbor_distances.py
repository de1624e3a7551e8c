"""Outlier scores of images by the distance of their codes to those of the training rows.

Ramaswamy, Rastogi & Shim 2000, "Efficient Algorithms for Mining Outliers from Large Data Sets".
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from sklearn_unsup._data import row_blocks
from sklearn_unsup._devices import scikit_learn_settings
from sklearn_unsup._persistence import array, check

MAX_CODES = 10_000  # of the training rows that are kept
SEED = 0  # of their choice
N_NEIGHBORS = 5
LEAST_SCALE = 0.1  # of a component, relative to the typical one: some hardly vary
ROUNDING = 1e-6  # relative distance below which two codes are the same
BLOCK_SIZE = 2**18  # numbers


def check_neighbors(reference, width):
    """Raise an error if a saved reference is invalid for codes of a width."""
    n = max(1, len(reference["codes"]))
    tiny = np.finfo(np.float64).tiny  # a divisor
    specs = {"codes": array(np.float32, (n, width)), "scale": array(np.float64, (width,), tiny)}
    check(specs, reference)


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


def neighbor_scores(codes, reference):
    """Return minus the mean distance (n,) of codes (n, k) to their nearest in the reference.

    Components have equal scales. One equal code is ignored: a training row is not its own
    neighbour.
    """
    codes, others = codes / reference["scale"], reference["codes"].astype(np.float64)
    tolerance = ROUNDING * max(float(np.linalg.norm(others, axis=1).max()), 1.0)
    scores = np.zeros(len(codes))
    with scikit_learn_settings():
        n_neighbors = min(N_NEIGHBORS + 1, len(others))
        nearest = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(others)
        for block in row_blocks(codes, BLOCK_SIZE):
            distances, _ = nearest.kneighbors(codes[block])  # (b, n_neighbors), ascending
            is_same = distances[:, 0] <= tolerance
            if n_neighbors > 1:
                scores[block] = -distances[:, 1:].mean(axis=1)
            scores[block][~is_same] = -distances[~is_same, :N_NEIGHBORS].mean(axis=1)
    return scores
