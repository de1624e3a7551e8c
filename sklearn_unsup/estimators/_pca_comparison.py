"""Compare what an autoencoder explains with PCA."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_unsup._devices import scikit_learn_settings
from sklearn_unsup._persistence import Spec, is_finite
from sklearn_unsup._warnings import warn

NAMES = ("explained", "explained_by_pca")
SEED = 0  # of the rows that are compared: the random state of the training is left alone
MAX_ROWS = 5000
MAX_NUMBERS = 2**26  # in these rows: the comparison takes seconds
MIN_ROWS = 20
HELD_OUT = 5  # one row in five is held out from PCA
TOLERANCE = 0.01  # share of PCA's unexplained variance: differences of seeds are larger
NEGLIGIBLE = 1e-3  # share of the variance: PCA may be exact, a network is not
BLOCK_SIZE = 2**16  # numbers, 0.5 MB in float64
MIN_BLOCK_ROWS = 16  # products of fewer rows take several times longer
MAX_DIRECTIONS = 2**23  # numbers, 34 MB
N_ITERATIONS, N_EXTRA = 4, 10  # of the randomised decomposition


class PCAComparisonMixin:
    """Warn if the network explains less variance than PCA with as many components.

    For an `ImageEstimator` with `EncoderMixin` and `DecoderMixin`, and the parameters `loss` and
    `compare_with_pca`.
    """

    def _conclude(self, *arguments):
        super()._conclude(*arguments)
        vars(self).pop("pca_comparison_", None)  # of another network

    def _examine(self, rows):
        if self.compare_with_pca and self.loss == "squared_error":
            comparison = self._compare_with_pca(rows)
            if comparison is not None:
                self.pca_comparison_ = comparison

    def _compare_with_pca(self, rows):
        """Return the explained shares of the variance, or None if there is nothing to compare.

        PCA is fitted to four fifths of a sample. The other rows were part of the training of the
        network, which is an advantage for it: what is detected is a training that was too short.
        """
        n_features = rows.shape[1]
        n = min(len(rows), MAX_ROWS, MAX_NUMBERS // n_features)
        n_held_out, k = n // HELD_OUT, self._code_width
        is_exact = k >= min(n - n_held_out, n_features)
        if n < MIN_ROWS or is_exact or (k + N_EXTRA) * n_features > MAX_DIRECTIONS:
            return None
        drawn = np.random.RandomState(SEED).choice(len(rows), n, replace=False)
        sample = _Sample(rows, np.sort(drawn[n_held_out:]))
        held_out = _Sample(rows, np.sort(drawn[:n_held_out]))
        held_out.mean, held_out.scale = sample.standardise()
        if not held_out.scale:
            return None
        with np.errstate(all="ignore"), scikit_learn_settings():
            axes = principal_directions(sample.blocks, n_features, k)
            errors = np.zeros(3)  # of the network, of PCA, of the mean
            for original in held_out.blocks():
                images = original * sample.scale + sample.mean
                network = (self._decode(self._encode(images)) - sample.mean) / sample.scale
                linear = (original @ axes) @ axes.T
                residuals = original - network, original - linear, original
                errors += [np.square(each, dtype=np.float64).sum() for each in residuals]
            explained, by_pca = 1 - errors[:2] / errors[2]
        if not np.isfinite([explained, by_pca]).all():  # no variance, or extreme values
            return None
        return dict(zip(NAMES, (float(explained), float(by_pca)), strict=True))

    def _specs(self, state):
        comparison = Spec(_is_comparison, "two shares of the variance", required=False)
        return {**super()._specs(state), "pca_comparison_": comparison}

    def _warn_of_failure(self):
        super()._warn_of_failure()
        if not hasattr(self, "pca_comparison_"):
            return
        explained, by_pca = (self.pca_comparison_[name] for name in NAMES)
        unexplained, limit = 1 - explained, (1 + TOLERANCE) * (1 - by_pca) + NEGLIGIBLE
        if unexplained > limit:
            warn(
                f"{type(self).__name__} explains {explained:.4f} of the variance of a sample of X, "
                f"and PCA with as many components {by_pca:.4f}. Train longer (max_epochs='auto', "
                "or more epochs), or use PCA. compare_with_pca=False turns this comparison off.",
                ConvergenceWarning,
            )


def _is_comparison(value):
    return isinstance(value, dict) and {*value} == {*NAMES} and all(map(is_finite, value.values()))


class _Sample:
    """Rows of X, standardised, in blocks of float32."""

    mean, scale = 0.0, 1.0

    def __init__(self, rows, indices):
        self.rows, self.indices = rows, indices

    def blocks(self):
        """Yield the rows in blocks (b, n_features)."""
        n = max(MIN_BLOCK_ROWS, BLOCK_SIZE // self.rows.shape[1])
        for start in range(0, len(self.indices), n):
            block = self.rows[self.indices[start : start + n]].astype(np.float32)
            yield ((block - self.mean) / self.scale).astype(np.float32)

    def standardise(self):
        """Set and return the mean (n_features,) and the scale."""
        n = len(self.indices)
        self.mean = sum(block.sum(axis=0, dtype=np.float64) for block in self.blocks()) / n
        squares = sum(np.square(block, dtype=np.float64).sum() for block in self.blocks())
        self.scale = np.sqrt(squares / n / len(self.mean))
        return self.mean, self.scale


def principal_directions(blocks, n_features, n_components):
    """Return the first principal directions (n_features, n_components) of centred rows.

    Randomised subspace iteration (Halko, Martinsson & Tropp 2011, "Finding Structure with
    Randomness", algorithm 4.4), which reads the rows several times and keeps none of them.

    Parameters
    ----------
    blocks : callable
        Returns an iterator of blocks of rows (b, n_features).
    n_features, n_components : int
    """
    width = min(n_components + N_EXTRA, n_features)
    basis = np.random.default_rng(SEED).standard_normal((n_features, width), dtype=np.float32)
    for _ in range(N_ITERATIONS):
        products = np.zeros_like(basis)
        for block in blocks():
            products += block.T @ (block @ basis)
        basis, _ = np.linalg.qr(products)
    projected = [block @ basis for block in blocks()]
    _, axes = np.linalg.eigh(sum(each.T @ each for each in projected))
    return basis @ axes[:, : -n_components - 1 : -1]
