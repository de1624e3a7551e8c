"""Self-supervised features: what they are worth, views, collapse."""

import numpy as np
import pytest
from every_model import SMALL_ENCODER
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_unsup import ConvAutoencoder, ConvSelfSupervisedEncoder
from sklearn_unsup.networks import SELF_SUPERVISED_OBJECTIVES

QUICK = {"device": "cpu", "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def waves():
    """Return waves (600, 64): sines, squares and saw teeth."""
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 1, (600, 1)) + rng.uniform(3, 5, (600, 1)) * np.linspace(0, 1, 64)
    y = np.arange(600) % 3
    forms = [np.sin(2 * np.pi * phase), np.sign(np.sin(2 * np.pi * phase)), 2 * (phase % 1) - 1]
    X = rng.uniform(0.5, 1, (600, 1)) * np.choose(y[:, None], forms)
    return X + rng.normal(0, 0.1, X.shape), y


def small(**params):
    return ConvSelfSupervisedEncoder(**{**SMALL_ENCODER, "projector_layer_sizes": (8,), **params})


def probe(model, X, y, n):
    """Return the accuracy of a linear classifier of codes, trained on the first n rows."""
    codes = model.transform(X)
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return linear.fit(codes[:n], y[:n]).score(codes[n:], y[n:])


@pytest.mark.parametrize("objective", sorted(SELF_SUPERVISED_OBJECTIVES))
def test_codes_of_two_views_become_neighbours(digits, objective):
    X, _ = digits
    params = {"n_components": 32, "objective": objective, **QUICK}
    encoder = ConvSelfSupervisedEncoder(max_epochs=25, **params).fit(X[:600])
    untrained = ConvSelfSupervisedEncoder(max_epochs=1, learning_rate=1e-9, **params).fit(X[:600])
    found = []
    for model in (encoder, untrained):
        first, second = (model.transform(encoder.draw_views(X[600:900], seed)) for seed in (0, 1))
        nearest = NearestNeighbors(n_neighbors=1, metric="cosine").fit(first - first.mean(axis=0))
        which = nearest.kneighbors(second - second.mean(axis=0), return_distance=False)[:, 0]
        found.append((which == np.arange(300)).mean())
    assert found[0] > max(2 * found[1], 10 / 300)


def test_few_labels_are_enough_for_a_linear_classifier(digits):
    """Ten labels a class: better than on PCA codes and on those of an autoencoder."""
    X, y = digits
    encoder = ConvSelfSupervisedEncoder(64, max_epochs=12, **QUICK).fit(X)
    accuracies = [
        probe(model, X, y, 100)
        for model in (
            encoder,
            PCA(32, random_state=0).fit(X),
            ConvAutoencoder(32, max_epochs=12, **QUICK).fit(X),
        )
    ]
    assert accuracies[0] > max(accuracies[1:])


def test_codes_of_signals_tell_waveforms_apart(waves):
    """Waves of random phase, period and amplitude: PCA codes hardly tell them apart."""
    X, y = waves
    encoder = ConvSelfSupervisedEncoder(32, image_shape=(1, 64), max_epochs=15, **QUICK).fit(X)
    ours, linear = (probe(model, X, y, 400) for model in (encoder, PCA(32).fit(X)))
    assert ours > linear + 0.15
