"""Neighbours of images, and how strongly each attracts its image in a map."""

import numpy as np
from scipy.optimize import curve_fit
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from sklearn_unsup._data import row_blocks, rows_at, sample_rows
from sklearn_unsup._devices import scikit_learn_settings

MAX_LANDMARKS = 100_000  # rows among which neighbours are searched
MAX_NUMBERS = 2**28  # in them, if X is on a disk: 1 GB
N_PRINCIPAL = 64  # components in which distances are measured
MAX_PRINCIPAL_ROWS, MAX_PRINCIPAL_NUMBERS = 10_000, 2**26  # that they are fitted to
NEIGHBORS_PER_PERPLEXITY = 3  # van der Maaten 2014, "Accelerating t-SNE", section 4.1
LEAST_SCALE = 0.1  # of a component of features, relative to the typical one
BLOCK_SIZE = 2**22  # numbers
N_BISECTIONS = 40
TINY = 1e-12


class NeighborSearch:
    """Exact search of nearest neighbours, by Euclidean distances of codes.

    Parameters
    ----------
    rows : ndarray or LazyRows of shape (n, n_features)
    fit_codes : callable
        ``fit_codes(landmarks)`` returns a function that maps rows (b, n_features) to codes (b, k).
    seed : int

    Attributes
    ----------
    indices : ndarray of int of shape (m,)
        The landmarks: rows among which neighbours are searched.
    landmarks : ndarray of shape (m, n_features)
    encode : callable
        Maps rows (b, n_features) to codes (b, k).
    """

    def __init__(self, rows, fit_codes, seed):
        self._rows = rows
        n, n_features = rows.shape
        in_memory = isinstance(rows, np.ndarray)
        most = MAX_LANDMARKS if in_memory else min(MAX_LANDMARKS, MAX_NUMBERS // n_features)
        self.indices = np.arange(n)
        if most < n:
            self.indices = np.sort(np.random.RandomState(seed).permutation(n)[: max(most, 2)])
        self.landmarks = rows if most >= n and in_memory else rows_at(rows, self.indices)
        self.encode = fit_codes(self.landmarks)
        codes = self.encode(self.landmarks)
        with scikit_learn_settings():
            self._search = NearestNeighbors(algorithm="auto").fit(codes)

    def nearest(self, rows, n_neighbors):
        """Return distances and indices (n, n_neighbors) of the landmarks nearest to some rows.

        The rows themselves are left out if they are those that the search was built with.
        """
        found = []
        own = np.full(len(rows), -1)
        if rows is self._rows:
            own[self.indices] = np.arange(len(self.indices))
        for block in row_blocks(rows, BLOCK_SIZE):
            codes = self.encode(rows[block])
            with scikit_learn_settings():
                pair = self._search.kneighbors(codes, n_neighbors + 1)
            found.append(without_own(*pair, own[block]))
        return tuple(np.concatenate(each) for each in zip(*found, strict=True))


def fit_principal_components(landmarks, standardise, seed):
    """Return a function that maps rows to principal components, or standardised rows if narrow.

    Parameters
    ----------
    landmarks : ndarray of shape (m, n_features)
    standardise : callable
        Maps rows (b, n_features) to float32.
    seed : int
    """
    n_features = landmarks.shape[1]
    if n_features <= N_PRINCIPAL:
        return standardise
    n = min(MAX_PRINCIPAL_ROWS, max(2, MAX_PRINCIPAL_NUMBERS // n_features))
    sample = standardise(sample_rows(landmarks, n, seed))
    with scikit_learn_settings():
        pca = PCA(min(N_PRINCIPAL, *sample.shape), random_state=seed).fit(sample)

    def encode(rows):
        with scikit_learn_settings():
            blocks = [pca.transform(standardise(rows[block])) for block in row_blocks(rows)]
        return np.concatenate(blocks)

    return encode


def moments(features):
    """Return mean and standard deviation (p,) of features (n, p), the latter not too small."""
    scale = features.std(axis=0)
    least = max(LEAST_SCALE * float(np.sqrt(np.square(scale).mean())), TINY)
    return features.mean(axis=0), np.maximum(scale, least)


def without_own(distances, indices, own):
    """Return neighbours (n, k - 1): without `own` (n,), or without the last."""
    order = np.argsort(indices == own[:, np.newaxis], axis=1, kind="stable")[:, :-1]
    return np.take_along_axis(distances, order, 1), np.take_along_axis(indices, order, 1)


def from_sparse(graph, has_own):
    """Return distances and indices (n, m) of the neighbours in a sparse graph of distances.

    Rows with fewer than m neighbours end in infinite distances. With `has_own`, an entry on the
    diagonal is not a neighbour, and what stands for a missing neighbour is the row itself.
    """
    graph = graph.tocoo()
    keep = (graph.row != graph.col) | (not has_own)
    rows, columns, values = graph.row[keep], graph.col[keep], graph.data[keep]
    order = np.lexsort((columns, values, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    counts = np.bincount(rows, minlength=graph.shape[0])
    place = np.arange(len(rows)) - np.repeat(counts.cumsum() - counts, counts)
    shape = graph.shape[0], max(1, counts.max(initial=0))
    distances = np.full(shape, np.inf)
    own = np.arange(graph.shape[0]) % graph.shape[1]
    indices = np.tile(own[:, np.newaxis], shape[1])
    distances[rows, place], indices[rows, place] = values, columns
    return distances, indices


def equal_weights(distances):
    """Return a weight of 1 for each of the neighbours at distances (n, k)."""
    return np.isfinite(_with_itself(distances)).astype(np.float64)


def memberships(distances):
    """Return the weights (n, k) of neighbours in the fuzzy graph of UMAP.

    McInnes, Healy & Melville 2018, "UMAP: Uniform Manifold Approximation and Projection for
    Dimension Reduction", section 3.1: the nearest neighbour has a weight of 1, and the weights of
    an image add up to the logarithm, to base 2, of the number of its neighbours.
    """
    distances = _with_itself(distances)
    beyond = distances - distances[:, :1]
    target = np.log2(np.maximum(np.isfinite(distances).sum(axis=1), 2))

    def weights(rate):
        return np.exp(-beyond * rate[:, np.newaxis])

    return weights(bisect(lambda rate: weights(rate).sum(axis=1) > target, beyond))


def similarities(distances, perplexity):
    """Return the similarities (n, k) of t-SNE: each row adds up to 1 and has this perplexity.

    Van der Maaten & Hinton 2008, "Visualizing Data using t-SNE", eq. 1.
    """
    squares = np.square(_with_itself(distances))
    squares -= squares[:, :1]

    def weights(rate):
        shares = np.exp(-squares * rate[:, np.newaxis])
        return shares / shares.sum(axis=1, keepdims=True)

    def is_flat(rate):
        shares = weights(rate)
        return -(shares * np.log(np.maximum(shares, TINY))).sum(axis=1) > np.log(perplexity)

    return weights(bisect(is_flat, squares))


def _with_itself(distances):
    """Return distances (n, k) such that a row without neighbours has one: itself."""
    distances = distances.copy()
    distances[np.isinf(distances[:, 0]), 0] = 0.0
    return distances


def bisect(is_low, scales):
    """Return the largest rates (n,) for which `is_low` is true, by doubling and halving.

    `scales` (n, k) are the numbers that a rate multiplies.
    """
    is_finite = np.isfinite(scales)
    mean = np.where(is_finite, scales, 0).sum(axis=1) / np.maximum(is_finite.sum(axis=1), 1)
    low, rate = np.zeros(len(scales)), 1 / np.maximum(mean, TINY)
    high = np.full(len(scales), np.inf)
    for _ in range(N_BISECTIONS):
        low_now = is_low(rate)
        low, high = np.where(low_now, rate, low), np.where(low_now, high, rate)
        rate = np.where(np.isinf(high), 2 * rate, (low + high) / 2)
    return rate


def fit_kernel(min_dist):
    """Return a, b such that ``1 / (1 + a d**(2b))`` is about 1 up to `min_dist`, then exp(-d).

    McInnes et al. 2018, section 3.2, definition 11.
    """
    d = np.linspace(0, 3, 300)
    target = np.where(d < min_dist, 1.0, np.exp(-(d - min_dist)))
    (a, b), _ = curve_fit(lambda d, a, b: 1 / (1 + a * d ** (2 * b)), d, target)
    return float(a), float(b)
