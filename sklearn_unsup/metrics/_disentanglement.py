"""How codes relate to the factors that data were made from, and how many of them are in use."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.stats import entropy
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import mutual_info_score
from sklearn.utils import check_array, check_consistent_length, check_random_state, check_scalar


def mutual_information_gap(codes, factors, *, n_bins=20):
    """How much better than any other one component of the code knows each factor.

    For each factor, the mutual information with the component that knows most of it, less that with
    the second best, as a share of the factor's entropy; the mean over factors [1]_. It is high if
    each factor is in one component, whether or not a component holds several factors.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        What `transform` gives.
    factors : array-like of shape (n_samples, n_factors)
        The numbers that each sample was made from. Each has to vary.
    n_bins : int, default=20
        A column with more distinct values is cut into about this many bins with equally many
        samples. A value that fills a bin by itself, such as the zeros of a sparse code, shares it
        with no other value. The estimate of an information is too large by about
        ``n_bins ** 2 / (2 * n_samples)`` nats: take many more samples than bins squared.

    Returns
    -------
    gap : float
        Between 0 and 1; 1 if for each factor one component determines it and no other component
        knows of it.

    See Also
    --------
    dci_disentanglement : Also asks whether a component holds one factor only.

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
    >>> turned = factors @ [[1, 1], [-1, 1]]  # both components know as much of each factor
    >>> mutual_information_gap(turned, factors) < 0.05
    True
    """
    check_scalar(n_bins, "n_bins", Integral, min_val=2)
    factors, codes = _factors_and_codes(factors, codes)
    factors, codes = ([_bin(column, n_bins) for column in table.T] for table in (factors, codes))
    gaps = []
    for factor in factors:
        known = sorted(mutual_info_score(factor, code) for code in codes)
        second = known[-2] if len(known) > 1 else 0.0
        gaps.append((known[-1] - second) / mutual_info_score(factor, factor))
    return float(np.mean(gaps))


def dci_disentanglement(codes, factors, *, n_estimators=100, random_state=None, n_jobs=None):
    """Disentanglement, completeness and informativeness of codes about known factors.

    A random forest predicts each factor from the code, and says how important each component was
    [1]_. Disentanglement is high if a component is important for one factor only, completeness if a
    factor needs one component only, informativeness if the code predicts the factors well.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        At least two components.
    factors : array-like of shape (n_samples, n_factors)
        The numbers that each sample was made from; at least two factors. A column of whole numbers
        is predicted as a class if it has at most half as many values as there are samples, another
        one by regression.
    n_estimators : int, default=100
        Trees of each forest. With less than about 20, some samples are seen by all trees, and do
        not count for informativeness.
    random_state : int, RandomState instance or None, default=None
        Of the forests.
    n_jobs : int or None, default=None
        Of the forests.

    Returns
    -------
    disentanglement : float
        Between 0 and 1: the mean over components, weighted by their importance, of one minus the
        entropy of the component's importances over factors. 0 if no component is important.
    completeness : float
        Between 0 and 1: the mean over factors of one minus the entropy of the factor's importances
        over components.
    informativeness : float
        Between 0 and 1: the mean over factors of one minus the error, as a share of the error of
        the best constant. Errors are squared for regression and rates for classes, and are measured
        on samples that a tree has not seen. The paper reports the error itself.

    See Also
    --------
    mutual_information_gap : Needs no model.

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
    >>> turned = factors @ [[1, 1], [-1, 1]]
    >>> disentanglement, _, informativeness = dci_disentanglement(turned, factors, random_state=0)
    >>> disentanglement < 0.1, informativeness > 0.9
    (True, True)
    """
    factors, codes = _factors_and_codes(factors, codes)
    for name, table in (("factors", factors), ("codes", codes)):
        if table.shape[1] < 2:
            raise ValueError(f"{name} has 1 column: expected at least 2, to compare them.")
    rng = check_random_state(random_state)
    codes = _standardised(codes)
    importances, informed = [], []
    for factor in factors.T:
        forest = _fit_forest(codes, factor, n_estimators, rng.randint(2**31 - 1), n_jobs)
        informed.append(_informativeness(forest, factor))
        importances.append(forest.feature_importances_)
    importances = np.transpose(importances)  # (n_components, n_factors)
    weights = importances.sum(axis=1) / (importances.sum() or 1.0)
    disentanglement = weights @ _concentration(importances)
    completeness = _concentration(importances.T).mean()
    return float(disentanglement), float(completeness), float(np.mean(informed))


def active_units(codes, *, threshold=0.01):
    """Count the components of the code that vary with the input.

    For codes that are means of a Gaussian with a standard normal prior, such as those of
    :class:`~sklearn_unsup.ConvVAE`: a component that says nothing of the input has a variance of
    zero, one that says much of it about one [1]_.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        What `transform` gives.
    threshold : float, default=0.01
        The least variance of an active unit.

    Returns
    -------
    n_active_units : int
        From 0 to n_components.

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


def _factors_and_codes(factors, codes):
    factors = check_array(factors, dtype=np.float64, input_name="factors")
    codes = check_array(codes, dtype=np.float64, input_name="codes")
    check_consistent_length(factors, codes)
    constant = np.flatnonzero((factors == factors[0]).all(axis=0))
    if len(constant):
        raise ValueError(
            f"Column {constant[0]} of factors is constant: expected columns that vary."
        )
    return factors, codes


def _bin(column, n_bins):
    """Return the number of the bin of each value, as integers.

    Up to `n_bins` distinct values have a bin each. Of more, a value that holds a bin's share of the
    samples has its own, and those between two such values are cut into bins of equally many.
    """
    values, ranks, counts = np.unique(column, return_inverse=True, return_counts=True)
    if len(values) <= n_bins:
        return ranks
    is_heavy = counts * n_bins >= len(column)
    starts = is_heavy | np.append(False, is_heavy[:-1])
    segments = np.cumsum(starts)  # a heavy value, or a run of light ones
    bins, n_used = np.empty(len(values), dtype=np.intp), 0
    for segment in np.unique(segments):
        inside = segments == segment
        n_inside = counts[inside].sum()
        n_parts = 1 if is_heavy[inside].any() else max(1, round(n_bins * n_inside / len(column)))
        # By ranks, as values would bring their units and overflow; those in the middle of ties, so
        # that a column and its negative have the same bins.
        middles = np.cumsum(counts[inside]) - counts[inside] / 2
        bins[inside] = n_used + np.floor(n_parts * middles / n_inside)
        n_used += n_parts
    return bins[ranks]


def _standardised(table):
    """Return columns with mean 0 and largest deviation 1: trees take tiny ranges as constant."""
    table = table / np.maximum(np.abs(table).max(axis=0), np.finfo(table.dtype).tiny)
    table -= table.mean(axis=0)
    largest = np.abs(table).max(axis=0)
    return table / np.where(largest > 0, largest, 1.0)


def _fit_forest(codes, factor, n_estimators, seed, n_jobs):
    """Return a forest that predicts a factor: classes if it is of whole numbers that recur."""
    n_values = len(np.unique(factor))
    is_class = n_values <= max(2, len(factor) / 2) and (factor == np.round(factor)).all()
    forest = (RandomForestClassifier if is_class else RandomForestRegressor)(
        n_estimators,
        max_features=None,  # else a tree has to use components that know nothing
        oob_score=True,
        random_state=seed,
        n_jobs=n_jobs,
    )
    target = factor if is_class else _standardised(factor[:, np.newaxis])[:, 0]
    with warnings.catch_warnings():  # `_informativeness` leaves them out
        warnings.filterwarnings("ignore", message="Some inputs do not have OOB scores")
        return forest.fit(codes, target)


def _informativeness(forest, factor):
    """One minus the error on samples that a tree has not seen, as a share of a constant's."""
    n = len(factor)
    unseen = np.zeros(n, dtype=bool)
    for chosen in forest.estimators_samples_:
        unseen |= np.bincount(chosen, minlength=n) == 0
    if not unseen.any():
        raise ValueError(
            f"n_estimators={forest.n_estimators}: each tree has seen all {n} samples, and nothing "
            "is left to measure informativeness on. Raise n_estimators."
        )
    if isinstance(forest, RandomForestClassifier):
        predicted = forest.classes_[forest.oob_decision_function_.argmax(axis=1)]
        error = (predicted != factor)[unseen].mean()
        constant = 1 - np.unique(factor, return_counts=True)[1].max() / n
    else:
        target = _standardised(factor[:, np.newaxis])[:, 0]
        error = np.square(target - forest.oob_prediction_)[unseen].mean()
        constant = target.var()
    return max(0.0, 1 - error / constant)


def _concentration(importances):
    """One minus the normalised entropy of each row; 0 for a row of zeros."""
    used = importances.sum(axis=1) > 0
    result = np.zeros(len(importances))
    result[used] = 1 - entropy(importances[used], axis=1, base=importances.shape[1])
    return result
