"""Saved in one process, opened in another: the same bits."""

import copy
import json
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import open_models
import pandas as pd
import pytest
import skops.io
import torch
from every_model import (
    CALLS,
    EVERY_CLASS,
    EVERY_MODEL,
    SMALL,
    accepted_params,
    assert_same,
    fit_model,
    method_outputs,
    network_owner,
    partial_fit_model,
    set_params,
    weights,
    with_methods,
)
from example_networks import LinearDecoder, LinearEncoder, hidden_encoder
from safetensors import safe_open
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

import sklearn_unsup
from sklearn_unsup import ConvAutoencoder, ConvVAE
from sklearn_unsup import _persistence as persistence
from sklearn_unsup._persistence import CorruptedModelError

WRITE = {
    "pickle": lambda model, path: path.write_bytes(pickle.dumps(model)),
    "cloud.pickle": lambda model, path: path.write_bytes(cloudpickle.dumps(model)),
    "joblib": joblib.dump,
    "small.joblib": lambda model, path: joblib.dump(model, path, compress=3),
    "skops": skops.io.dump,
    "safetensors": lambda model, path: model.save_weights(path),
}
FURTHER = {  # ways of use that are saved as well
    "ConvAutoencoder.warm": partial(EVERY_MODEL["ConvAutoencoder"], warm_start=True),
    "ConvAutoencoder.bfloat16": partial(EVERY_MODEL["ConvAutoencoder"], precision="bfloat16"),
    "pipeline": lambda: make_pipeline(ConvVAE(**SMALL), PCA(2), KMeans(3, random_state=0)),
}
MODELS = {**EVERY_MODEL, **FURTHER}
CASES = [
    (name, form)
    for name, build in MODELS.items()
    for form in WRITE
    if form != "safetensors" or hasattr(build(), "save_weights")
]


@pytest.fixture(scope="module")
def models(few):
    """Return fitted models by name; each is fitted when it is first asked for."""

    class Models(dict):
        def __missing__(self, name):
            self[name] = fit_model(MODELS[name](), few.reshape(len(few), -1))
            return self[name]

    return Models()


@pytest.fixture(scope="module")
def opened_elsewhere(models, few, tmp_path_factory):
    """The folder where every model was saved in every form, and opened in a new process."""
    folder = tmp_path_factory.mktemp("models")
    np.save(folder / "X.npy", few.reshape(len(few), -1))
    for name, form in CASES:
        WRITE[form](models[name], folder / f"{name}.{form}")
    command = [sys.executable, "-W", "error::UserWarning", open_models.__file__, folder]
    subprocess.run(command, check=True)
    return folder


@pytest.mark.parametrize(("name", "form"), CASES)
def test_another_process_gets_the_same_bits(opened_elsewhere, models, few, name, form):
    X = few.reshape(len(few), -1)
    with np.load(opened_elsewhere / f"{name}.{form}.npz") as found:
        expected = open_models.answers(models[name], X)
        assert found.files
        assert set(found.files) == expected.keys()
        for method, array in expected.items():
            np.testing.assert_array_equal(found[method], array)


@pytest.mark.parametrize("name", MODELS)
def test_skops_asks_to_trust_nothing_but_our_classes(models, name):
    untrusted = skops.io.get_untrusted_types(data=skops.io.dumps(models[name]))
    assert untrusted
    ours = "sklearn_unsup.", "toy_estimators."
    assert all(type_name.startswith(ours) for type_name in untrusted)


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy])
@pytest.mark.parametrize("name", MODELS)
def test_a_copy_gives_the_same_bits(models, few, name, copied):
    X = few.reshape(len(few), -1)
    found = open_models.answers(copied(models[name]), X)
    expected = open_models.answers(models[name], X)
    assert found.keys() == expected.keys()
    assert expected
    for method, array in expected.items():
        np.testing.assert_array_equal(found[method], array)


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_a_clone_is_not_fitted_and_has_the_same_parameters(models, name):
    cloned = clone(models[name])
    with pytest.raises(NotFittedError):
        check_is_fitted(cloned)
    assert not any(each.endswith("_") for each in vars(cloned))
    assert repr(cloned.get_params()) == repr(models[name].get_params())


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_a_memory_mapped_file_loads(models, few, tmp_path, name):
    X = few.reshape(len(few), -1)
    joblib.dump(models[name], tmp_path / "model.joblib")
    content = (tmp_path / "model.joblib").read_bytes()
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert_same(method_outputs(mapped, X), method_outputs(models[name], X))
    fit_model(mapped, X)  # the weights are not those of the file
    if hasattr(mapped, "partial_fit"):
        partial_fit_model(joblib.load(tmp_path / "model.joblib", mmap_mode="r"), X)
    assert (tmp_path / "model.joblib").read_bytes() == content


def test_a_pickle_is_little_larger_than_the_weights(digits):
    estimator = ConvAutoencoder(max_epochs=1, device="cpu").fit(digits)
    n_bytes = sum(tensor.nbytes for tensor in estimator.network_.state_dict().values())
    assert len(pickle.dumps(estimator)) <= 1.1 * n_bytes


@pytest.mark.parametrize("name", EVERY_CLASS)
def test_the_state_holds_no_torch_or_skorch_object(few, name):
    params = accepted_params(name, {"warm_start": True, "early_stopping": True})
    state = pickle.dumps(fit_model(EVERY_MODEL[name](**params), few))
    assert b"torch" not in state.replace(b"'torch'", b"").replace(b"\x05torch", b"")
    assert b"skorch" not in state


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_a_parameter_changed_after_fit_does_not_break_the_copy(models, few, name):
    X = few.reshape(len(few), -1)
    estimator = copy.deepcopy(models[name])
    expected = method_outputs(estimator, X)
    set_params(estimator, hidden_channels=(8,), n_components=9)
    copied = pickle.loads(pickle.dumps(estimator))
    set_params(copied, n_components=SMALL["n_components"])  # what `answers` asks for codes
    assert_same(method_outputs(copied, X), expected)


def test_a_custom_network_comes_back(small, digits, tmp_path):
    estimator = small(encoder=LinearEncoder, decoder=LinearDecoder).fit(digits)
    codes = estimator.transform(digits)
    before = torch.get_rng_state()
    copied = pickle.loads(pickle.dumps(estimator))
    loaded = clone(estimator).load_weights(
        estimator.save_weights(tmp_path / "w") and tmp_path / "w"
    )
    np.testing.assert_array_equal(copied.transform(digits), codes)
    np.testing.assert_array_equal(loaded.transform(digits), codes)
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_of_a_factory_with_arguments_load(small, digits, tmp_path):
    def make(n_hidden, width=(8, 16)):
        return small(encoder=partial(hidden_encoder, n_hidden=n_hidden), hidden_channels=width)

    codes = make(7).fit(digits).save_weights(tmp_path / "weights").transform(digits)
    loaded = make(7, [8, 16]).load_weights(tmp_path / "weights")
    np.testing.assert_array_equal(loaded.transform(digits), codes)
    with pytest.raises(ValueError, match=r"differs from .example_networks\.hidden_encoder with"):
        make(6).load_weights(tmp_path / "weights")


def test_a_lambda_is_refused_before_the_training(small, digits):
    with pytest.raises(ValueError, match=r"encoder=.*lambda.* cannot be pickled"):
        small(encoder=lambda image_shape, n_outputs: None).fit(digits)


def test_a_device_that_is_missing_is_replaced_with_a_warning(small, digits):
    estimator = small().fit(digits)
    estimator.device = "cuda:77"  # as if it had been fitted there
    with pytest.warns(UserWarning, match="cuda:77"):
        other = pickle.loads(pickle.dumps(estimator))
    assert other.transform(digits).shape == (200, 4)


# Versions.


def resealed(state, **header):
    """Return a state as another version would have saved it."""
    seal = {**state.pop("_seal"), **header}
    del seal["sha256"]
    return {**state, "_seal": {**seal, "sha256": persistence.digest([seal, state])}}


def test_a_newer_format_is_refused(fitted):
    versions = {"sklearn-unsup": "9.0", "scikit-learn": "9.0"}
    state = resealed(fitted.__getstate__(), format=9, versions=versions)
    with pytest.raises(CorruptedModelError, match=r"format 9 of sklearn_unsup 9\.0.*Install"):
        ConvAutoencoder().__setstate__(state)


def test_a_state_without_a_seal_is_refused(fitted):
    state = fitted.__getstate__()
    del state["_seal"]
    with pytest.raises(CorruptedModelError, match="no seal"):
        ConvAutoencoder().__setstate__(state)


@pytest.mark.parametrize("name", EVERY_CLASS)
def test_another_scikit_learn_is_warned_of(models, name):
    versions = {"sklearn-unsup": "0.1", "scikit-learn": "1.0"}
    state = resealed(models[name].__getstate__(), versions=versions)
    with pytest.warns(InconsistentVersionWarning, match=r"from version 1\.0") as record:
        type(models[name])().__setstate__(state)
    assert record[0].message.original_sklearn_version == "1.0"
    assert record[0].message.estimator_name == type(models[name]).__name__


OLD = Path(__file__).parents[1] / "saved_models"
CODES = json.loads((OLD / "codes.json").read_text())  # of the first two digits, when saved


def open_old(path):
    """Open a saved model; an estimator of the same network loads weights."""
    if path.suffix != ".safetensors":
        return open_models.OPEN[path.suffix](path)
    build = getattr(sklearn_unsup, path.name.split(".", 1)[0])
    return build(4, hidden_channels=(8, 16)).load_weights(path)


@pytest.mark.parametrize("name", CODES)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_models_of_every_format_open(name, digits):
    model = open_old(OLD / name)
    np.testing.assert_allclose(model.transform(digits[:2]), CODES[name], rtol=1e-3, atol=1e-3)
    assert clone(model).get_params().keys() == model.get_params().keys()
    model.partial_fit(digits)  # with defaults of parameters that it was saved without


# Files of weights.


@pytest.mark.parametrize("name", with_methods("save_weights"))
def test_weights_bring_all_that_was_learnt(models, few, tmp_path, name):
    X, model = few.reshape(len(few), -1), models[name]
    assert model.save_weights(tmp_path / "weights") is model
    loaded = clone(model).load_weights(tmp_path / "weights")
    assert vars(loaded).keys() == vars(model).keys()
    network, own = network_owner(loaded), network_owner(model)
    assert network.history_ == own.history_
    assert vars(network).keys() == vars(own).keys()
    assert_same(method_outputs(loaded, X), method_outputs(model, X))


@pytest.mark.parametrize("name", with_methods("save_weights", "partial_fit"))
def test_training_goes_on_from_loaded_weights(few, tmp_path, name):
    estimator = partial_fit_model(EVERY_MODEL[name](), few).save_weights(tmp_path / "weights")
    loaded = EVERY_MODEL[name]().load_weights(tmp_path / "weights")
    expected = weights(partial_fit_model(estimator, few))
    for tensor, weight in weights(partial_fit_model(loaded, few)).items():
        np.testing.assert_array_equal(weight, expected[tensor])


def test_weights_keep_names_of_columns_and_of_tensors(small, digits, tmp_path):
    frame = pd.DataFrame(digits, columns=[f"pixel{i}" for i in range(64)])
    small().fit(frame).save_weights(tmp_path / "weights")
    loaded = small().set_output(transform="pandas").load_weights(tmp_path / "weights")
    assert list(loaded.feature_names_in_) == list(frame.columns)
    assert isinstance(loaded.transform(frame), pd.DataFrame)
    with safe_open(tmp_path / "weights", "numpy") as file:
        assert "_weights/scaling.offset" in file.keys()
        parameters = json.loads(file.metadata()["sklearn_unsup"])["parameters"]
    assert parameters["n_components"] == "4"


def test_weights_replace_what_was_learnt_before(small, small_vae, digits, tmp_path):
    small_vae(likelihood="bernoulli").fit(digits / 16).save_weights(tmp_path / "weights")
    estimator = small_vae().fit(digits)
    with pytest.raises(ValueError, match="likelihood='gaussian' differs from 'bernoulli'"):
        estimator.load_weights(tmp_path / "weights")
    estimator.set_params(likelihood="bernoulli").load_weights(tmp_path / "weights")
    assert not hasattr(estimator, "noise_variance_")


@pytest.mark.parametrize("name", with_methods("save_weights"))
def test_an_estimator_without_weights_saves_none(tmp_path, name):
    with pytest.raises(NotFittedError):
        EVERY_MODEL[name]().save_weights(tmp_path / "weights")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_before_fit_every_method_says_so(few, name):
    methods = [method for method in CALLS if hasattr(EVERY_MODEL[name](), method)]
    assert methods
    for method in methods:
        with pytest.raises(NotFittedError):
            CALLS[method](EVERY_MODEL[name](), few)


def test_a_link_is_followed_and_permissions_are_kept(fitted, tmp_path):
    fitted.save_weights(tmp_path / "weights")
    (tmp_path / "weights").chmod(0o640)
    (tmp_path / "link").symlink_to("weights")
    fitted.save_weights(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "weights").stat().st_mode & 0o777 == 0o640
    assert len(list(tmp_path.iterdir())) == 2
