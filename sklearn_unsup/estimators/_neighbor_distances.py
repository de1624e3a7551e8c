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
ROUNDING = 1e-6  # relative distance below which two codes are the same
BLOCK_SIZE = 2**18  # numbers


def check_neighbors(reference, width):
    """Raise an error if a saved reference is invalid for codes of a width."""
    n = len(np.atleast_1d(reference.get("codes")))
    check({"codes": array(np.float32, (n, width))}, reference)


def sample_of_codes(codes):
    """Return the reference: the codes (m, k) of at most MAX_CODES random rows."""
    if len(codes) > MAX_CODES:
        codes = codes[np.random.RandomState(SEED).choice(len(codes), MAX_CODES, replace=False)]
    return {"codes": codes.astype(np.float32)}


def neighbor_scores(codes, reference):
    """Return minus the mean distance (n,) of codes (n, k) to their nearest in the reference.

    An equal code does not count once: a training row is not its own neighbour.
    """
    others = reference["codes"].astype(np.float64)
    n_neighbors = min(N_NEIGHBORS + 1, len(others))
    tolerance = ROUNDING * max(float(np.abs(others).max()), np.finfo(np.float64).tiny)
    scores = np.zeros(len(codes))
    with scikit_learn_settings():
        nearest = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(others)
        for block in row_blocks(codes, BLOCK_SIZE):
            distances, _ = nearest.kneighbors(codes[block])  # (b, k + 1), ascending
            is_same = distances[:, 0] <= tolerance * np.sqrt(others.shape[1])
            others_of = np.where(is_same[:, None], distances[:, 1:], distances[:, :-1])
            if others_of.shape[1]:
                scores[block] = -others_of.mean(axis=1)
    return scores
