"""Outlier scores of images by the distances of their codes to those of the training rows.

Denouden et al. 2018, "Improving Reconstruction Autoencoder Out-of-distribution Detection with
Mahalanobis Distance";
Ramaswamy, Rastogi & Shim 2000, "Efficient Algorithms for Mining Outliers from Large Data Sets";
Breunig, Kriegel, Ng & Sander 2000, "LOF: Identifying Density-Based Local Outliers".
"""

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches

from sklearn_unsup._devices import scikit_learn_settings
from sklearn_unsup._persistence import array

MAX_CODES = 10_000  # of the training rows that are kept
SEED = 0  # of their choice
N_NEIGHBORS = 5
N_LOCAL = 20  # neighbours that make a density
LEAST_SCALE = 0.1  # of a component, relative to the typical one: some hardly vary
LEAST_REACH = 0.01  # of a mean distance, relative to the typical one: some codes are equal
LEAST_GAP = 1e-3  # in the correction of distances of codes of the reference
ROUNDING = 1e-6  # relative distance below which two codes are the same
BLOCK_SIZE = 2**18  # numbers


def neighbor_specs(reference, width, is_local):
    """Return the specification of a saved reference for codes of a width."""
    n, tiny = max(1, len(reference["codes"])), np.finfo(np.float64).tiny  # a divisor
    specs = {"codes": array(np.float32, (n, width)), "scale": array(np.float64, (width,), tiny)}
    if is_local:
        least = {"k_distances": 0, "reaches": tiny}
        specs |= {name: array(np.float64, (n,), smallest) for name, smallest in least.items()}
        shapes = {"location": (width,), "precision": (width, width), "shrinkage": (1,)}
        specs |= {name: array(np.float64, shape) for name, shape in shapes.items()}
    return specs


def fit_neighbors(codes):
    """Return the codes (m, k) of at most MAX_CODES random rows, and the scale of each component."""
    codes = codes.astype(np.float64)
    if len(codes) > MAX_CODES:
        codes = codes[np.random.RandomState(SEED).choice(len(codes), MAX_CODES, replace=False)]
    scale = codes.std(axis=0)
    typical = float(np.sqrt(np.square(scale).mean()))
    if typical <= ROUNDING * max(float(np.abs(codes).max()), np.finfo(np.float64).tiny):
        typical = 1.0  # all codes are equal
    scale = np.maximum(scale, LEAST_SCALE * typical)
    return {"codes": (codes / scale).astype(np.float32), "scale": scale}


def fit_code_distribution(codes):
    """Return what `fit_neighbors` does, and what `code_measures` needs beside it."""
    reference = fit_neighbors(codes)
    own = reference["codes"].astype(np.float64)
    with scikit_learn_settings():  # the covariance of few codes is singular: it is shrunk
        covariance = LedoitWolf().fit(own)
    is_regular = np.trace(covariance.covariance_) > ROUNDING * own.shape[1]
    precision = covariance.precision_ if is_regular else np.eye(own.shape[1])
    reference |= {"location": covariance.location_, "precision": precision}
    reference["shrinkage"] = np.array([covariance.shrinkage_])
    own = own * reference["scale"]
    k_distances = np.empty(len(own))
    for block, distances, *_ in _nearest(own, reference, N_LOCAL):
        k_distances[block] = distances[:, -1]
    reference |= {"k_distances": k_distances, "reaches": np.empty(len(own))}
    for block, distances, indices, _ in _nearest(own, reference, N_LOCAL):
        reference["reaches"][block] = _reaches(distances, indices, reference)
    return reference


def neighbor_scores(codes, reference):
    """Return minus the mean distance (n,) of codes (n, k) to their nearest in the reference.

    Components have equal scales. One equal code is ignored: a training row is not its own
    neighbour.
    """
    scores = np.empty(len(codes))
    for block, distances, *_ in _nearest(codes, reference, N_NEIGHBORS):
        scores[block] = -distances.mean(axis=1)
    return scores


def code_measures(codes, reference):
    """Return two measures of codes (n, k): (n, 2), larger for outliers.

    The Mahalanobis distance from the codes of the reference, and the local outlier factor: the
    mean density of the nearest of them, divided by that of the code. A code of the reference is
    measured as if it had been left out.
    """
    measures = np.empty((len(codes), 2))
    n, location, precision = len(reference["codes"]), reference["location"], reference["precision"]
    weight = 1 - reference["shrinkage"][0]
    for block, distances, indices, is_same in _nearest(codes, reference, N_LOCAL):
        deviations = codes[block] / reference["scale"] - location
        squares = np.einsum("ij,ij->i", deviations @ precision, deviations)
        if n > 1:
            gap = np.maximum(1 - weight * squares[is_same] / (n - 1), LEAST_GAP)
            squares[is_same] *= n / (n - 1) / gap
        measures[block, 0] = np.sqrt(np.maximum(squares, 0.0))
        densities = 1 / reference["reaches"][indices]
        measures[block, 1] = _reaches(distances, indices, reference) * densities.mean(axis=1)
    return measures


def _reaches(distances, indices, reference):
    """Return the mean reachability distance (n,), the inverse of a density.

    A small distance is added, so that equal codes have a finite density.
    """
    k_distances = reference["k_distances"]
    least = LEAST_REACH * (float(k_distances.mean()) or 1.0)
    return np.maximum(distances, k_distances[indices]).mean(axis=1) + least


def _nearest(codes, reference, n_neighbors):
    """Yield slices, the distances and indices (b, n) of the nearest codes, and which are equal.

    There are `n_neighbors`, or as many as the reference has; one equal code is left out.
    """
    others = reference["codes"].astype(np.float64)
    tolerance = ROUNDING * max(float(np.linalg.norm(others, axis=1).max()), 1.0)
    n_found = min(n_neighbors + 1, len(others))
    nearest = NearestNeighbors(n_neighbors=n_found, algorithm="brute").fit(others)
    for block in gen_batches(len(codes), max(1, BLOCK_SIZE // max(codes.shape[1], 4 * n_found))):
        with scikit_learn_settings():
            distances, indices = nearest.kneighbors(codes[block] / reference["scale"])  # ascending
        is_same = distances[:, 0] <= tolerance
        if n_found > 1:
            distances, indices = (
                np.where(is_same[:, None], found[:, 1:], found[:, :-1])
                for found in (distances, indices)
            )
        yield block, distances, indices, is_same
