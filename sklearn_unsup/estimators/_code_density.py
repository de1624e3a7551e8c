"""Density of codes, from which new codes are drawn.

Ex-post density estimation: Ghosh et al. 2020, "From Variational to Deterministic Autoencoders",
section 4.
"""

import numpy as np
from sklearn.mixture import GaussianMixture

from sklearn_unsup._devices import ForkSafeLock, scikit_learn_settings
from sklearn_unsup._persistence import Spec, array
from sklearn_unsup.estimators._sampling import CodeSamplerMixin

MAX_COMPONENTS = 10  # as in the paper
MIN_CODES_PER_COMPONENT = 50
MAX_CODES = 10_000  # more hardly change a mixture of ten components, and take longer
_MIXTURE_LOCK = ForkSafeLock()


class RowSample:
    """Random sample of at most MAX_CODES rows of X, read by slices.

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)
    seed : int or None
        Seed of the sample, drawn without replacement; None takes all rows of X.
    change : callable or None
        Function applied to rows when they are read.
    """

    def __init__(self, rows, seed=None, change=None):
        self.rows, self.change = rows, change
        self.indices = np.arange(len(rows))
        if seed is not None and len(rows) > MAX_CODES:
            drawn = np.random.RandomState(seed).choice(len(rows), MAX_CODES, replace=False)
            self.indices = np.sort(drawn)

    @property
    def shape(self):
        """Number of rows and columns."""
        return len(self), self.rows.shape[1]

    @property
    def size(self):
        """Number of elements."""
        return len(self) * self.rows.shape[1]

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, which):
        """Return the rows of a slice (b, n_features)."""
        rows = self.rows[self.indices[which]]
        return rows if self.change is None else self.change(rows)


class CodeMixtureMixin(CodeSamplerMixin):
    """`sample` from a Gaussian mixture of codes, which is fitted when it is first needed.

    It is needed by `sample`, and to save the estimator. Fitting it to wide codes takes as long as
    an epoch, so `fit` does not. `_after_training` sets `_code_mixture` to the arguments of
    `fit_code_mixture`; the mixture replaces them.
    """

    def _draw_codes(self, n, seed):
        return sample_codes(self._fitted_mixture(), n, seed)

    def _fitted_mixture(self):
        with _MIXTURE_LOCK.lock:
            if isinstance(self._code_mixture, tuple):
                self._code_mixture = fit_code_mixture(*self._code_mixture)
            return self._code_mixture

    def _pack(self, state):
        if "_code_mixture" in state:
            state["_code_mixture"] = self._fitted_mixture()
        return super()._pack(state)

    def _specs(self, state):
        width = state["_fitted_params"]["n_components"]
        mixture = Spec(lambda value: is_mixture(value, width), f"a mixture of {width} columns")
        return {**super()._specs(state), "_code_mixture": mixture}


def is_mixture(value, width):
    """Tell whether a value is a valid result of `fit_code_mixture`."""
    if not isinstance(value, dict) or value.keys() != {"weights", "means", "covariances"}:
        return False
    n = np.size(value["weights"])
    shapes = {"weights": (n,), "means": (n, width), "covariances": (n, width, width)}
    if not all(array(np.float32, shape).holds(value[name]) for name, shape in shapes.items()):
        return False
    weights, covariances = value["weights"], value["covariances"]
    is_share = 0 < n <= MAX_COMPONENTS and (weights >= 0).all() and abs(weights.sum() - 1) < 1e-3
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    return bool(is_share and (variances >= 0).all())


def fit_code_mixture(codes, random_state):
    """Fit a Gaussian mixture with full covariances.

    Parameters
    ----------
    codes : ndarray of shape (n, n_components)
    random_state : int

    Returns
    -------
    mixture : dict of ndarray
        "weights" (k,), "means" (k, n_components) and "covariances" (k, n_components,
        n_components), float32.
    """
    codes = np.asarray(codes, dtype=np.float64)
    scale = codes.std() or 1.0  # the regularisation of GaussianMixture is absolute
    k = int(np.clip(len(np.unique(codes, axis=0)) // MIN_CODES_PER_COMPONENT, 1, MAX_COMPONENTS))
    if len(codes) == 1:
        codes = np.repeat(codes, 2, axis=0)  # GaussianMixture needs two
    # Matrices of 32 columns are multiplied three times faster with one BLAS thread than with two.
    with scikit_learn_settings():
        mixture = GaussianMixture(k, random_state=random_state, tol=1e-2, max_iter=200)
        mixture.fit(codes / scale)
    arrays = {
        "weights": mixture.weights_,
        "means": mixture.means_ * scale,
        "covariances": mixture.covariances_ * scale**2,
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def sample_codes(mixture, n_samples, random_state):
    """Draw codes (n_samples, n_components) from a mixture, in random order."""
    sampler = GaussianMixture(len(mixture["weights"]), random_state=random_state)
    weights = mixture["weights"].astype(np.float64)
    sampler.weights_ = weights / weights.sum()  # float32 weights do not sum to 1 precisely enough
    sampler.means_ = mixture["means"].astype(np.float64)
    sampler.covariances_ = mixture["covariances"].astype(np.float64)
    codes, _ = sampler.sample(n_samples)
    return np.random.RandomState(random_state).permutation(codes)
