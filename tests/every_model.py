"""Table of small models, for the tests that hold for all estimators.

A new estimator is one entry of `EVERY_MODEL`. A common test selects the models that have certain
methods (`with_methods`) or parameters (`with_parameters`).
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_digits
from toy_estimators import LabelledSampler

from sklearn_unsup import (
    ConvAutoencoder,
    ConvClusterer,
    ConvGAN,
    ConvNeighborEmbedding,
    ConvOutlierDetector,
    ConvSelfSupervisedEncoder,
    ConvVAE,
)

SMALL = {
    "n_components": 2,
    "hidden_channels": (4,),
    "hidden_layer_sizes": (),
    "max_epochs": 1,
    "batch_size": 16,
    "device": "cpu",
    "random_state": 0,
}
SMALL_ENCODER = {name: value for name, value in SMALL.items() if name != "hidden_layer_sizes"}
DETECTORS = "estimator", "contamination", "method", "error", "pooling"


def detector(**params):
    """Build a detector; parameters that it does not have are those of its autoencoder."""
    own = {name: params.pop(name) for name in DETECTORS if name in params}
    if "random_state" in params:  # both have one
        own["random_state"] = params["random_state"]
    return ConvOutlierDetector(**{"estimator": ConvAutoencoder(**{**SMALL, **params}), **own})


@dataclass(frozen=True)
class Entry:
    """How a model is built, and what it does not support. Call it with parameters to change."""

    build: Callable
    needs_y: bool = False  # by `fit` and `partial_fit`
    n_phases: int = 1  # of `fit`, each of max_epochs
    unsupported: tuple[str, ...] = ()  # parameters that this variant must not set

    def __call__(self, **params):
        return self.build(**params)


EVERY_MODEL = {  # "class", or "class, variant"
    "ConvAutoencoder": Entry(partial(ConvAutoencoder, **SMALL)),
    "ConvVAE": Entry(partial(ConvVAE, **SMALL)),
    "ConvGAN": Entry(partial(ConvGAN, **SMALL)),
    "ConvGAN, adversarial": Entry(
        partial(ConvGAN, **SMALL, code="adversarial", objective="wasserstein_gp")
    ),
    "ConvGAN, discriminator": Entry(
        partial(ConvGAN, **SMALL, code="discriminator", objective="hinge"), unsupported=("encoder",)
    ),
    "ConvOutlierDetector": Entry(detector),
    "ConvSelfSupervisedEncoder": Entry(
        partial(ConvSelfSupervisedEncoder, **SMALL_ENCODER, projector_layer_sizes=(4,))
    ),
    "ConvClusterer": Entry(
        partial(ConvClusterer, n_clusters=2, **SMALL_ENCODER, projector_layer_sizes=(4,)),
        n_phases=2,
    ),
    "ConvClusterer, idec": Entry(
        partial(
            ConvClusterer, n_clusters=2, method="idec", pretrain="autoencoder", **SMALL_ENCODER
        ),
        n_phases=2,
    ),
    "ConvNeighborEmbedding": Entry(
        partial(ConvNeighborEmbedding, n_neighbors=2, **SMALL), n_phases=2
    ),
    "ConvNeighborEmbedding, views": Entry(
        partial(ConvNeighborEmbedding, neighbors="views", objective="infonce", **SMALL),
        n_phases=3,
        unsupported=("encoder",),
    ),
    "LabelledSampler": Entry(partial(LabelledSampler, **SMALL), needs_y=True, n_phases=2),
}
EVERY_CLASS = [name for name in EVERY_MODEL if "," not in name]


# Select models.


def slow_unless(quick, cases):
    """Return the cases as test parameters; those for which `quick` is false are slow."""
    return [
        case if quick(case) else pytest.param(*args_of(case), marks=pytest.mark.slow)
        for case in cases
    ]


def args_of(case):
    """Return a case as the arguments of `pytest.param`."""
    return case if isinstance(case, tuple) else (case,)


# Every model, as test parameters; variants of a class are slow.
EACH_MODEL = slow_unless(EVERY_CLASS.__contains__, EVERY_MODEL)


def with_methods(*methods, among=EVERY_MODEL):
    """Return the names of the models that have all these methods; at least one."""
    found = [name for name in among if all(hasattr(EVERY_MODEL[name](), each) for each in methods)]
    assert found, f"no model has {methods}"
    return found


def with_parameters(*parameters, among=EVERY_MODEL):
    """Return the names of the models that have all these parameters; at least one."""
    found = [name for name in among if set(parameters) <= set(EVERY_MODEL[name]().get_params())]
    assert found, f"no model takes {parameters}"
    return found


def accepted_params(name, params):
    """Return the parameters that a model, or the estimator that it wraps, supports."""
    names = parameter_paths(EVERY_MODEL[name]()).keys() - {*EVERY_MODEL[name].unsupported}
    return {each: value for each, value in params.items() if each in names}


def parameter_paths(model):
    """Return the full name of each parameter, such as `estimator__max_epochs`."""
    names = sorted(model.get_params(), key=lambda name: name.count("__"), reverse=True)
    return {name.split("__")[-1]: name for name in names}


def set_params(model, **params):
    """Set parameters of a model, or of the estimator that it wraps."""
    where = parameter_paths(model)
    return model.set_params(**{where[name]: value for name, value in params.items()})


# Fit models.


def labels_for(model, X):
    """Return a y for X, or None if models of this class need none."""
    if not any(each.needs_y and type(each()) is type(model) for each in EVERY_MODEL.values()):
        return None
    return np.arange(X.shape[0] if hasattr(X, "shape") else len(X)) % 3


def fit_model(model, X, **options):
    """Fit a model to X, with a y if it needs one."""
    return model.fit(X, labels_for(model, X), **options)


def partial_fit_model(model, X):
    """Call `partial_fit`, with a y if the model needs one."""
    return model.partial_fit(X, labels_for(model, X))


def accepts_X_val(model):
    """Tell whether `fit` accepts X_val."""
    return "X_val" in inspect.signature(model.fit).parameters


def network_owner(model):
    """Return the estimator that has the network: a model or what it wraps; None before `fit`."""
    found = getattr(model, "estimator_", model)
    return found if hasattr(found, "network_") else None


def weights(model):
    """Return all weights of a fitted model, by name."""
    return network_owner(model).network_.state_dict()


def n_epochs_trained(model):
    """Return the number of epochs that a model was trained for."""
    return getattr(network_owner(model), "n_iter_", 0)


def losses(model):
    """Return the history of a fitted model, without durations."""
    rows = network_owner(model).history_
    return [{name: value for name, value in row.items() if name != "duration"} for row in rows]


# Call methods of models.


CALLS = {
    "transform": lambda model, X: model.transform(X),
    "inverse_transform": lambda model, X: model.inverse_transform(
        X.reshape(len(X), -1)[:, : model.get_params()["n_components"]]
    ),
    "reconstruct": lambda model, X: model.reconstruct(X),
    "sample": lambda model, X: model.sample(3, random_state=0),
    "score": lambda model, X: model.score(X),
    "score_samples": lambda model, X: model.score_samples(X),
    "interpolate": lambda model, X: model.interpolate(X[:2], X[2:4], 3, path="spherical"),
    "traverse": lambda model, X: model.traverse(X[0], 0, [-1, 0, 1]),
    "predict": lambda model, X: model.predict(X),
    "decision_function": lambda model, X: model.decision_function(X),
    "error_map": lambda model, X: model.error_map(X),
}
METHODS_OF_X = (  # methods with X as their only argument
    *("transform", "reconstruct", "score", "score_samples"),
    *("predict", "decision_function", "error_map"),
)
QUICK = ("transform", "reconstruct", "score_samples")  # if a model has one of these


def few_digits(n=24):
    """Return digits (n, 8, 8), from 0 to 1."""
    return (load_digits().images[:n] / 16).astype(np.float32)


def methods_of_X(model):
    """Return the methods of a model that take X."""
    return [getattr(model, name) for name in METHODS_OF_X if hasattr(model, name)]


def method_outputs(model, X, names=tuple(CALLS)):
    """Return the outputs of public methods of a fitted model, as arrays."""
    return {name: np.asarray(CALLS[name](model, X)) for name in names if hasattr(model, name)}


def quick_outputs(model, X):
    """Return outputs that identify a fitted model, of fast methods if possible."""
    return method_outputs(model, X, QUICK) or method_outputs(model, X)


def assert_same(found, expected):
    """Assert that two outputs are bit-identical.

    Float64 outputs (scores) may differ by rounding, as BLAS sums depend on memory alignment.
    """
    assert found.keys() == expected.keys()
    assert expected, "no method was called"
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        if array.dtype == np.float64:
            np.testing.assert_allclose(found[name], array, rtol=1e-12, atol=1e-13, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], array, err_msg=name)


def assert_finite(found):
    """Assert that there are outputs, and that all numbers are finite."""
    assert found, "no method was called"
    for name, array in found.items():
        assert np.isfinite(array).all(), name
