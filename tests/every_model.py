"""A small model of every kind: what holds for all is tested with all. A new model is one line."""

from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sklearn_unsup import ConvAutoencoder, ConvGAN, ConvOutlierDetector, ConvVAE

SMALL = {
    "n_components": 2,
    "hidden_channels": (4,),
    "hidden_layer_sizes": (),
    "max_epochs": 1,
    "batch_size": 16,
    "device": "cpu",
    "random_state": 0,
}
DETECTORS = ("estimator", "contamination", "method")


def detector(**params):
    """Build a detector; what it does not know goes to its autoencoder."""
    own = {name: params.pop(name) for name in DETECTORS if name in params}
    return ConvOutlierDetector(**{"estimator": ConvAutoencoder(**{**SMALL, **params}), **own})


EVERY_MODEL = {
    "ConvAutoencoder": partial(ConvAutoencoder, **SMALL),
    "ConvVAE": partial(ConvVAE, **SMALL),
    "ConvGAN": partial(ConvGAN, **SMALL),
    "ConvGAN, adversarial": partial(
        ConvGAN, **SMALL, code="adversarial", objective="wasserstein_gp"
    ),
    "ConvGAN, discriminator": partial(ConvGAN, **SMALL, code="discriminator", objective="hinge"),
    "ConvOutlierDetector": detector,
}
EVERY_CLASS = [name for name in EVERY_MODEL if "," not in name]


def slow_unless(quick, cases):
    """Return the cases as parameters of a test; those for which `quick` is not true are slow."""
    return [
        case if quick(case) else pytest.param(*args_of(case), marks=pytest.mark.slow)
        for case in cases
    ]


def args_of(case):
    """Return a case as the arguments of a parameter."""
    return case if isinstance(case, tuple) else (case,)


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


def few_digits(n=24):
    """Return digits (n, 8, 8), from 0 to 1."""
    return (load_digits().images[:n] / 16).astype(np.float32)


def answers(model, X, names=tuple(CALLS)):
    """Return what the public methods of a fitted model give, as arrays."""
    return {name: np.asarray(CALLS[name](model, X)) for name in names if hasattr(model, name)}


def assert_same(found, expected):
    """Assert that two models gave the same, to the last bit.

    Sums in float64 (scores) are up to rounding: the BLAS adds by where its arrays lie in memory.
    """
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        if array.dtype == np.float64:
            np.testing.assert_allclose(found[name], array, rtol=1e-12, atol=1e-13, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], array, err_msg=name)
