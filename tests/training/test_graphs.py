"""CUDA graphs. Without a GPU they are imitated: a replay calls the captured step again."""

from functools import partial

import numpy as np
import pytest
import torch
from imitated_graphs import Imitation
from skorch.callbacks import Callback, GradientNormClipping
from torch import nn

from sklearn_unsup import ConvAutoencoder, ConvGAN, ConvVAE, TrainingCheckpoint
from sklearn_unsup._training import _graphs, _trainer

SHORT = {
    "hidden_channels": (8,),
    "max_epochs": 3,
    "batch_size": 16,
    "random_state": 0,
    "device": "cpu",
}
MODELS = {
    "autoencoder": partial(ConvAutoencoder, 4, noise_level=0.1, **SHORT),
    "VAE": partial(ConvVAE, 4, **SHORT),
    "GAN": partial(ConvGAN, 4, objective="hinge", n_critic=2, **SHORT),
}

pytestmark = pytest.mark.filterwarnings("ignore:The generator has collapsed")  # two epochs


@pytest.fixture
def images():
    rows = np.random.RandomState(0).uniform(size=(135, 64))  # the last batch is smaller
    return rows.astype(np.float32)


@pytest.fixture
def imitation(monkeypatch):
    return Imitation(monkeypatch.setattr)


def outcome(estimator):
    """Return what was learnt, and what was recorded on the way."""
    weights = {name: value.cpu().numpy() for name, value in estimator.network_.state_dict().items()}
    losses = [
        {name: value for name, value in row.items() if name.startswith("train")}
        for row in estimator.history_
    ]
    return weights, losses


def assert_learns_the_same(estimator, images, graphed):
    """Fit step by step, then with graphs, and compare; return what `graphed` returns."""
    weights, losses = outcome(estimator.fit(images))
    graphs = graphed()
    found_weights, found_losses = outcome(estimator.fit(images))
    for name, value in weights.items():
        np.testing.assert_allclose(found_weights[name], value, rtol=1e-3, atol=1e-4, err_msg=name)
    assert found_losses == [pytest.approx(row, rel=1e-3, abs=1e-4) for row in losses]
    return graphs


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
def test_replayed_steps_learn_what_single_steps_learn(name, schedule, images, monkeypatch):
    estimator = MODELS[name](learning_rate_schedule=schedule)
    graphs = assert_learns_the_same(estimator, images, lambda: Imitation(monkeypatch.setattr))
    assert graphs.n_replays > 8


class Addresses(Callback):
    """Note where in memory the weights, buffers and moments are."""

    def on_epoch_end(self, net, **kwargs):
        state = dict(net.module_.state_dict(keep_vars=True))
        for i, moments in enumerate(net.optimizer_.state.values()):
            state |= {f"{i}.{name}": value for name, value in moments.items()}
        self.found = [*getattr(self, "found", []), {k: v.data_ptr() for k, v in state.items()}]


@pytest.mark.parametrize("name", MODELS)
def test_a_step_changes_what_it_changes_in_place(name, images):
    """A graph reads and writes where its first step did."""
    (addresses,) = MODELS[name](callbacks=[Addresses()]).fit(images).callbacks_
    assert addresses.found[0] == addresses.found[-1]


def own_encoder(image_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, n_outputs))


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "sgd"},
        {"optimizer": torch.optim.RAdam},
        {"callbacks": [GradientNormClipping(1.0)]},
        {"encoder": own_encoder},
    ],
    ids=["sgd", "class", "clipping", "own encoder"],
)
def test_what_may_differ_from_step_to_step_is_not_captured(options, images, imitation):
    MODELS["autoencoder"](**options).fit(images)
    assert imitation.n_replays == 0


def test_a_short_training_is_not_captured(images, imitation, monkeypatch):
    monkeypatch.setattr(_trainer, "MIN_STEPS", 200)
    MODELS["autoencoder"]().fit(images)
    assert imitation.n_replays == 0


class ChangeBetas(Callback):
    def on_epoch_begin(self, net, **kwargs):
        for group in net.optimizer_.param_groups:
            group["betas"] = (0.5, 0.9)


class Freeze(Callback):
    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 2:
            for parameter in net.module_.encoder.parameters():
                parameter.requires_grad_(False)


class LowerRate(Callback):
    def on_epoch_begin(self, net, **kwargs):
        for group in net.optimizer_.param_groups:
            group["lr"] /= 10


@pytest.mark.parametrize("callback", [ChangeBetas, Freeze, LowerRate])
def test_what_a_callback_changes_is_in_force(callback, images, monkeypatch):
    estimator = MODELS["autoencoder"](callbacks=[callback()], learning_rate_schedule="constant")
    graphs = assert_learns_the_same(estimator, images, lambda: Imitation(monkeypatch.setattr))
    assert graphs.n_replays > 0


def test_a_step_that_cannot_be_captured_is_taken_with_a_warning(images, imitation, monkeypatch):
    def fail(function, generator, stream):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(_graphs, "capture", fail)
    estimator = MODELS["autoencoder"]()
    with pytest.warns(RuntimeWarning, match=r"captured .*\(operation not permitted when stream is"):
        assert_learns_the_same(estimator, images, monkeypatch.undo)


def test_a_checkpoint_holds_a_rate_that_is_a_number(images, imitation, tmp_path):
    def trained(n_epochs):
        callbacks = [TrainingCheckpoint(tmp_path), StopAfter(n_epochs)]
        return MODELS["autoencoder"](callbacks=callbacks).fit(images)

    whole = MODELS["autoencoder"]().fit(images)
    with pytest.raises(InterruptedError):
        trained(2)
    assert imitation.n_replays > 8
    weights, expected = outcome(trained(9))[0], outcome(whole)[0]
    for name, value in expected.items():
        np.testing.assert_allclose(weights[name], value, rtol=1e-3, atol=1e-4)


class StopAfter(Callback):
    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) > self.n_epochs:
            raise InterruptedError
