"""Killed at any moment, and run again: the same weights, to the last bit."""

import fcntl
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from every_model import (
    EACH_MODEL,
    EVERY_MODEL,
    accepted_params,
    assert_same,
    fit_model,
    losses,
    method_outputs,
    weights,
)
from example_networks import LinearEncoder, NoisyEncoder, dropout_encoder
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import (
    Callback,
    GradientNormClipping,
    LRScheduler,
    PrintLog,
    TensorBoard,
)
from stopping import Stop
from torch import nn

from sklearn_unsup import ConvAutoencoder, CorruptedModelError, TrainingCheckpoint
from sklearn_unsup._training import BatchSizes
from sklearn_unsup.estimators._base import ImageEstimator


def fit_in_pieces(make, X, folder, stops=(1, 3)):
    """Fit a new estimator again and again, until it is not stopped any more."""
    for stop in stops:
        with pytest.raises(InterruptedError):
            fit_model(make(callbacks=[TrainingCheckpoint(folder), Stop(stop)]), X)
    return fit_model(make(callbacks=[TrainingCheckpoint(folder), Stop(99)]), X)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"learning_rate_schedule": "cosine", "optimizer": "sgd"},
        {"learning_rate_schedule": "constant", "optimizer": torch.optim.RMSprop},
        {"early_stopping": True, "n_iter_no_change": 3, "tol": 1e4},
        {"encoder": NoisyEncoder},
    ],
    ids=str,
)
@pytest.mark.parametrize("model", EACH_MODEL)
def test_a_stopped_fit_ends_with_the_same_weights(model, few, tmp_path, params):
    def make(**more):
        return EVERY_MODEL[model](max_epochs=5, **accepted_params(model, params), **more)

    found = fit_in_pieces(make, few, tmp_path)
    expected = fit_model(make(), few)
    assert losses(found) == losses(expected)
    for name, array in weights(expected).items():
        np.testing.assert_array_equal(weights(found)[name], array)
    assert_same(method_outputs(found, few), method_outputs(expected, few))


def test_the_critic_goes_on_in_the_middle_of_its_turns(small_gan, digits, tmp_path):
    def make(**more):  # 6 batches an epoch
        return small_gan(max_epochs=4, n_critic=4, objective="wasserstein_gp", **more)

    found = fit_in_pieces(make, digits, tmp_path, stops=(1, 2))
    expected = make().fit(digits)
    assert losses(found) == losses(expected)


def test_the_warm_up_goes_on(small_vae, digits, tmp_path):
    def make(**more):
        return small_vae(max_epochs=5, beta_warmup_epochs=4, **more)

    assert losses(fit_in_pieces(make, digits, tmp_path)) == losses(make().fit(digits))


def test_a_users_scheduler_goes_on(small, digits, tmp_path):
    def fit(*stops):
        for stop in (*stops, 99):
            decay = LRScheduler(policy="ExponentialLR", gamma=0.3)
            callbacks = [TrainingCheckpoint(tmp_path / str(stops)), decay, Stop(stop)]
            estimator = small(max_epochs=5, learning_rate_schedule="constant", callbacks=callbacks)
            try:
                return estimator.fit(digits)
            except InterruptedError:
                pass

    assert losses(fit(1, 3)) == losses(fit())
    steeper = LRScheduler(policy="ExponentialLR", gamma=0.1)
    callbacks = [TrainingCheckpoint(tmp_path / "()"), steeper]
    other = small(max_epochs=5, learning_rate_schedule="constant", callbacks=callbacks).fit(digits)
    assert losses(other) != losses(fit())  # another schedule is another training


def test_a_finished_fit_is_not_repeated(small, digits, tmp_path):
    first = small(callbacks=[TrainingCheckpoint(tmp_path), Stop(99)]).fit(digits)
    again = small(callbacks=[TrainingCheckpoint(tmp_path), Stop(0)]).fit(digits)
    np.testing.assert_array_equal(again.transform(digits), first.transform(digits))
    assert again.history_ == first.history_  # durations as well: it is the same training


@pytest.mark.parametrize("model", EACH_MODEL)
def test_a_checkpoint_changes_nothing_and_is_kept(model, few, tmp_path):
    watched = EVERY_MODEL[model](callbacks=[TrainingCheckpoint(tmp_path)])
    expected = method_outputs(fit_model(EVERY_MODEL[model](), few), few)
    for _ in range(2):
        assert_same(method_outputs(fit_model(watched, few), few), expected)
        assert len(list(tmp_path.iterdir())) == EVERY_MODEL[model].n_phases


@pytest.mark.parametrize("change", [{"learning_rate": 0.1}, {"max_epochs": 3}, {"random_state": 1}])
def test_another_fit_starts_anew(small, digits, tmp_path, change):
    callbacks = [TrainingCheckpoint(tmp_path)]
    small(callbacks=callbacks).fit(digits)
    other = small(callbacks=callbacks, **change).fit(digits)
    assert losses(other) == losses(small(**change).fit(digits))
    assert losses(small(callbacks=callbacks).fit(digits + 1)) == losses(small().fit(digits + 1))
    assert len(list(tmp_path.iterdir())) == 3


def test_another_automatic_batch_size_is_another_fit(small, digits, tmp_path, monkeypatch):
    params = {"batch_size": "auto", "learning_rate_schedule": "constant"}
    callbacks = [TrainingCheckpoint(tmp_path)]
    X = np.tile(digits, (10, 1))
    small(callbacks=callbacks, **params).fit(X)
    monkeypatch.setattr(ImageEstimator, "_batch_sizes", BatchSizes(most_on_cpu=32))
    with pytest.warns(UserWarning, match=r"on another device.*cpu-32-float32.* starts anew"):
        other = small(callbacks=callbacks, **params).fit(X)
    assert losses(other) == losses(small(**params).fit(X))
    assert len(list(tmp_path.iterdir())) == 2


def test_an_encoder_of_other_arguments_is_another_fit(small, digits, tmp_path):
    found = [
        small(
            encoder=partial(dropout_encoder, rate=rate), callbacks=[TrainingCheckpoint(tmp_path)]
        ).fit(digits)
        for rate in (0.1, 0.9)  # the initial weights are the same
    ]
    assert losses(found[0]) != losses(found[1])


def rows_alike_at_first(X):
    other = X.copy()
    other[-1, -1] += 1
    return other


@dataclass
class Power:
    """Builds encoders of one class with other settings; their initial weights are the same."""

    exponent: int

    def __call__(self, image_shape, n_outputs):
        return nn.Sequential(PowerLayer(self.exponent), LinearEncoder(image_shape, n_outputs))


class PowerLayer(nn.Module):
    def __init__(self, exponent):
        super().__init__()
        self.exponent = exponent

    def forward(self, images):
        return images**self.exponent


class Rate(Callback):
    """A user's callback with a setting that decides the end."""

    def __init__(self, factor):
        self.factor = factor

    def on_grad_computed(self, net, named_parameters, **kwargs):
        for _, parameter in named_parameters:
            parameter.grad.mul_(self.factor)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"encoder": Power(1)}, {"encoder": Power(2)}),
        ({"encoder": Power([1, 23][0])}, {"encoder": partial(Power(1))}),
        ({"callbacks": [Rate(0.1)]}, {"callbacks": [Rate(1.0)]}),
        ({"callbacks": [Rate(0.1)]}, {}),
        ({}, {"callbacks": [GradientNormClipping(1e-6)]}),
        ({"optimizer": "sgd"}, {"optimizer": torch.optim.SGD}),
    ],
    ids=["factory", "partial", "callback", "without", "clipping", "optimiser"],
)
def test_what_decides_the_end_names_the_training(small, digits, tmp_path, first, second):
    for params in (first, second):
        callbacks = [*params.pop("callbacks", ()), TrainingCheckpoint(tmp_path)]
        small(**params, callbacks=callbacks, max_epochs=1).fit(digits)
    assert len(list(tmp_path.iterdir())) == 2


def test_every_row_and_the_rows_to_validate_on_name_the_training(small, digits, tmp_path):
    estimator = small(callbacks=[TrainingCheckpoint(tmp_path)], max_epochs=1)
    X = np.tile(digits, (10, 1))
    for data in (X, rows_alike_at_first(X), X.astype(np.float64)):
        estimator.fit(data)
    estimator.set_params(early_stopping=True).fit(X)
    estimator.fit(X, X_val=digits)
    estimator.fit(X, X_val=rows_alike_at_first(digits))
    assert len(list(tmp_path.iterdir())) == 6


def test_what_only_watches_does_not_name_the_training(small, digits, tmp_path):
    callbacks = [[], [PrintLog(sink=lambda line: None)], [TensorBoard(Unpicklable())]]
    for watching in callbacks:
        small(callbacks=[*watching, TrainingCheckpoint(tmp_path)], max_epochs=1).fit(digits)
    for without_effect in ({"verbose": 1}, {"compare_with_pca": False}):
        callbacks = [TrainingCheckpoint(tmp_path)]
        small(callbacks=callbacks, max_epochs=1, **without_effect).fit(digits)
    assert len(list(tmp_path.iterdir())) == 1


class Unpicklable:
    """As a writer of logs is, which holds open files."""

    def __reduce_ex__(self, protocol):
        raise TypeError("cannot be pickled")

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


def test_a_callback_that_cannot_be_told_apart_is_refused(small, digits, tmp_path):
    rate = Rate(1.0)
    rate.file = Unpicklable()
    with pytest.raises(ValueError, match=r"cannot be pickled.*__getstate__"):
        small(callbacks=[rate, TrainingCheckpoint(tmp_path)]).fit(digits)


class Counter(LinearEncoder):
    """An encoder with state that torch's state_dict leaves out."""

    def __init__(self, image_shape, n_outputs):
        super().__init__(image_shape, n_outputs)
        self.n_calls = 0
        self.mask = torch.rand(image_shape)

    def forward(self, images):
        if self.training:
            self.n_calls += 1
        return super().forward(images * self.mask) / (1 + 0.001 * self.n_calls)


def test_unregistered_state_of_a_network_is_resumed(small, digits, tmp_path):
    def make(**more):
        return small(encoder=Counter, max_epochs=4, **more)

    found = fit_in_pieces(make, digits, tmp_path, stops=(1, 2))
    expected = make().fit(digits)
    assert found.network_.encoder.n_calls == expected.network_.encoder.n_calls > 0
    assert losses(found) == losses(expected)


def test_the_file_of_a_living_process_is_left_alone(small, digits, tmp_path):
    estimator = small(callbacks=[TrainingCheckpoint(tmp_path)], max_epochs=1).fit(digits)
    (path,) = tmp_path.iterdir()
    dead, alive = tmp_path / f".{path.name}.dead", tmp_path / f".{path.name}.alive"
    dead.touch()
    with alive.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        estimator.fit(digits)
        assert alive.exists()
        assert not dead.exists()
    estimator.fit(digits)
    assert not alive.exists()


def test_a_search_goes_on(small, digits, tmp_path):
    search = GridSearchCV(
        small(callbacks=[TrainingCheckpoint(tmp_path), Stop(99)]), {"n_components": [2, 3]}, cv=2
    )
    scores = search.fit(digits).cv_results_["mean_test_score"]
    assert len(list(tmp_path.iterdir())) == 5
    again = GridSearchCV(
        small(callbacks=[TrainingCheckpoint(tmp_path), Stop(0)]), search.param_grid, cv=2
    )
    with pytest.raises(ValueError, match="fits failed"):
        GridSearchCV(small(callbacks=[Stop(0)]), search.param_grid, cv=2).fit(digits)
    np.testing.assert_array_equal(again.fit(digits).cv_results_["mean_test_score"], scores)


def test_training_in_chunks_saves_nothing(small, digits, tmp_path):
    small(callbacks=[TrainingCheckpoint(tmp_path)]).partial_fit(digits)
    assert not list(tmp_path.iterdir())


def test_a_fit_that_cannot_be_found_again_is_refused(small, digits, tmp_path):
    with pytest.raises(ValueError, match="Set it to an integer"):
        small(callbacks=[TrainingCheckpoint(tmp_path)], random_state=None).fit(digits)


def test_a_damaged_checkpoint_is_an_error(small, digits, tmp_path):
    estimator = small(callbacks=[TrainingCheckpoint(tmp_path)]).fit(digits)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptedModelError, match=path.name):
        estimator.fit(digits)


TRAIN = """
import sys
from pathlib import Path
from sklearn.datasets import load_digits
from sklearn_unsup import ConvAutoencoder, TrainingCheckpoint
from skorch.callbacks import Callback

class Tell(Callback):
    def on_epoch_end(self, net, **kwargs):
        print("epoch", flush=True)

X = load_digits().data.astype("float32")
callbacks = [TrainingCheckpoint("run"), Tell()] if sys.argv[1] == "run" else []
model = ConvAutoencoder(
    8, max_epochs=40, early_stopping=True, device="cpu", random_state=0, callbacks=callbacks
).fit(X)
model.save_weights(sys.argv[1] + ".safetensors")
"""


@pytest.mark.slow
def test_five_random_kills_change_no_bit(tmp_path):
    def start(name):
        return subprocess.Popen(
            [sys.executable, "-c", TRAIN, name], cwd=tmp_path, stdout=subprocess.PIPE
        )

    rng = np.random.default_rng()
    n_killed = 0
    while n_killed < 5:
        process = start("run")
        for _ in range(rng.integers(1, 6)):
            process.stdout.readline()
        try:
            process.wait(rng.uniform(0, 0.1))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            n_killed += 1
        process.communicate()
        assert not (tmp_path / "run.safetensors").exists()
    for name in ("run", "whole"):
        process = start(name)
        process.communicate()
        assert process.returncode == 0
    run, whole = (
        ConvAutoencoder(8, device="cpu").load_weights(tmp_path / f"{name}.safetensors")
        for name in ("run", "whole")
    )
    assert losses(run) == losses(whole)
    for name, array in weights(whole).items():
        np.testing.assert_array_equal(weights(run)[name], array)
