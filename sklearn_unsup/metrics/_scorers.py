"""Scorers that need no labels, for the `scoring` of scikit-learn's searches and validations."""

import copy
import inspect

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import silhouette_samples
from sklearn.pipeline import Pipeline

from sklearn_unsup.metrics._generative import kernel_distance


def make_unsupervised_scorer(
    metric, *, response_method, space="input", greater_is_better=True, random_state=0, **kwargs
):
    """Make a scorer of a metric that compares what an estimator gives with what it was given.

    What :func:`sklearn.metrics.make_scorer` is to metrics of labels. The scorer is called as
    ``scorer(estimator, X, y=None)``, disregards y, and returns ``metric(X, response, **kwargs)``.

    Parameters
    ----------
    metric : callable
        Takes two arrays, the second of them as `response_method` says, and returns a number.
    response_method : {"transform", "reconstruct", "predict", "sample", "score_samples"}
        What the estimator is asked for. It may be a Pipeline, a FrozenEstimator or a fitted search.

        - "transform": codes (n_samples, n_components), as
          :func:`sklearn.manifold.trustworthiness` wants;
        - "reconstruct": ``inverse_transform(transform(X))``, for metrics of regression;
        - "predict": clusters (n_samples,), as the indices of clusterings in
          :mod:`sklearn.metrics` want. A clusterer that has no `predict`, such as DBSCAN, gives its
          ``labels_``, and can only be scored on the rows that it was fitted on: hand
          ``cv=[(rows, rows)]`` with ``rows = np.arange(len(X))`` to the search;
        - "sample": as many generated rows as X has, as `kernel_distance` wants, by
          ``sample(n_samples, random_state=...)``, or by ``sample(n_samples)`` of a model that has a
          parameter `random_state`, such as :class:`~sklearn.mixture.GaussianMixture`. What the last
          step of a Pipeline draws is inverse-transformed by the steps before it;
        - "score_samples": a number for each sample, (n_samples,).
    space : {"input", "codes"}, default="input"
        What the metric's first array is: X, or X as the steps of a Pipeline before the last
        transform it, where its clusterer looks at it. Scores in the spaces of different codes
        cannot be compared as well as scores in the space of X: a space of fewer dimensions looks
        better clustered than it is.
    greater_is_better : bool, default=True
        False for distances and errors: their negative is the score.
    random_state : int, default=0
        Seeds the samples, the same ones at each call, whatever the estimator's own `random_state`.
        Only used with ``response_method="sample"``.
    **kwargs
        Handed to the metric.

    Returns
    -------
    scorer : callable
        It can be pickled if the metric can. The metric sees arrays whatever the estimator's steps
        give: scores do not depend on scikit-learn's `transform_output`.

    Raises
    ------
    ValueError
        If `response_method` or `space` is not one of those named.

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
    for name, value, known in (
        ("response_method", response_method, _RESPONSES),
        ("space", space, _SPACES),
    ):
        if value not in known:
            raise ValueError(f"{name}={value!r}: expected one of {sorted(known)}.")
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
        response = _RESPONSES[self.response_method](estimator, X, self.random_state)
        given = _SPACES[self.space](estimator, X)
        score = float(self.metric(_as_array(given), _as_array(response), **self.kwargs))
        return score if self.greater_is_better else -score

    def __repr__(self):
        return (
            f"make_unsupervised_scorer({getattr(self.metric, '__name__', self.metric)}, "
            f"response_method={self.response_method!r}, space={self.space!r}, "
            f"greater_is_better={self.greater_is_better})"
        )


def _transform(estimator, X, random_state):
    return _method(estimator, "transform")(X)


def _reconstruct(estimator, X, random_state):
    return _as_rows(_method(estimator, "inverse_transform")(_transform(estimator, X, random_state)))


def _predict(estimator, X, random_state):
    if hasattr(estimator, "predict"):
        return estimator.predict(X)
    clusterer = _unwrapped(estimator)
    while isinstance(clusterer, Pipeline):
        clusterer = _unwrapped(clusterer[-1])
    labels, n = _method(clusterer, "labels_"), np.shape(X)[0]
    if len(labels) != n:
        raise ValueError(
            f"{type(clusterer).__name__} has no predict, and was fitted on {len(labels)} rows, "
            f"while X has {n}. Score it on the rows that it was fitted on: hand "
            "cv=[(rows, rows)] with rows = np.arange(len(X)) to the search."
        )
    return labels


def _sample(estimator, X, random_state):
    return _as_rows(_draw(estimator, np.shape(X)[0], random_state))


def _draw(estimator, n, random_state):
    """Return n generated samples, the same ones for the same seed."""
    model = _unwrapped(estimator)
    if isinstance(model, Pipeline):
        drawn = _draw(model[-1], n, random_state)
        return _method(model[:-1], "inverse_transform")(drawn) if len(model) > 1 else drawn
    sample, seed = _method(model, "sample"), {"random_state": random_state}
    if "random_state" not in inspect.signature(sample).parameters:
        if not hasattr(model, "random_state"):
            raise TypeError(
                f"{model!r} cannot be asked for the same samples at each call: neither its sample "
                "nor the model itself has a parameter random_state."
            )
        model = copy.copy(model)  # the user's keeps its own seed, and shares what it has learnt
        model.random_state, seed = random_state, {}
        sample = model.sample
    drawn = sample(n, **seed)
    return drawn[0] if isinstance(drawn, tuple) else drawn  # mixtures tell the component as well


def _score_samples(estimator, X, random_state):
    return _method(estimator, "score_samples")(X)


def _codes(estimator, X):
    model = _unwrapped(estimator)
    if not isinstance(model, Pipeline):
        return X if len(np.shape(X)) == 2 else _as_rows(X)
    return _codes(model[-1], model[:-1].transform(X) if len(model) > 1 else X)


def _unwrapped(estimator):
    """Return the model in a FrozenEstimator or in a fitted search."""
    while isinstance(estimator, FrozenEstimator) or hasattr(estimator, "best_estimator_"):
        frozen = isinstance(estimator, FrozenEstimator)
        estimator = estimator.estimator if frozen else estimator.best_estimator_
    return estimator


_RESPONSES = {
    "transform": _transform,
    "reconstruct": _reconstruct,
    "predict": _predict,
    "sample": _sample,
    "score_samples": _score_samples,
}
_SPACES = {"input": lambda estimator, X: _as_rows(X), "codes": _codes}


def _method(estimator, name):
    """Return an attribute of an estimator, or say who lacks it."""
    try:
        return getattr(estimator, name)
    except AttributeError as error:
        raise TypeError(
            f"This scorer needs an estimator with {name!r}, which {estimator!r} has not."
        ) from error


def _as_array(X):
    """Return what a step gave as an array; sparse matrices are left alone."""
    return X if hasattr(X, "tocsr") else np.asarray(X)


def _as_rows(X):
    """Return images (n, ...) as rows (n, n_features)."""
    X = np.asarray(X)
    return X.reshape(len(X), -1)


def _explained_variance(X, reconstructed):
    errors = np.square(X - reconstructed.astype(np.float64)).sum()
    deviations = np.square(X - X.mean(axis=0, dtype=np.float64)).sum()
    return 1 - errors / deviations if deviations else float(errors == 0)


def _mean_score(X, scores):
    return np.mean(scores)


def _silhouette(codes, labels):
    """Mean silhouette; of noise (-1) it is 0, as of any row that is alone in its cluster."""
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
explained_variance_scorer.__doc__ = """Score by the share of the variance of X that codes keep.

For our autoencoders, PCA, and Pipelines that end in one: the share that
``inverse_transform(transform(X))`` explains, in the units of X. 1 is all of it, 0 as much as the
mean image, and less is possible.

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

Of ConvVAE this is the evidence lower bound, in nats per image; of PCA and KernelDensity the
log-likelihood, which it may be compared with if X is the same.

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
neg_kernel_distance_scorer.__doc__ = """Score by minus the `kernel_distance` between X and samples.

For our generative models, KernelDensity, GaussianMixture, and Pipelines that end in one. As many
rows are drawn as X has. 0 is the best on average; the units are those of :func:`kernel_distance`.

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

In the space of what its last step was given, from -1 to 1, which is best. Rows that are noise (-1)
count as 0.

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

__test__ = {  # doctest finds no docstrings of instances by itself
    name: scorer.__doc__ for name, scorer in list(globals().items()) if isinstance(scorer, _Scorer)
}
