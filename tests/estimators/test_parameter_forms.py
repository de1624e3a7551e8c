"""Parameters in the forms that a grid of numpy hands in: the same models, and no other errors."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from every_model import (
    EVERY_CLASS,
    EVERY_MODEL,
    accepted_params,
    assert_same,
    few_digits,
    fit_model,
    labels_for,
    method_outputs,
    partial_fit_model,
    quick_outputs,
    slow_unless,
    with_parameters,
)
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import GridSearchCV
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_unsup import ConvAutoencoder

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FORMS = {
    bool: [np.bool_],
    int: [np.int32, np.int64],
    float: [np.float32, np.float64],
    str: [np.str_],
    list: [tuple],
    tuple: [
        list,
        np.array,
        lambda value: np.array([*value, None])[:-1],  # of a grid whose rows differ in length
        torch.Size,
        torch.tensor,
        pd.Series,
        lambda value: pd.Series(value, index=[f"row {i}" for i in range(len(value))]),
        lambda value: range(value[0], value[0] + 1) if len(value) == 1 else list(value),
        lambda value: [np.int64(width) for width in value],
    ],
}
NO_BOOL = ("yes", None, 2, np.array(True))
NO_COUNT = (0, 1.5, "many", None, np.array(1))
NO_FRACTION = (-0.5, float("nan"), float("inf"), "some", None, np.array(0.5))
NO_WIDTHS = (
    (0,),
    (4.5,),
    ("a",),
    4,
    "4",
    {4},
    None,
    ((4,),),
    np.array([[4]]),
    np.array([4.0]),
    np.array(4),
)
NO_FACTORY = (5, "conv", torch.nn.Linear(64, 2), list)

# A value of each parameter that is no default, and values that it cannot have.
PARAMETERS = {
    "n_components": (3, NO_COUNT),
    "image_shape": (
        (8, 8),
        [
            (8, 9),
            (8,),
            (0, 64),
            (8.0, 8.0),
            "8x8",
            8,
            np.array(8),
            ((8, 8),),
            (8, None),
            np.zeros((2, 2)),
        ],
    ),
    "channel_axis": (0, (2, -3, 0.5, "first", np.array(0))),
    "hidden_channels": ((5,), [*NO_WIDTHS, ()]),
    "hidden_layer_sizes": ((5,), NO_WIDTHS),
    "projector_layer_sizes": ((5,), [*NO_WIDTHS, ()]),
    "views": ("drawings", ("paintings", None, 5)),
    "regularization": (0.25, NO_FRACTION),
    "temperature": (0.25, (0, *NO_FRACTION)),
    "encoder": (None, NO_FACTORY),
    "decoder": (None, NO_FACTORY),
    "generator": (None, NO_FACTORY),
    "discriminator": (None, NO_FACTORY),
    "max_epochs": (2, NO_COUNT),
    "batch_size": (12, (0, 2.5, "all", None, np.array(12))),
    "learning_rate": (0.25, (0, *NO_FRACTION)),
    "weight_decay": (0.25, NO_FRACTION),
    "optimizer": ("sgd", ("adamm", list, torch.optim.LBFGS, torch.optim.SparseAdam, None, 1)),
    "learning_rate_schedule": ("cosine", ("steps", None)),
    "max_translation": (0.25, (*NO_FRACTION, 0.5, "most", None)),
    "gaussian_fraction": (0.25, (*NO_FRACTION, 1, "most", None)),
    "compare_with_pca": (False, NO_BOOL),
    "early_stopping": (True, NO_BOOL),
    "validation_fraction": (0.25, (*NO_FRACTION, 0, 1, 1.5)),
    "n_iter_no_change": (2, NO_COUNT),
    "tol": (0.25, NO_FRACTION),
    "warm_start": (True, NO_BOOL),
    "verbose": (0, (-1, "loud", None)),
    "random_state": (3, (-1, 1.5, "seed", np.random.default_rng(0))),
    "device": ("cpu", ("gpu", "cuda:99", "meta", "", None, 0)),
    "precision": ("bfloat16", ("float16", None, torch.bfloat16)),
    "compile": (False, NO_BOOL),
    "callbacks": ([], (5, "x", [5], ["x"], [None])),
    "loss": ("absolute_error", ("mse", None)),
    "noise_level": (0.25, NO_FRACTION),
    "l1_activity": (0.25, NO_FRACTION),
    "likelihood": ("bernoulli", ("poisson", None)),
    "binarize": (None, ("always", True)),
    "beta": (0.25, NO_FRACTION),
    "beta_warmup_epochs": (2, (-1, 1.5, "many", None)),
    "free_bits": (0.25, NO_FRACTION),
    "prior": ("normal", ("flat", None)),
    "objective": ("least_squares", ("loss", None)),
    "r1_penalty": (0.25, NO_FRACTION),
    "energy_weight": (0.25, NO_FRACTION),
    "n_critic": (2, NO_COUNT),
    "code": ("adversarial", ("codes", None)),
    "ema_decay": (0.5, (*NO_FRACTION, 1)),
    "restore_best": (False, NO_BOOL),
    "estimator": (None, (5, IsolationForest(), ConvAutoencoder)),
    "contamination": (0.25, (*NO_FRACTION, 0, 0.6, "automatic")),
    "method": ("reconstruction_error", ("both", None)),
    "error": ("structural_similarity", ("ssim", None)),
    ("ConvClusterer", "method"): ("idec", ("dec", None)),
    ("ConvSelfSupervisedEncoder", "objective"): ("simclr", ("loss", None)),
    ("ConvNeighborEmbedding", "objective"): ("infonce", ("loss", None)),
    ("ConvNeighborEmbedding", "views"): ("drawings", ("paintings", 5)),
    "neighbors": ("views", ("codes", None, 5, np.eye(3))),
    "n_neighbors": (3, (1, *NO_COUNT)),
    "min_dist": (0.25, (1.5, *NO_FRACTION)),
    "negative_sample_rate": (0.25, (0, *NO_FRACTION)),
    "perplexity": (2.5, (0.5, *NO_FRACTION)),
    "target_weight": (0.0, (1.5, *NO_FRACTION)),
    "decoder_epochs": (2, (-1, 1.5, "many", None)),
    "pretrain": ("autoencoder", ("vae", None, 5, ConvAutoencoder())),
    "n_clusters": (3, NO_COUNT),
    "refinement_epochs": (2, (-1, 1.5, "many", None)),
    "pooling": (0.25, ("median", None, 0, 1, 1.5)),
}
EVERY_PARAMETER = [
    (model, name) for model in EVERY_CLASS for name in EVERY_MODEL[model]()._get_param_names()
]


@pytest.fixture(scope="module")
def X():
    return few_digits()


@pytest.fixture(scope="module")
def fitted(X):
    return {name: fit_model(EVERY_MODEL[name](), X) for name in EVERY_CLASS}


def value_and_bad(model, name):
    """Return a value of a parameter, and values that are refused."""
    return PARAMETERS.get((model, name)) or PARAMETERS[name]


def is_new(model, name):
    """Tell whether a model is the first to have a parameter: it is looked at most closely there."""
    return model == next(first for first, each in EVERY_PARAMETER if each == name)


def ways(model, folder, name, value):
    """Yield a fitted model as it comes back from wherever it may be put."""
    yield copy.deepcopy(model)
    yield pickle.loads(pickle.dumps(model))
    written = skops.io.dumps(model)
    trusted = skops.io.get_untrusted_types(data=written)
    assert all(each.startswith(("sklearn_unsup.", type(model).__module__)) for each in trusted)
    yield skops.io.loads(written, trusted=trusted)
    path = folder / "weights"
    model.save_weights(path)
    yield clone(model).load_weights(path)
    yield clone(model).set_params(**{name: value}).load_weights(path)


def trained_on(model, X, **params):
    """Return answers of a model after another fit from where it is, and after a chunk."""
    model.set_params(**params)
    if "warm_start" in model.get_params():
        fit_model(model.set_params(warm_start=params.get("warm_start", True)), X)
    found = quick_outputs(model, X)
    if hasattr(model, "partial_fit"):
        partial_fit_model(model, X)
        found |= {f"{name}, chunk": array for name, array in quick_outputs(model, X).items()}
    return found


@pytest.mark.parametrize(
    ("model", "name"), slow_unless(lambda case: is_new(*case), EVERY_PARAMETER)
)
def test_every_form_gives_the_model_of_the_plain_value(model, name, X, tmp_path):
    value, _ = value_and_bad(model, name)
    if value is None:
        pytest.skip("has no other forms")
    plain = fit_model(EVERY_MODEL[model](**{name: value}), X)
    expected = quick_outputs(plain, X)
    expected_on = trained_on(plain, X)
    forms = FORMS[type(value)]
    for form in forms if is_new(model, name) else forms[:2]:
        given = form(value)
        estimator = EVERY_MODEL[model](**{name: given})
        estimator = clone(estimator).set_params(**{name: given})  # a clone has a copy of it
        fit_model(estimator, X)
        assert estimator.get_params(deep=False)[name] is given
        assert_same(quick_outputs(estimator, X), expected)
        assert type(estimator).__name__ in repr(estimator) and estimator._repr_html_()
        for other in ways(estimator, tmp_path, name, value):
            assert_same(quick_outputs(other, X), expected)
        assert_same(trained_on(estimator, X, **{name: given}), expected_on)
        assert estimator.get_params(deep=False)[name] is given


@pytest.mark.parametrize(
    ("model", "name"), slow_unless(lambda case: is_new(*case), EVERY_PARAMETER)
)
def test_an_array_without_axes_is_read_or_refused(model, name, X):
    value, _ = value_and_bad(model, name)
    if value is None or isinstance(value, list | tuple):
        pytest.skip("is no scalar")
    try:
        found = fit_model(EVERY_MODEL[model](**{name: np.array(value)}), X)
    except InvalidParameterError as error:
        assert name in str(error)
    else:
        plain = fit_model(EVERY_MODEL[model](**{name: value}), X)
        assert_same(method_outputs(found, X), method_outputs(plain, X))


@pytest.mark.parametrize(
    ("model", "name"), slow_unless(lambda case: is_new(*case), EVERY_PARAMETER)
)
def test_a_bad_value_is_named_and_nothing_is_lost(model, name, X, fitted):
    estimator = copy.deepcopy(fitted[model])
    expected = quick_outputs(estimator, X)
    good = estimator.get_params(deep=False)[name]
    methods = [fit_model, *([partial_fit_model] if hasattr(estimator, "partial_fit") else [])]
    for bad in value_and_bad(model, name)[1]:
        estimator.set_params(**{name: bad})
        for method in methods:
            with pytest.raises((ValueError, TypeError), match=name):
                method(estimator, X)
                pytest.fail(f"{method.__name__} takes {name}={bad!r}")
    assert_same(quick_outputs(estimator.set_params(**{name: good}), X), expected)


@pytest.mark.parametrize(
    "change", [{"image_shape": (4, 16)}, {"channel_axis": 0}], ids=lambda change: str(change)
)
@pytest.mark.parametrize("model", with_parameters("image_shape", "warm_start", among=EVERY_CLASS))
def test_images_of_another_shape_need_another_network(model, change, X, fitted):
    estimator = copy.deepcopy(fitted[model]).set_params(**change, warm_start=True)
    for method in [fit_model, *([partial_fit_model] if hasattr(estimator, "partial_fit") else [])]:
        with pytest.raises(ValueError, match=next(iter(change))):
            method(estimator, X.reshape(len(X), -1))


@pytest.mark.parametrize("model", EVERY_CLASS)
def test_lists_and_arrays_changed_after_fit_change_nothing(model, X, tmp_path):
    widths, sizes, sides, callbacks = [4], np.array([3]), [8, 8], []
    sizes_of = dict.fromkeys(("hidden_layer_sizes", "projector_layer_sizes"), sizes)
    given = {"hidden_channels": widths, "image_shape": sides, "callbacks": callbacks} | sizes_of
    estimator = fit_model(EVERY_MODEL[model](**accepted_params(model, given)), X)
    expected = method_outputs(estimator, X)
    estimator.save_weights(tmp_path / "weights")
    widths.append(16)
    sizes[0] = 7
    sides.reverse()
    sides.append(3)
    callbacks.append("none")
    for other in (estimator, copy.deepcopy(estimator), pickle.loads(pickle.dumps(estimator))):
        assert_same(method_outputs(other, X), expected)
    given = {"hidden_channels": (4,)} | dict.fromkeys(sizes_of, (3,))
    fresh = EVERY_MODEL[model](**accepted_params(model, given))
    assert_same(method_outputs(fresh.load_weights(tmp_path / "weights"), X), expected)


GRIDS = {
    "n_components": np.arange(1, 3),
    "hidden_channels": list(np.array([[4], [5]])),
    "learning_rate": np.logspace(-3, -2, 2),
    "optimizer": np.array(["adam", "sgd"]),
    "early_stopping": np.array([False, True]),
    "contamination": np.linspace(0.1, 0.2, 2),
    "method": np.array(["combined", "reconstruction_error"]),
    "pooling": np.linspace(0.5, 0.9, 2),
    "estimator__hidden_channels": list(np.array([[4], [5]])),
}


@pytest.mark.parametrize("model", slow_unless(lambda name: name == "ConvAutoencoder", EVERY_CLASS))
def test_a_grid_of_arrays_finds_what_one_of_plain_values_finds(model, X):
    estimator = EVERY_MODEL[model]()
    grids = [{name: grid} for name, grid in GRIDS.items() if name in estimator.get_params()]
    plain = [{name: list(map(plain_value, each[name])) for name in each} for each in grids]
    scoring = None if hasattr(estimator, "score") else mean_score
    searches = [
        GridSearchCV(estimator, each, scoring=scoring, cv=2, error_score="raise").fit(
            X, labels_for(estimator, X)
        )
        for each in (grids, plain)
    ]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_array_equal(*scores)
    repr(searches[0]), searches[0]._repr_html_(), repr(searches[0].best_estimator_)


def plain_value(value):
    return tuple(value.tolist()) if isinstance(value, np.ndarray) else value.item()


def mean_score(model, X, y=None):
    found = method_outputs(model, X, ("score_samples", "transform", "sample"))
    return float(next(iter(found.values())).mean())
