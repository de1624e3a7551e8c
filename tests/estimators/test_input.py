"""What X may be, and what is said when it may not."""

import copy
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from every_model import (
    EACH_MODEL,
    EVERY_MODEL,
    assert_finite,
    assert_same,
    fit_model,
    method_outputs,
    methods_of_X,
    partial_fit_model,
    quick_outputs,
    set_params,
    with_methods,
    with_parameters,
)
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.datasets import make_shapes


def as_memmap(X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


@pytest.mark.parametrize(
    "convert",
    [
        lambda X, _: X.tolist(),
        lambda X, _: X.astype(np.uint8),
        lambda X, _: X.astype(np.int64),
        lambda X, _: X.astype(np.float64),
        lambda X, _: X.astype(">f4"),
        lambda X, _: np.asfortranarray(X),
        lambda X, _: torch.from_numpy(X),
        lambda X, _: pd.DataFrame(X, columns=[f"p{i}" for i in range(64)]),
        lambda X, _: pl.DataFrame(X, schema=[f"p{i}" for i in range(64)]),
        lambda X, _: np.ma.masked_array(X),
        as_memmap,
    ],
    ids="list uint8 int64 float64 big-endian fortran torch pandas polars unmasked memmap".split(),
)
@pytest.mark.parametrize("model", EACH_MODEL)
def test_kinds_of_x_give_the_same(model, digits, convert, tmp_path):
    X = digits[:24]
    expected = quick_outputs(fit_model(EVERY_MODEL[model](), X), X)
    given = convert(X, tmp_path)
    estimator = fit_model(EVERY_MODEL[model](), given)
    found = quick_outputs(estimator, given)
    assert found.keys() == expected.keys()
    assert found
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e6, 1e15])
def test_x_in_any_units_learns_the_same(small, digits, scale):
    reference = small().fit(digits).score(digits)
    X = (digits.astype(np.float64) + 40) * scale
    estimator = small().fit(X)
    assert estimator.score(X) == pytest.approx(reference, abs=1e-3)
    assert estimator.reconstruct(X).mean() == pytest.approx(X.mean(), rel=0.05)


@pytest.mark.parametrize(
    ("sides", "params"),
    [
        ((8, 8), {}),
        ((3, 8, 8), {}),
        ((8, 8, 3), {}),
        ((7, 5), {}),
        ((6, 8, 5), {"channel_axis": 1}),
        ((5, 40), {"channel_axis": 0}),
    ],
)
@pytest.mark.parametrize("model", EACH_MODEL)
def test_images_in_images_out(model, sides, params):
    X = np.random.RandomState(0).uniform(size=(20, *sides)).astype(np.float32)
    estimator = fit_model(EVERY_MODEL[model](**params), X)
    assert estimator.n_features_in_ == np.prod(sides)
    found = method_outputs(estimator, X)
    images = {
        name: array
        for name, array in found.items()
        if name in ("reconstruct", "inverse_transform", "sample")
    }
    for name, array in images.items():
        assert array.shape == (3 if name == "sample" else 20, *sides)
        assert array.dtype == np.float32
    if "error_map" in found:
        assert found["error_map"].shape == X.shape
    if "transform" in found:
        codes = found["transform"]
        assert codes.dtype == np.float32
        assert codes.shape == (20, len(estimator.get_feature_names_out()))
    if "inverse_transform" in found:
        np.testing.assert_allclose(
            estimator.inverse_transform(codes), found["reconstruct"], rtol=1e-5
        )
    of_rows = quick_outputs(estimator, X.reshape(20, -1))
    assert of_rows
    for name, array in of_rows.items():
        np.testing.assert_array_equal(array, found[name])


def test_rows_with_an_image_shape_are_those_images(small):
    X = np.random.RandomState(0).uniform(size=(20, 8, 9, 3)).astype(np.float32)
    images = small().fit(X)
    rows = small(image_shape=(8, 9, 3)).fit(X.reshape(20, -1))
    np.testing.assert_array_equal(images.transform(X), rows.transform(X.reshape(20, -1)))
    assert rows.reconstruct(X.reshape(20, -1)).shape == (20, 216)
    assert images.image_shape_ == rows.image_shape_ == (3, 8, 9)


@pytest.mark.parametrize("model", EACH_MODEL)
def test_channels_first_and_last_learn_the_same(model):
    X = make_shapes(24, 12, 3, random_state=0).images
    moved = np.moveaxis(X, -1, 1)
    last, first = (fit_model(EVERY_MODEL[model](), images) for images in (X, moved))
    names = ("transform", "reconstruct", "error_map")  # the others may draw noise by pixel
    expected, found = method_outputs(last, X, names), method_outputs(first, moved, names)
    assert found.keys() == expected.keys()
    for name, array in found.items():
        if array.ndim == 4:
            array = np.moveaxis(array, 1, -1)
        np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)
    assert first.n_features_in_ == last.n_features_in_ == X[0].size
    if hasattr(last, "sample"):
        drawn = last.sample(3, random_state=0), first.sample(3, random_state=0)
        assert [images.shape for images in drawn] == [(3, *X.shape[1:]), (3, *moved.shape[1:])]


def with_value(value):
    def change(X):
        X = X.copy()
        X[3, 5] = value
        return X

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (with_value(np.nan), ValueError, "NaN"),
        (with_value(np.inf), ValueError, "infinity"),
        (with_value(1e38), ValueError, "float32, where squares overflow"),
        (lambda X: X.astype(complex), ValueError, "Complex data not supported"),
        (sparse.csr_matrix, TypeError, "Sparse data was passed"),
        (lambda X: X.astype(str).astype(object) + "x", ValueError, "could not convert"),
        (lambda X: X[:0], ValueError, "0 sample"),
        (lambda X: X[:, :0], ValueError, "0 feature"),
        (lambda X: X[0], ValueError, "Reshape your data"),
        (lambda X: np.ma.masked_equal(X, 0), ValueError, "masked"),
        (lambda X: X.reshape(-1, 2, 2, 2, 8), ValueError, "5 axes"),
    ],
    ids="nan inf 1e38 complex sparse strings empty no-features 1d masked 5d".split(),
)
@pytest.mark.parametrize("model", EACH_MODEL)
def test_bad_x_is_named_and_nothing_is_lost(model, few, fitted_model, change, error, message):
    X = few.reshape(len(few), -1)
    estimator = copy.deepcopy(fitted_model(model))
    expected, before = method_outputs(estimator, X), dict(vars(estimator))
    bad = change(X)
    fits = [fit_model]
    if hasattr(estimator, "partial_fit"):
        fits.append(partial_fit_model)
    for fit in fits:
        with pytest.raises(error, match=message):
            fit(estimator, bad)
    for method in methods_of_X(estimator):
        with pytest.raises(error, match=message):
            method(bad)
    assert vars(estimator) == before
    assert_same(method_outputs(estimator, X), expected)


@pytest.mark.parametrize("model", with_parameters("max_epochs"))
def test_without_rows_no_number_of_epochs_is_automatic(model, few):
    with pytest.raises(ValueError, match="0 sample"):
        fit_model(EVERY_MODEL[model](max_epochs="auto"), few[:0])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((3, 63)), "X has 63 features, but [A-Za-z]+ is expecting 64"),
        (np.zeros((3, 4, 16)), r"images of shape \(4, 16\)"),
    ],
    ids=["width", "shape"],
)
@pytest.mark.parametrize("model", EACH_MODEL)
def test_a_wrong_width_is_named(fitted_model, model, X, message):
    estimator = fitted_model(model)
    before = dict(vars(estimator))
    for method in methods_of_X(estimator):
        with pytest.raises(ValueError, match=message):
            method(X)
    assert vars(estimator) == before


@pytest.mark.parametrize("model", with_methods("inverse_transform"))
def test_a_wrong_width_of_codes_is_named(fitted_model, model):
    with pytest.raises(ValueError, match=r"X has 3 features.*codes of 2"):
        fitted_model(model).inverse_transform(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"image_shape": (8, 9)}, ValueError, "image_shape"),
        ({"image_shape": (8, 8), "channel_axis": 5}, ValueError, "channel_axis"),
        ({"n_components": 0}, ValueError, "n_components"),
        ({"hidden_channels": ()}, ValueError, "hidden_channels"),
        ({"hidden_channels": (8, 0)}, ValueError, "hidden_channels"),
        ({"learning_rate": -1.0}, ValueError, "learning_rate"),
        ({"optimizer": "adamm"}, ValueError, "optimizer"),
        ({"optimizer": list}, TypeError, "optimizer"),
        ({"optimizer": torch.optim.LBFGS}, TypeError, "first-order"),
        ({"device": "gpu"}, ValueError, "device='gpu'"),
        ({"device": "cuda:99"}, ValueError, "device='cuda:99'"),
        ({"encoder": nn.Linear(64, 4)}, TypeError, "built Linear"),
        ({"max_epochs": 0}, ValueError, "max_epochs"),
        ({"batch_size": 2.5}, ValueError, "batch_size"),
        ({"loss": "mse"}, ValueError, "loss"),
        ({"validation_fraction": 1.0}, ValueError, "validation_fraction"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_parameters_are_named_and_nothing_is_lost(small, digits, params, error, message):
    estimator = small().fit(digits)
    codes = estimator.transform(digits)
    with pytest.raises(error, match=message):
        estimator.set_params(**params).fit(digits)
    np.testing.assert_array_equal(estimator.transform(digits), codes)


@pytest.mark.parametrize("model", EACH_MODEL)
def test_a_failed_fit_keeps_the_names_and_width_of_the_last_one(model, few):
    X = pd.DataFrame(few.reshape(len(few), -1), columns=[f"p{i}" for i in range(64)])
    estimator = fit_model(EVERY_MODEL[model](), X)
    set_params(estimator, image_shape=(9, 9))
    with pytest.raises(ValueError, match="image_shape"):
        fit_model(estimator, few.reshape(len(few), -1)[:, :32])
    assert estimator.n_features_in_ == 64
    assert estimator.feature_names_in_[0] == "p0"


@pytest.mark.filterwarnings("ignore:Only one sample available")  # of scikit-learn's covariance
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("model", EACH_MODEL)
def test_few_rows_are_learnt_or_refused(model, few, n):
    X, estimator = few.reshape(len(few), -1), EVERY_MODEL[model](batch_size=1000)
    try:
        fit_model(estimator, X[:n])
    except ValueError as error:
        assert re.search(rf"n_samples={n}: .* expects at least \d samples", str(error))
        with pytest.raises(NotFittedError):
            check_is_fitted(estimator)
    else:
        assert_finite(method_outputs(estimator, X))


def test_batches_larger_than_x_constant_images_and_few_rows_work(small, digits):
    assert np.isfinite(small(batch_size=1000).fit_transform(digits)).all()
    constant = np.full((10, 64), 3.0)
    estimator = small(max_epochs=100, learning_rate=0.01).fit(constant)
    np.testing.assert_allclose(estimator.reconstruct(constant), 3.0, atol=0.02)
    assert np.isfinite(estimator.sample(3)).all()
    for n in (1, 2, 3):
        estimator = small().fit(digits[:n])
        assert np.isfinite(estimator.transform(digits)).all()
        assert np.isfinite(estimator.sample(4)).all()


def test_a_table_that_is_no_image_is_learnt(small):
    X = np.random.RandomState(0).normal(size=(300, 2)) @ np.random.RandomState(1).normal(
        size=(2, 11)
    )
    assert small(n_components=2, max_epochs=60, learning_rate=0.01).fit(X).score(X) > 0.9


def test_rows_far_outside_of_what_was_trained_on_are_an_error(small, digits):
    estimator = small().fit(digits * 1e-30)
    with pytest.raises(ValueError, match="not finite"):
        estimator.transform(np.full((2, 64), 1e19))
    assert ConvAutoencoder().get_params()["n_components"] == 32
