"""Disentanglement of codes with respect to known factors, and the number of active units."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.stats import entropy
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import mutual_info_score
from sklearn.utils import check_array, check_consistent_length, check_random_state, check_scalar

from sklearn_unsup.metrics._binning import bin_values


def mutual_information_gap(codes, factors, *, n_bins=20):
    """Mutual information gap: whether each factor is encoded by a single component of the code.

    For each factor, the gap is the difference between its two largest mutual informations with a
    component, as a share of the factor's entropy. The score is the mean over factors [1]_. It is
    high if each factor is encoded by one component, even if one component encodes several factors.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        Latent codes, as `transform` returns them.
    factors : array-like of shape (n_samples, n_factors)
        The generating factors of each sample. Each has to vary.
    n_bins : int, default=20
        A column with more distinct values is cut into about this many bins with equally many
        samples. A value that fills a bin by itself, such as the zeros of a sparse code, shares it
        with no other value. Mutual information is overestimated by about
        ``n_bins ** 2 / (2 * n_samples)`` nats: use many more than ``n_bins ** 2`` samples.

    Returns
    -------
    gap : float
        Between 0 and 1; 1 if each factor is determined by one component and independent of the
        others.

    See Also
    --------
    dci_disentanglement : Also measures whether each component encodes only one factor.

    References
    ----------
    .. [1] Chen, Li, Grosse & Duvenaud (2018). "Isolating Sources of Disentanglement in Variational
       Autoencoders". NeurIPS. Section 4.1, eq. 6.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_unsup.metrics import mutual_information_gap
    >>> factors = np.random.default_rng(0).integers(4, size=(1000, 2))
    >>> mutual_information_gap(factors, factors) > 0.98
    True
    >>> rotated = factors @ [[1, 1], [-1, 1]]  # both components encode both factors equally
    >>> mutual_information_gap(rotated, factors) < 0.05
    True
    """
    check_scalar(n_bins, "n_bins", Integral, min_val=2)
    tables = _check_factors_and_codes(factors, codes)
    factors, codes = ([bin_values(column, n_bins) for column in table.T] for table in tables)
    gaps = []
    for factor in factors:
        second, first = sorted([0.0, *(mutual_info_score(factor, code) for code in codes)])[-2:]
        gaps.append((first - second) / mutual_info_score(factor, factor))
    return float(np.mean(gaps))


def dci_disentanglement(codes, factors, *, n_estimators=100, random_state=None, n_jobs=None):
    """Disentanglement, completeness and informativeness of codes about known factors.

    A random forest predicts each factor from the code and gives the importance of each component
    [1]_. Disentanglement is high if each component is important for only one factor, completeness
    if each factor needs only one component, informativeness if the code predicts the factors well.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        At least two components.
    factors : array-like of shape (n_samples, n_factors)
        The generating factors of each sample; at least two. A column of whole numbers is predicted
        by classification if it has at most half as many values as there are samples. Other columns
        are predicted by regression.
    n_estimators : int, default=100
        Number of trees in each forest. With fewer than about 20, some samples are in the training
        set of each tree; informativeness leaves them out.
    random_state : int, RandomState instance or None, default=None
        Seed of the forests.
    n_jobs : int or None, default=None
        Number of jobs that fit the forests.

    Returns
    -------
    disentanglement : float
        Between 0 and 1: one minus the entropy of a component's importances over factors, averaged
        over components with their importance as weight. 0 if no component is important.
    completeness : float
        Between 0 and 1: one minus the entropy of a factor's importances over components, averaged
        over factors.
    informativeness : float
        Between 0 and 1: one minus the out-of-bag error as a share of the error of the best
        constant, averaged over factors. The error is squared for regression, and the error rate for
        classification. The paper reports the error itself.

    See Also
    --------
    mutual_information_gap : A score that needs no model.

    References
    ----------
    .. [1] Eastwood & Williams (2018). "A Framework for the Quantitative Evaluation of Disentangled
       Representations". ICLR. Section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_unsup.metrics import dci_disentanglement
    >>> factors = np.random.default_rng(0).normal(size=(500, 2))
    >>> scores = dci_disentanglement(-2 * factors, factors, random_state=0)
    >>> all(score > 0.95 for score in scores)
    True
    >>> rotated = factors @ [[1, 1], [-1, 1]]
    >>> disentanglement, _, informativeness = dci_disentanglement(rotated, factors, random_state=0)
    >>> disentanglement < 0.1, informativeness > 0.9
    (True, True)
    """
    factors, codes = _check_factors_and_codes(factors, codes)
    for name, table in (("factors", factors), ("codes", codes)):
        if table.shape[1] < 2:
            raise ValueError(f"{name} has 1 column: expected at least 2, to compare them.")
    rng = check_random_state(random_state)
    codes = _standardise(codes)
    importances, informativeness = [], []
    for factor in factors.T:
        forest = _fit_forest(codes, factor, n_estimators, rng.randint(2**31 - 1), n_jobs)
        informativeness.append(_informativeness(forest, factor))
        importances.append(forest.feature_importances_)
    importances = np.transpose(importances)  # (n_components, n_factors)
    weights = importances.sum(axis=1) / (importances.sum() or 1.0)
    disentanglement = weights @ _concentration(importances)
    completeness = _concentration(importances.T).mean()
    return float(disentanglement), float(completeness), float(np.mean(informativeness))


def active_units(codes, *, threshold=0.01):
    """Count the components of the code that vary with the input.

    It is meant for posterior means under a standard normal prior, such as the codes of
    :class:`~sklearn_unsup.ConvVAE`. A component that ignores the input has a variance of 0, an
    informative component has a variance of about 1 [1]_.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        Latent codes, as `transform` returns them.
    threshold : float, default=0.01
        Units whose variance is above it are active.

    Returns
    -------
    n_active_units : int
        Between 0 and n_components.

    References
    ----------
    .. [1] Burda, Grosse & Salakhutdinov (2016). "Importance Weighted Autoencoders". ICLR.
       Section 5.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_unsup.metrics import active_units
    >>> active_units(np.random.default_rng(0).normal(size=(100, 3)) * [1, 0.5, 0.01])
    2
    """
    check_scalar(threshold, "threshold", Real, min_val=0)
    codes = check_array(codes, input_name="codes")
    return int((codes.var(axis=0, dtype=np.float64) > threshold).sum())


def _check_factors_and_codes(factors, codes):
    factors = check_array(factors, dtype=np.float64, input_name="factors")
    codes = check_array(codes, dtype=np.float64, input_name="codes")
    check_consistent_length(factors, codes)
    constant = np.flatnonzero((factors == factors[0]).all(axis=0))
    if len(constant):
        raise ValueError(
            f"Column {constant[0]} of factors is constant: expected columns that vary."
        )
    return factors, codes


def _standardise(table):
    """Return columns with mean 0 and largest deviation 1: trees treat tiny ranges as constant."""
    table = table / np.maximum(np.abs(table).max(axis=0), np.finfo(table.dtype).tiny)
    table -= table.mean(axis=0)
    largest = np.abs(table).max(axis=0)
    return table / np.where(largest > 0, largest, 1.0)


def _fit_forest(codes, factor, n_estimators, seed, n_jobs):
    """Return a forest that predicts a factor: a classifier if it is whole numbers that recur."""
    n_values = len(np.unique(factor))
    is_class = n_values <= max(2, len(factor) / 2) and (factor == np.round(factor)).all()
    forest = (RandomForestClassifier if is_class else RandomForestRegressor)(
        n_estimators,
        max_features=None,  # otherwise trees have to use uninformative components
        oob_score=True,
        random_state=seed,
        n_jobs=n_jobs,
    )
    target = factor if is_class else _standardise(factor[:, np.newaxis])[:, 0]
    with warnings.catch_warnings():  # `_informativeness` leaves these samples out
        warnings.filterwarnings("ignore", message="Some inputs do not have OOB scores")
        return forest.fit(codes, target)


def _informativeness(forest, factor):
    """One minus the out-of-bag error, as a share of the error of the best constant."""
    n = len(factor)
    out_of_bag = np.zeros(n, dtype=bool)
    for sample in forest.estimators_samples_:
        out_of_bag |= np.bincount(sample, minlength=n) == 0
    if not out_of_bag.any():
        raise ValueError(
            f"n_estimators={forest.n_estimators}: each tree has seen all {n} samples, and nothing "
            "is left to measure informativeness on. Raise n_estimators."
        )
    if isinstance(forest, RandomForestClassifier):
        predicted = forest.classes_[forest.oob_decision_function_.argmax(axis=1)]
        error = (predicted != factor)[out_of_bag].mean()
        baseline = 1 - np.unique(factor, return_counts=True)[1].max() / n
    else:
        target = _standardise(factor[:, np.newaxis])[:, 0]
        error = np.square(target - forest.oob_prediction_)[out_of_bag].mean()
        baseline = target.var()
    return max(0.0, 1 - error / baseline)


def _concentration(importances):
    """One minus the normalised entropy of each row; 0 for a row of zeros."""
    is_used = importances.sum(axis=1) > 0
    result = np.zeros(len(importances))
    result[is_used] = 1 - entropy(importances[is_used], axis=1, base=importances.shape[1])
    return result
