"""Rows of the user's own to validate on: `fit(X, X_val=...)`."""

from itertools import pairwise

import numpy as np
import pytest
import sklearn
from every_model import (
    EVERY_CLASS,
    EVERY_MODEL,
    accepts_X_val,
    assert_same,
    fit_model,
    labels_for,
    losses,
    quick_outputs,
)
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_unsup._training._batches import Batches

pytestmark = [
    pytest.mark.filterwarnings("ignore:The generator has collapsed"),
    pytest.mark.filterwarnings("ignore:A kind of image is missing"),
    pytest.mark.filterwarnings("ignore:Posterior collapse"),
    pytest.mark.filterwarnings("ignore:A kind of image is missing"),
]

BINARY = {"likelihood": "bernoulli", "binarize": "static"}
VALIDATING = [  # those that train; a detector has other uses for these rows
    name
    for name in EVERY_CLASS
    if accepts_X_val(EVERY_MODEL[name]())
    and "early_stopping" in EVERY_MODEL[name]().get_params(deep=False)
]
CASES = {name: (name, {}) for name in VALIDATING} | {"ConvVAE, static": ("ConvVAE", BINARY)}


@pytest.fixture(scope="module")
def X():
    return (load_digits().data / 16).astype(np.float32)


@pytest.fixture(params=CASES)
def build(request):
    name, own = CASES[request.param]
    options = {"early_stopping": True, "max_epochs": 3, "learning_rate": 0.01, **own}
    return lambda **params: EVERY_MODEL[name](**{**options, **params})


def watched(model):
    """Return what decides when to stop, of each epoch."""
    rows = model.history_
    name = "valid_distance" if "valid_distance" in rows[0] else "valid_loss"
    return [row[name] for row in rows]


def learnt(model):
    """Return what the first epoch tells of the rows that it trained on."""
    return {key: value for key, value in model.history_[0].items() if key.startswith("train_")}


def test_every_row_of_x_is_trained_on_and_the_given_ones_are_not(build, X, monkeypatch):
    seen = {True: [], False: []}
    build_batch = Batches._batch

    def watch(batches, rows, indices):
        seen[batches.generator is not None].append(rows)
        return build_batch(batches, rows, indices)

    monkeypatch.setattr(Batches, "_batch", watch)
    model = fit_model(build(), X[:60], X_val=X[60:90])
    n_epochs = len(model.history_)
    assert sum(map(len, seen[True])) == 60 * n_epochs
    by_distance = "valid_distance" in model.history_[0]  # of the given rows to generated ones
    assert sum(map(len, seen[False])) == (0 if by_distance else 30 * n_epochs)


def test_given_rows_are_judged_by_and_not_trained_on(build, X):
    alike, inverted = (fit_model(build(), X[:60], X_val=rows) for rows in (X[60:90], 1 - X[60:90]))
    is_of_pixels = hasattr(alike, "reconstruct") or hasattr(alike, "sample")
    if is_of_pixels and not hasattr(alike, "embedding_"):
        assert watched(inverted)[0] > watched(alike)[0]
    else:  # what is alike in the codes need not be alike in the pixels
        assert watched(inverted)[0] != watched(alike)[0]
    assert learnt(inverted) == learnt(alike)


def test_the_best_epoch_is_that_of_the_given_rows(X):
    options = {"early_stopping": True, "max_epochs": 5, "n_iter_no_change": 1, "tol": 0.0}
    model = EVERY_MODEL["ConvGAN"](**options).fit(X[:60], X_val=X[60:90])
    distances = watched(model)
    assert model.best_epoch_ == np.argmin(distances) + 1
    assert all(
        b < a for a, b in pairwise(distances[:-1])
    )  # it stops at the first that is no better


def test_the_loss_is_that_of_the_given_rows(X):
    model = EVERY_MODEL["ConvAutoencoder"](early_stopping=True, max_epochs=4, learning_rate=0.01)
    model.fit(X[:200], X_val=X[200:300])
    error = -model.score_samples(X[200:300]).mean()
    assert min(watched(model)) == pytest.approx(error / X[:200].var(axis=0).mean(), rel=1e-3)


def test_given_rows_pass_through_a_pipeline(build, X):
    pipeline = make_pipeline(MinMaxScaler(), build())
    name = pipeline.steps[-1][0]
    y = labels_for(pipeline[-1], X[:60])
    pipeline.fit(X[:60], y, **{f"{name}__X_val": X[60:90]})  # the scaler does not see them
    direct = fit_model(build(), MinMaxScaler().fit_transform(X[:60]), X_val=X[60:90])
    assert watched(pipeline[-1]) == watched(direct)


def test_given_rows_are_routed(build, X):
    with sklearn.config_context(enable_metadata_routing=True):
        routed = make_pipeline(MinMaxScaler(), build().set_fit_request(X_val=True))
        routed.fit(X[:60], labels_for(routed[-1], X[:60]), X_val=X[60:90])
    direct = fit_model(build(), MinMaxScaler().fit_transform(X[:60]), X_val=X[60:90])
    assert watched(routed[-1]) == watched(direct)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((5, 63)), "63 features"),
        (np.zeros((5, 4, 16)), "shape"),
        (np.full((5, 64), np.nan), "NaN"),
        (np.zeros((0, 64)), "0 sample|empty"),
        (np.zeros(64), "1D|1 axis"),
        ("rows", "X"),
    ],
    ids="width shape nan empty 1d text".split(),
)
def test_bad_rows_are_an_error_and_nothing_is_lost(build, X, rows, message):
    model = fit_model(build(max_epochs=1), X[:60])
    expected = quick_outputs(model, X[:5])
    before = dict(vars(model))
    with pytest.raises((ValueError, TypeError), match=message):
        fit_model(model, X[:60], X_val=rows)
    assert vars(model) == before
    assert_same(quick_outputs(model, X[:5]), expected)


@pytest.mark.parametrize("name", VALIDATING)
def test_rows_that_would_not_be_used_are_an_error(name, X):
    model = fit_model(EVERY_MODEL[name](), X[:60])
    if any(key.startswith("valid_") for key in model.history_[0]):  # it always validates
        other = fit_model(EVERY_MODEL[name](), X[:60], X_val=X[60:90])
        assert watched(other) != watched(model)
        return
    before = losses(model)
    with pytest.raises(ValueError, match="early_stopping"):
        fit_model(model, X[:60], X_val=X[60:90])
    assert losses(model) == before


def test_a_gan_always_validates(X):
    model = EVERY_MODEL["ConvGAN"]().fit(X[:60], X_val=X[60:90])
    other = EVERY_MODEL["ConvGAN"]().fit(X[:60], X_val=1 - X[60:90])
    assert watched(model) != watched(other)


def test_static_binarisation_of_given_rows_is_the_same_in_each_epoch(X):
    """With a learning rate of almost nothing, nothing changes but what is drawn."""
    model = EVERY_MODEL["ConvVAE"](**BINARY, early_stopping=True, max_epochs=3, learning_rate=1e-12)
    model.fit(X[:60], X_val=X[60:90])
    losses = watched(model)
    assert np.ptp(losses) < 1e-3 * np.abs(losses).max()


@pytest.mark.filterwarnings("ignore:X holds values")
def test_rows_are_checked_against_what_is_fitted_now(X):
    """Not against the likelihood of an earlier fit."""
    model = EVERY_MODEL["ConvVAE"](early_stopping=True).fit(X[:60], X_val=X[60:90])
    with pytest.raises(ValueError, match="bernoulli"):
        model.set_params(likelihood="bernoulli").fit(X[:60], X_val=2 * X[60:90])
    model.set_params(likelihood="bernoulli").fit(X[:60], X_val=X[60:90])
    model.set_params(likelihood="gaussian").fit(2 * X[:60], X_val=2 * X[60:90])
