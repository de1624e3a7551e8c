"""What scorers compare: responses of a fitted estimator, and the rows that it was given."""

import copy
import inspect

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline


def _reconstruct(estimator, X, random_state):
    decode = _attribute(estimator, "inverse_transform")
    return _as_rows(decode(_attribute(estimator, "transform")(X)))


def _predict(estimator, X, random_state):
    if hasattr(estimator, "predict"):
        return estimator.predict(X)
    clusterer = _unwrap(estimator)
    while isinstance(clusterer, Pipeline):
        clusterer = _unwrap(clusterer[-1])
    labels, n = _attribute(clusterer, "labels_"), np.shape(X)[0]
    if len(labels) != n:
        raise ValueError(
            f"{type(clusterer).__name__} has no predict, and was fitted on {len(labels)} rows, "
            f"while X has {n}. Score it on the rows that it was fitted on: hand "
            "cv=[(rows, rows)] with rows = np.arange(len(X)) to the search."
        )
    return labels


def _sample(estimator, n, random_state):
    """Return n generated samples, the same ones for the same seed."""
    model = _unwrap(estimator)
    if isinstance(model, Pipeline):
        samples = _sample(model[-1], n, random_state)
        return _attribute(model[:-1], "inverse_transform")(samples) if len(model) > 1 else samples
    sample, seed = _attribute(model, "sample"), {"random_state": random_state}
    if "random_state" not in inspect.signature(sample).parameters:
        if not hasattr(model, "random_state"):
            raise TypeError(
                f"{model!r} cannot be asked for the same samples at each call: neither its sample "
                "nor the model itself has a parameter random_state."
            )
        model = copy.copy(model)  # a shallow copy: the user's model keeps its seed
        model.random_state, seed = random_state, {}
        sample = model.sample
    samples = sample(n, **seed)
    return samples[0] if isinstance(samples, tuple) else samples  # mixtures return labels, too


def _codes(estimator, X):
    """Return X as the last step of a Pipeline sees it."""
    model = _unwrap(estimator)
    if not isinstance(model, Pipeline):
        return X if len(np.shape(X)) == 2 else _as_rows(X)
    return _codes(model[-1], model[:-1].transform(X) if len(model) > 1 else X)


def _unwrap(estimator):
    """Return the model in a FrozenEstimator or in a fitted search."""
    while isinstance(estimator, FrozenEstimator) or hasattr(estimator, "best_estimator_"):
        frozen = isinstance(estimator, FrozenEstimator)
        estimator = estimator.estimator if frozen else estimator.best_estimator_
    return estimator


def _attribute(estimator, name):
    """Return an attribute of an estimator, or raise a TypeError that names both."""
    try:
        return getattr(estimator, name)
    except AttributeError as error:
        raise TypeError(
            f"This scorer needs an estimator with {name!r}, which {estimator!r} has not."
        ) from error


def _as_rows(X):
    """Return images (n, ...) as rows (n, n_features)."""
    X = np.asarray(X)
    return X.reshape(len(X), -1)


RESPONSES = {
    "transform": lambda estimator, X, random_state: _attribute(estimator, "transform")(X),
    "reconstruct": _reconstruct,
    "predict": _predict,
    "sample": lambda estimator, X, seed: _as_rows(_sample(estimator, np.shape(X)[0], seed)),
    "score_samples": lambda estimator, X, random_state: _attribute(estimator, "score_samples")(X),
}
SPACES = {"input": lambda estimator, X: _as_rows(X), "codes": _codes}
