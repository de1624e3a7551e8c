"""Settings of the user's process: the same results under all of them, and they stay as they are."""

import contextlib
import json
import os
import pickle
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import sklearn
import torch
from every_model import (
    EVERY_MODEL,
    SMALL,
    assert_same,
    few_digits,
    fit_model,
    method_outputs,
    partial_fit_model,
    slow_unless,
)
from example_networks import (
    LinearDecoder,
    LinearEncoder,
    NoisyEncoder,
    classic_discriminator,
    classic_generator,
    dropping,
    flat_encoder,
    lazy,
)
from sklearn.exceptions import ConvergenceWarning

from sklearn_unsup import ConvAutoencoder, ConvGAN, ConvVAE, TrainingCheckpoint

QUICK = ("transform", "sample", "score_samples")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@contextlib.contextmanager
def globally(change, value, before):
    change(value)
    try:
        yield
    finally:
        change(before)


@contextlib.contextmanager
def warnings_as_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)  # of models that train for a moment
        yield


def scikit_learn(**settings):
    return partial(sklearn.config_context, **settings)


SETTINGS = {
    "float64": partial(globally, torch.set_default_dtype, torch.float64, torch.float32),
    "bfloat16": partial(globally, torch.set_default_dtype, torch.bfloat16, torch.float32),
    "default device": partial(globally, torch.set_default_device, "meta", None),
    "with torch.device": partial(torch.device, "meta"),
    "autocast": partial(torch.autocast, "cpu", torch.bfloat16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "no gradients": partial(torch.set_grad_enabled, False),
    "deterministic": partial(globally, torch.use_deterministic_algorithms, True, False),
    "denormals": partial(globally, torch.set_flush_denormal, True, False),
    "pandas": scikit_learn(transform_output="pandas"),
    "polars": scikit_learn(transform_output="polars"),
    "assume_finite": scikit_learn(assume_finite=True),
    "routing": scikit_learn(enable_metadata_routing=True),
    "skip_validation": scikit_learn(skip_parameter_validation=True),
    "array API": scikit_learn(array_api_dispatch=True),
    "display": scikit_learn(display="text", print_changed_only=False, working_memory=1),
    "numpy raises": partial(np.errstate, all="raise"),
    "warnings as errors": warnings_as_errors,
}
NETWORKS = {
    "linear": partial(ConvAutoencoder, **SMALL, encoder=LinearEncoder, decoder=LinearDecoder),
    "dropout": partial(ConvVAE, **SMALL, encoder=NoisyEncoder),
    "lazy": partial(ConvAutoencoder, **SMALL, encoder=partial(flat_encoder, body=lazy)),
    "parts": partial(ConvAutoencoder, **SMALL, encoder=partial(flat_encoder, body=dropping)),
    "classic": partial(
        ConvGAN, **SMALL, generator=classic_generator, discriminator=classic_discriminator
    ),
}


def current():
    """Return all settings, as the user can read them."""
    denormal = torch.tensor(1e-310, dtype=torch.float64, device="cpu") * 1
    return {
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "autocast": [torch.is_autocast_enabled(device) for device in ("cpu", "cuda")],
        "precision of autocast": torch.get_autocast_dtype("cpu"),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "denormals": denormal.item(),
        "threads": torch.get_num_threads(),
        "scikit-learn": sklearn.get_config(),
        "numpy": np.geterr(),
        "warnings": list(warnings.filters),
    }


class Stopped(Exception):
    """Stands for whatever stops a process."""


def checkpointed(build, X, folder, stop=False):
    """Fit with a checkpoint; with `stop`, only until the first is written."""

    class StoppingCheckpoint(TrainingCheckpoint):
        def on_epoch_end(self, net, **kwargs):
            super().on_epoch_end(net, **kwargs)
            raise Stopped

    StoppingCheckpoint.__name__ = TrainingCheckpoint.__name__
    checkpoint = (StoppingCheckpoint if stop else TrainingCheckpoint)(folder)
    model = build(max_epochs=2, callbacks=[checkpoint])
    with contextlib.suppress(Stopped):
        fit_model(model, X)
    return model


def gone_on(model, X):
    """Train a fitted model on, by a chunk if it takes chunks."""
    return (partial_fit_model if hasattr(model, "partial_fit") else fit_model)(model, X)


def goes_on(model):
    """Tell whether a model can be trained on, and be saved while it is trained."""
    return "warm_start" in model.get_params()


def journey(build, X, folder):
    """Fit, save, go on: return what each gives, and a pickle."""
    model = fit_model(build(**({"warm_start": True} if goes_on(build()) else {})), X)
    found, saved = {"fit": method_outputs(model, X)}, pickle.dumps(model)
    model.save_weights(folder / "weights")
    if goes_on(model):
        found["gone on"] = method_outputs(gone_on(model, X), X, QUICK)
        checkpointed(build, X, folder / "checkpoint", stop=True)
    return found, saved


def arrival(build, X, folder, saved):
    """Open elsewhere what a journey has saved; return what it gives there."""
    model = pickle.loads(saved)
    found = {
        "unpickled": method_outputs(model, X, QUICK),
        "loaded": method_outputs(build().load_weights(folder / "weights"), X, QUICK),
    }
    if goes_on(model):
        found["gone on"] = method_outputs(gone_on(model, X), X, QUICK)
        found["resumed"] = method_outputs(checkpointed(build, X, folder / "checkpoint"), X, QUICK)
        n_trainings = getattr(build, "n_phases", 1)  # it did not start anew
        assert len(list((folder / "checkpoint").iterdir())) == n_trainings
    return found


@pytest.fixture(scope="module")
def X():
    return few_digits()


@pytest.fixture(scope="module")
def usual(X, tmp_path_factory):
    """Return what a model gives without any setting, and where it was saved; made once."""
    made = {}

    def make(name, build):
        if name not in made:
            folder = tmp_path_factory.mktemp("usual")
            found, saved = journey(build, X, folder)
            found["unpickled"] = found["loaded"] = found["fit"]
            if "gone on" in found:
                found["resumed"] = method_outputs(fit_model(build(max_epochs=2), X), X, QUICK)
            made[name] = found, saved, folder
        return made[name]

    return make


def copy_of(folder, path):
    """Copy what a journey has saved: a resumed training changes its checkpoint."""
    for file in folder.rglob("*"):
        if file.is_file():
            target = path / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    return path


def check(build, setting, usual, X, folder):
    """Assert that a setting changes no result, of no way into it or out of it, nor itself."""
    expected, brought, its_folder = usual
    with SETTINGS[setting]():
        before = current()
        found, saved = journey(build, X, folder)
        opened = arrival(build, X, copy_of(its_folder, folder / "brought"), brought)
        assert current() == before
    for each in (found, opened, arrival(build, X, folder, saved)):
        for name, values in each.items():
            assert_same(values, {method: expected[name][method] for method in values})


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(
    "model", slow_unless({"ConvAutoencoder", "ConvOutlierDetector"}.__contains__, EVERY_MODEL)
)
def test_a_setting_changes_nothing_and_is_not_changed(model, setting, X, usual, tmp_path):
    build = EVERY_MODEL[model]
    check(build, setting, usual(model, build), X, tmp_path)


@pytest.mark.parametrize("setting", ["float64", "default device", "with torch.device"])
@pytest.mark.parametrize("network", slow_unless({"linear", "dropout"}.__contains__, NETWORKS))
def test_a_setting_does_not_reach_a_network_of_the_user(network, setting, X, usual, tmp_path):
    build = NETWORKS[network]
    check(build, setting, usual(network, build), X, tmp_path)


CHILD = """
import json, sys
sys.path.insert(0, sys.argv[1])
from every_model import EVERY_MODEL, few_digits, fit_model, method_outputs
X = few_digits()
found = {name: method_outputs(fit_model(build(), X), X) for name, build in EVERY_MODEL.items()}
print(json.dumps({m: {k: v.tolist() for k, v in a.items()} for m, a in found.items()}))
"""


def test_scipy_without_the_array_api_gives_the_same(X):
    environment = {k: v for k, v in os.environ.items() if k != "SCIPY_ARRAY_API"}
    environment["OMP_NUM_THREADS"] = str(torch.get_num_threads())
    command = [sys.executable, "-W", "ignore", "-c", CHILD, str(Path(__file__).parents[1])]
    printed = subprocess.run(command, check=True, env=environment, capture_output=True).stdout
    everything = json.loads(printed)
    assert everything.keys() == EVERY_MODEL.keys()
    for name, found in everything.items():
        for method, array in method_outputs(fit_model(EVERY_MODEL[name](), X), X).items():
            expected = np.asarray(found[method], dtype=array.dtype)
            np.testing.assert_allclose(array, expected, rtol=1e-12, err_msg=f"{name}.{method}")
