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
N_BISECTIONS = 40
TINY = 1e-12


class NeighborSearch:
    """Exact search of nearest neighbours, by Euclidean distances of principal components.

    Parameters
    ----------
    rows : ndarray or LazyRows of shape (n, n_features)
    to_images : callable
        Maps rows (b, n_features) to images (b, c, h, w).
    offset, scale : float
        Mean and standard deviation of X.
    seed : int

    Attributes
    ----------
    indices : ndarray of int of shape (m,)
        The landmarks: rows among which neighbours are searched.
    landmarks : ndarray of shape (m, n_features)
    """

    def __init__(self, rows, to_images, offset, scale, seed):
        self._rows, self.to_images = rows, to_images
        self._offset, self._scale = offset, scale
        n, n_features = rows.shape
        in_memory = isinstance(rows, np.ndarray)
        most = MAX_LANDMARKS if in_memory else min(MAX_LANDMARKS, MAX_NUMBERS // n_features)
        self.indices = np.arange(n)
        if most < n:
            self.indices = np.sort(np.random.RandomState(seed).permutation(n)[: max(most, 2)])
        self.landmarks = rows if most >= n and in_memory else rows_at(rows, self.indices)
        with scikit_learn_settings():
            self._pca = self._fit_pca(seed)
            codes = self._codes(self.landmarks)
            self._search = NearestNeighbors(algorithm="auto").fit(codes)

    def nearest(self, rows, n_neighbors):
        """Return distances and indices (n, n_neighbors) of the landmarks nearest to some rows.

        The rows themselves are left out if they are those that the search was built with.
        """
        found = []
        own = np.full(len(rows), -1)
        if rows is self._rows:
            own[self.indices] = np.arange(len(self.indices))
        with scikit_learn_settings():
            for block in row_blocks(rows):
                pair = self._search.kneighbors(self._codes(rows[block]), n_neighbors + 1)
                found.append(without_own(*pair, own[block]))
        return tuple(np.concatenate(each) for each in zip(*found, strict=True))

    def _standardised(self, rows):
        rows = self.to_images(rows).reshape(rows.shape)  # the same for any order of the axes
        return ((rows - self._offset) / self._scale).astype(np.float32)

    def _fit_pca(self, seed):
        """Return the fitted PCA, or None if there are few features."""
        n_features = self.landmarks.shape[1]
        if n_features <= N_PRINCIPAL:
            return None
        n = min(MAX_PRINCIPAL_ROWS, max(2, MAX_PRINCIPAL_NUMBERS // n_features))
        sample = self._standardised(sample_rows(self.landmarks, n, seed))
        return PCA(min(N_PRINCIPAL, *sample.shape), random_state=seed).fit(sample)

    def _codes(self, rows):
        """Return the principal components of rows (n, n_features)."""
        blocks = (self._standardised(rows[block]) for block in row_blocks(rows))
        transform = (lambda block: block) if self._pca is None else self._pca.transform
        return np.concatenate([transform(block) for block in blocks])


def without_own(distances, indices, own):
    """Return neighbours (n, k - 1): without `own` (n,), or without the last."""
    order = np.argsort(indices == own[:, np.newaxis], axis=1, kind="stable")[:, :-1]
    return np.take_along_axis(distances, order, 1), np.take_along_axis(indices, order, 1)


def from_sparse(graph, has_own):
    """Return distances and indices (n, m) of the neighbours in a sparse graph of distances.

    Rows with fewer than m neighbours end in infinite distances. With `has_own`, an entry on the
    diagonal is not a neighbour, and a row without neighbours has itself.
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
    distances[counts == 0, 0] = 0.0  # its own, and only, neighbour
    return distances, indices


def memberships(distances):
    """Return the weights (n, k) of neighbours in the fuzzy graph of UMAP.

    McInnes, Healy & Melville 2018, "UMAP: Uniform Manifold Approximation and Projection for
    Dimension Reduction", section 3.1: the nearest neighbour has a weight of 1, and the weights of
    an image add up to the logarithm, to base 2, of the number of its neighbours.
    """
    beyond = distances - distances[:, :1]
    target = np.log2(np.maximum(np.isfinite(distances).sum(axis=1), 2))

    def weights(rate):
        return np.exp(-beyond * rate[:, np.newaxis])

    return weights(bisect(lambda rate: weights(rate).sum(axis=1) > target, beyond))


def similarities(distances, perplexity):
    """Return the similarities (n, k) of t-SNE: each row adds up to 1 and has this perplexity.

    Van der Maaten & Hinton 2008, "Visualizing Data using t-SNE", eq. 1.
    """
    squares = np.square(distances)
    squares -= squares[:, :1]

    def weights(rate):
        shares = np.exp(-squares * rate[:, np.newaxis])
        return shares / shares.sum(axis=1, keepdims=True)

    def is_flat(rate):
        shares = weights(rate)
        return -(shares * np.log(np.maximum(shares, TINY))).sum(axis=1) > np.log(perplexity)

    return weights(bisect(is_flat, squares))


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
