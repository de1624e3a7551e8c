"""Scorers that need no labels, for the `scoring` of searches and of cross-validation."""

import numpy as np
from sklearn.metrics import silhouette_samples

from sklearn_unsup.metrics._generative import kernel_distance
from sklearn_unsup.metrics._responses import RESPONSES, SPACES


def make_unsupervised_scorer(
    metric, *, response_method, space="input", greater_is_better=True, random_state=0, **kwargs
):
    """Make a scorer from a metric that compares an estimator's response with its input.

    It is the counterpart of :func:`sklearn.metrics.make_scorer` for metrics without labels. The
    scorer is called as ``scorer(estimator, X, y=None)``. It ignores y and returns
    ``metric(X, response, **kwargs)``.

    Parameters
    ----------
    metric : callable
        Takes two arrays, the input and the response, and returns a number.
    response_method : {"transform", "reconstruct", "predict", "sample", "score_samples"}
        Response of the estimator, which can be a Pipeline, a FrozenEstimator or a fitted search.

        - "transform": codes (n_samples, n_components), for metrics such as
          :func:`sklearn.manifold.trustworthiness`;
        - "reconstruct": ``inverse_transform(transform(X))``, for regression metrics;
        - "predict": clusters (n_samples,), for the clustering metrics of :mod:`sklearn.metrics`.
          If a clusterer has no `predict`, as DBSCAN, its ``labels_`` are used. It can then only be
          scored on the rows that it was fitted on: pass ``cv=[(rows, rows)]`` with
          ``rows = np.arange(len(X))`` to the search;
        - "sample": as many generated rows as X has, for metrics such as `kernel_distance`. They
          come from ``sample(n_samples, random_state=...)``, or from ``sample(n_samples)`` of a
          model that has a parameter `random_state`, as :class:`~sklearn.mixture.GaussianMixture`.
          Earlier steps of a Pipeline inverse-transform the samples of the last step;
        - "score_samples": one number for each sample, (n_samples,).
    space : {"input", "codes"}, default="input"
        First array for the metric: X, or the input of the last step of a Pipeline. Scores in
        different code spaces are less comparable than scores in the space of X: clusters look
        better separated in fewer dimensions.
    greater_is_better : bool, default=True
        False for distances and errors: the score is then their negative.
    random_state : int, default=0
        Seed of the samples, the same in every call. It replaces the estimator's `random_state`.
        Only used with ``response_method="sample"``.
    **kwargs
        Passed to the metric.

    Returns
    -------
    scorer : callable
        It can be pickled if the metric can. The metric always gets arrays: scores do not depend on
        scikit-learn's `transform_output`.

    Raises
    ------
    ValueError
        If `response_method` or `space` is not one of those above.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.manifold import trustworthiness
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_unsup.metrics import make_unsupervised_scorer
    >>> X = load_iris().data
    >>> scorer = make_unsupervised_scorer(trustworthiness, response_method="transform")
    >>> GridSearchCV(PCA(), {"n_components": [1, 3]}, scoring=scorer).fit(X).best_params_
    {'n_components': 3}
    """
    for name, value, choices in (
        ("response_method", response_method, RESPONSES),
        ("space", space, SPACES),
    ):
        if value not in choices:
            raise ValueError(f"{name}={value!r}: expected one of {sorted(choices)}.")
    return _Scorer(metric, response_method, space, greater_is_better, random_state, kwargs)


class _Scorer:
    def __init__(self, metric, response_method, space, greater_is_better, random_state, kwargs):
        self.metric = metric
        self.response_method = response_method
        self.space = space
        self.greater_is_better = greater_is_better
        self.random_state = random_state
        self.kwargs = kwargs

    def __call__(self, estimator, X, y=None):
        response = RESPONSES[self.response_method](estimator, X, self.random_state)
        rows = SPACES[self.space](estimator, X)
        score = float(self.metric(_as_array(rows), _as_array(response), **self.kwargs))
        return score if self.greater_is_better else -score

    def __repr__(self):
        return (
            f"make_unsupervised_scorer({getattr(self.metric, '__name__', self.metric)}, "
            f"response_method={self.response_method!r}, space={self.space!r}, "
            f"greater_is_better={self.greater_is_better})"
        )


def _as_array(X):
    """Return the output of a step as an array, or as it is if it is a sparse matrix."""
    return X if hasattr(X, "tocsr") else np.asarray(X)


def _explained_variance(X, reconstructed):
    errors = np.square(X - reconstructed.astype(np.float64)).sum()
    deviations = np.square(X - X.mean(axis=0, dtype=np.float64)).sum()
    return 1 - errors / deviations if deviations else float(errors == 0)


def _mean_score(X, scores):
    return np.mean(scores)


def _silhouette(codes, labels):
    """Mean silhouette. That of noise (-1) is 0, as for any row that is alone in its cluster."""
    clustered = labels != -1
    n_clusters = len(np.unique(labels[clustered]))
    if n_clusters < 2:
        raise ValueError(
            f"There are {n_clusters} clusters beside the noise: the silhouette wants at least 2. "
            "Change the parameters of the clusterer, such as eps."
        )
    return silhouette_samples(codes[clustered], labels[clustered]).sum() / len(labels)


explained_variance_scorer = make_unsupervised_scorer(
    _explained_variance, response_method="reconstruct"
)
explained_variance_scorer.__doc__ = """Score by the share of the variance of X that codes explain.

For autoencoders, PCA, and Pipelines that end in one: the share of variance explained by
``inverse_transform(transform(X))``, in the units of X. A perfect reconstruction scores 1, the mean
image 0; negative scores are possible.

Examples
--------
>>> from sklearn.datasets import load_digits
>>> from sklearn.decomposition import PCA
>>> from sklearn_unsup.metrics import explained_variance_scorer
>>> X, _ = load_digits(return_X_y=True)
>>> round(explained_variance_scorer(PCA(10).fit(X), X), 2)
0.74
"""

evidence_bound_scorer = make_unsupervised_scorer(_mean_score, response_method="score_samples")
evidence_bound_scorer.__doc__ = """Score by the mean of `score_samples(X)`.

For ConvVAE this is the evidence lower bound, in nats per image; for PCA and KernelDensity it is the
log-likelihood. The two are comparable on the same X.

Examples
--------
>>> from sklearn.datasets import load_digits
>>> from sklearn.decomposition import PCA
>>> from sklearn_unsup.metrics import evidence_bound_scorer
>>> X, _ = load_digits(return_X_y=True)
>>> evidence_bound_scorer(PCA(10).fit(X), X) > evidence_bound_scorer(PCA(1).fit(X), X)
True
"""

neg_kernel_distance_scorer = make_unsupervised_scorer(
    kernel_distance, response_method="sample", greater_is_better=False
)
neg_kernel_distance_scorer.__doc__ = """Score by the negative `kernel_distance` from X to samples.

For generative models of this package, KernelDensity, GaussianMixture, and Pipelines that end in
one. The number of samples is that of the rows of X. The best expected score is 0; the units are
those of :func:`kernel_distance`.

Examples
--------
>>> from sklearn.datasets import load_digits
>>> from sklearn.neighbors import KernelDensity
>>> from sklearn_unsup.metrics import neg_kernel_distance_scorer
>>> X, _ = load_digits(return_X_y=True)
>>> narrow, wide = KernelDensity(bandwidth=1).fit(X), KernelDensity(bandwidth=20).fit(X)
>>> neg_kernel_distance_scorer(narrow, X) > neg_kernel_distance_scorer(wide, X)
True
"""

silhouette_scorer = make_unsupervised_scorer(_silhouette, response_method="predict", space="codes")
silhouette_scorer.__doc__ = """Score by the mean silhouette of the clusters of a Pipeline.

The silhouette is computed on the input of the last step. It ranges from -1 to 1, the best. Noise
(-1) counts as 0.

Examples
--------
>>> from sklearn.cluster import KMeans
>>> from sklearn.datasets import load_iris
>>> from sklearn.decomposition import PCA
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn_unsup.metrics import silhouette_scorer
>>> X = load_iris().data
>>> pipe = make_pipeline(PCA(2), KMeans(2, n_init=10, random_state=0)).fit(X)
>>> round(silhouette_scorer(pipe, X), 2)
0.71
"""

__test__ = {  # doctest does not look for docstrings of instances
    name: scorer.__doc__ for name, scorer in list(globals().items()) if isinstance(scorer, _Scorer)
}
