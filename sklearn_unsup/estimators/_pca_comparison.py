"""Compare what an autoencoder explains with PCA."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from sklearn_unsup._data import row_blocks
from sklearn_unsup._devices import scikit_learn_settings, seed_from
from sklearn_unsup._persistence import Spec, is_finite
from sklearn_unsup._warnings import warn

MAX_ROWS = 5000
MAX_NUMBERS = 2**24  # 134 MB in float64
MIN_ROWS = 20
HELD_OUT = 5  # one row in five is held out from PCA
TOLERANCE = 0.01  # share of PCA's unexplained variance: differences of seeds are larger
BLOCK_SIZE = 2**22  # numbers


class PCAComparisonMixin:
    """Warn if the network explains less variance than PCA with as many components.

    For an `ImageEstimator` with `EncoderMixin` and `DecoderMixin`, and the parameters `loss` and
    `compare_with_pca`.
    """

    def _conclude(self, network, data, phases, generator):
        super()._conclude(network, data, phases, generator)
        vars(self).pop("pca_comparison_", None)
        if self.compare_with_pca and self.loss == "squared_error" and not phases.is_chunk:
            comparison = self._compare_with_pca(data.rows, seed_from(generator))
            if comparison is not None:
                self.pca_comparison_ = comparison

    def _compare_with_pca(self, rows, seed):
        """Return the explained shares of the variance, or None if there is too little to compare.

        PCA is fitted to four fifths of a sample. The other rows were part of the training of the
        network, which is an advantage for it: what is detected is a training that was too short.
        """
        n, n_components = min(len(rows), MAX_ROWS, MAX_NUMBERS // rows.shape[1]), self._code_width
        n_held_out = n // HELD_OUT
        if n < MIN_ROWS or n_components >= min(n - n_held_out, rows.shape[1]):
            return None
        drawn = np.random.RandomState(seed).choice(len(rows), n, replace=False)
        held_out = np.sort(drawn[:n_held_out])
        sample = rows[np.sort(drawn[n_held_out:])].astype(np.float64)
        mean, scale = sample.mean(axis=0), sample.std()
        if not (np.isfinite(scale) and scale > 0):
            return None
        with scikit_learn_settings():
            pca = PCA(n_components, svd_solver="randomized", random_state=seed)
            pca.fit((sample - mean) / scale)
        errors = np.zeros(3)  # of the network, of PCA, of the mean
        for block in row_blocks(rows[:n_held_out], BLOCK_SIZE):
            original = rows[held_out[block]]
            network = self._decode(self._encode(original))
            original = (original - mean) / scale
            linear = (original - pca.mean_) @ pca.components_.T @ pca.components_ + pca.mean_
            residuals = original - (network - mean) / scale, original - linear, original
            errors += [np.square(each).sum() for each in residuals]
        if not (np.isfinite(errors).all() and errors[2] > 0):
            return None
        explained, by_pca = 1 - errors[:2] / errors[2]
        return {"explained": float(explained), "explained_by_pca": float(by_pca)}

    def _specs(self, state):
        comparison = Spec(_is_comparison, "two shares of the variance", required=False)
        return {**super()._specs(state), "pca_comparison_": comparison}

    def _warn_of_failure(self):
        super()._warn_of_failure()
        if not hasattr(self, "pca_comparison_"):
            return
        explained, by_pca = self.pca_comparison_.values()
        if 1 - explained > (1 + TOLERANCE) * (1 - by_pca):
            warn(
                f"{type(self).__name__} explains {explained:.4f} of the variance of X, and PCA "
                f"with as many components {by_pca:.4f}. Train longer (max_epochs='auto', or more "
                "epochs), or use PCA. compare_with_pca=False turns this comparison off.",
                ConvergenceWarning,
            )


def _is_comparison(value):
    names = {"explained", "explained_by_pca"}
    return isinstance(value, dict) and value.keys() == names and all(map(is_finite, value.values()))
