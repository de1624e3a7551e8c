"""A model of two phases that uses labels. See toy_estimators.py."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits
from skorch.callbacks import Callback
from toy_estimators import LabelledSampler

from sklearn_unsup import TrainingCheckpoint
from sklearn_unsup._training import TrainingData

QUICK = {"device": "cpu", "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def sampler(digits):
    X, y = digits
    return LabelledSampler(max_epochs=6, batch_size=32, **QUICK).fit(X[:600], y[:600])


def test_a_model_has_the_methods_that_it_can_honour(sampler):
    cannot = ("transform", "inverse_transform", "reconstruct", "interpolate", "traverse", "score")
    assert not any(hasattr(sampler, name) for name in cannot)
    assert sampler.sample(3, random_state=0).shape == (3, 64)


def test_the_history_says_which_phase_an_epoch_belongs_to(sampler):
    assert [row["phase"] for row in sampler.history_] == ["images"] * 6 + ["classes"] * 6
    assert [row["epoch"] for row in sampler.history_] == list(range(1, 13))
    assert sampler.n_iter_ == 12
    for phase in ("images", "classes"):
        losses = [row["train_loss"] for row in sampler.history_ if row["phase"] == phase]
        assert losses[-1] < losses[0]


def test_labels_reach_the_network(digits, sampler):
    """The codes of one class are easier to describe than those of all."""
    X, y = digits
    without = LabelledSampler(max_epochs=6, batch_size=32, **QUICK).fit(X[:600])
    assert sampler.history_[-1]["train_loss"] < without.history_[-1]["train_loss"] - 0.3
    named = np.array([f"digit {i}" for i in y[:600]])
    same = LabelledSampler(max_epochs=6, batch_size=32, **QUICK).fit(X[:600], named)
    np.testing.assert_array_equal(same.sample(5, 0), sampler.sample(5, 0))
    assert list(same.classes_[:2]) == ["digit 0", "digit 1"]


def test_as_many_labels_as_rows_are_expected(digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[50, 49\]"):
        LabelledSampler(max_epochs=1, **QUICK).fit(X[:50], y[:49])


class Watched(LabelledSampler):
    """Keep what is handed to each phase, and encode X between the phases."""

    def _train(self, network, data, phases):
        self.held_out_ = []
        super()._train(network, data, phases)
        assert self.network_ is network  # what is computed here is of this fit
        self._apply(lambda x: network.encoder(self._to_images(x)), data.rows, 8)

    def _split(self, data, *args):
        training, validation = super()._split(data, *args)
        self.held_out_.append(validation.indices)
        return training, validation


def test_all_phases_hold_the_same_rows_out(digits):
    X, y = digits
    model = Watched(max_epochs=1, early_stopping=True, **QUICK).fit(X[:200], y[:200])
    first, second = model.held_out_
    assert len(first) == 20
    np.testing.assert_array_equal(first, second)


def test_what_is_given_between_phases_is_given_for_held_out_rows_too():
    data = TrainingData(np.arange(6).reshape(3, 2), held_out=TrainingData(np.ones((2, 2))))
    changed = data.with_given(lambda rows: rows.sum(axis=1))
    np.testing.assert_array_equal(changed.given, [1, 5, 9])
    np.testing.assert_array_equal(changed.held_out.given, [2, 2])
    assert data.given is None


def test_labels_of_text_are_saved_in_files_of_weights(digits, tmp_path):
    X, y = digits
    model = LabelledSampler(max_epochs=1, **QUICK).fit(X[:50], [f"digit {i}" for i in y[:50]])
    loaded = LabelledSampler().load_weights(model.save_weights(tmp_path / "w") and tmp_path / "w")
    np.testing.assert_array_equal(loaded.sample(5, 0), model.sample(5, 0))
    assert list(loaded.classes_) == list(model.classes_)


class UnequalPhases(LabelledSampler):
    _n_phases = None

    def _train(self, network, data, phases):
        phases.train(network, data, "images", max_epochs=3)
        network.learns_classes = True
        phases.train(network, data, "classes", max_epochs=1)


def test_phases_may_differ_in_length(digits):
    X, y = (part[:50] for part in digits)
    model = UnequalPhases(max_epochs=9, **QUICK).fit(X, y)
    assert [row["phase"] for row in model.history_] == ["images"] * 3 + ["classes"]
    model.partial_fit(X, y)  # one epoch each
    assert [row["phase"] for row in model.history_[4:]] == ["images", "classes"]


class StopAtOnce:
    """A callback of scikit-learn that stops the training after its first epoch."""

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, **kwargs):
        pass

    def on_fit_task_end(self, estimator, context, **kwargs):
        return context.task_name == "epoch"


def test_a_stop_from_outside_ends_all_phases(digits):
    X, y = (part[:50] for part in digits)
    model = LabelledSampler(max_epochs=3, **QUICK).set_callbacks(StopAtOnce())
    assert model.fit(X, y).n_iter_ == 1
    assert model.sample(2, 0).shape == (2, 64)


class InterruptAtStart(Callback):
    """Ctrl-C while the trainer is set up: of the first training, or of a later one."""

    def __init__(self, training):
        self.training, self.n = training, 0

    def initialize(self):
        self.n += 1
        if self.n == self.training:
            raise KeyboardInterrupt
        return self


@pytest.mark.parametrize("warm_start", [False, True])
def test_ctrl_c_before_the_first_epoch_of_a_phase(warm_start, digits):
    X, y = (part[:50] for part in digits)
    settings = {"max_epochs": 2, "warm_start": warm_start, **QUICK}
    model = LabelledSampler(callbacks=[InterruptAtStart(1)], **settings)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert not hasattr(model, "n_iter_")
    model = LabelledSampler(callbacks=[InterruptAtStart(2)], **settings)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.n_iter_ == 2


class Killed(BaseException):
    """What a process does not survive."""


class KillAfter(Callback):
    def __init__(self, phase_epochs):
        self.phase_epochs = phase_epochs  # of all phases together
        self.n = 0

    def __getstate__(self):
        return {}  # it does not decide how the training ends

    def on_epoch_end(self, net, **kwargs):
        self.n += 1

    def on_epoch_begin(self, net, **kwargs):
        if self.n == self.phase_epochs:
            raise Killed


@pytest.mark.parametrize("epoch", [1, 3, 4, 5])
def test_a_fit_that_was_stopped_in_any_phase_ends_with_the_same_bits(epoch, digits, tmp_path):
    X, y = (part[:100] for part in digits)
    expected = LabelledSampler(max_epochs=3, **QUICK).fit(X, y)
    callbacks = [TrainingCheckpoint(tmp_path), KillAfter(epoch)]
    stopped = LabelledSampler(max_epochs=3, callbacks=callbacks, **QUICK)
    with pytest.raises(Killed):
        stopped.fit(X, y)
    callbacks[1].phase_epochs = None
    resumed = stopped.fit(X, y)
    np.testing.assert_array_equal(resumed.sample(5, 0), expected.sample(5, 0))
    assert [row["train_loss"] for row in resumed.history_] == [
        row["train_loss"] for row in expected.history_
    ]


def test_another_y_is_another_training(digits, tmp_path):
    X, y = (part[:100] for part in digits)
    model = LabelledSampler(max_epochs=1, callbacks=[TrainingCheckpoint(tmp_path)], **QUICK)
    model.fit(X, y)
    n_phases = len(list(tmp_path.iterdir()))
    assert n_phases == 2
    model.fit(X, y)
    assert len(list(tmp_path.iterdir())) == n_phases
    model.fit(X, y[::-1])  # the same classes: only y tells the two apart
    assert len(list(tmp_path.iterdir())) == 2 * n_phases


class CtrlC(Callback):
    def __init__(self, epoch):
        self.epoch = epoch
        self.n = 0

    def on_epoch_begin(self, net, **kwargs):
        self.n += 1
        if self.n > self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_ctrl_c_keeps_the_epochs_of_all_phases(epoch, digits):
    X, y = (part[:100] for part in digits)
    model = LabelledSampler(max_epochs=2, callbacks=[CtrlC(epoch)], **QUICK)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.n_iter_ == epoch
    assert model.sample(2, 0).shape == (2, 64)
    assert pickle.loads(pickle.dumps(model.set_params(callbacks=None))).n_iter_ == epoch


def test_a_warm_start_goes_through_all_phases_again(digits):
    X, y = (part[:100] for part in digits)
    model = LabelledSampler(max_epochs=2, warm_start=True, **QUICK).fit(X, y).fit(X, y)
    assert [row["phase"] for row in model.history_] == 2 * (["images"] * 2 + ["classes"] * 2)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.fit(X, y).sample(2, 0), model.fit(X, y).sample(2, 0))
    with pytest.raises(ValueError, match="classes that fit has not seen"):
        model.fit(X, y + 5)
