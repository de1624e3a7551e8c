"""Ctrl-C at chosen moments, twice: nothing learnt is lost, and the process is as before."""

import contextlib
import os
import random
import signal
import threading
import time

import numpy as np
import pytest
import torch
from every_model import (
    EACH_MODEL,
    EVERY_MODEL,
    accepted_params,
    assert_finite,
    assert_same,
    fit_model,
    method_outputs,
    n_epochs_trained,
    network_owner,
    partial_fit_model,
    with_methods,
)
from example_networks import LinearDecoder, LinearEncoder
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sklearn_unsup import ConvOutlierDetector
from sklearn_unsup._devices import isolated_settings
from sklearn_unsup._training import InterruptHandler

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a process")
MOMENTS = {  # hook, epoch, whole epochs until then
    "before": ("on_train_begin", 0, 0),
    "first epoch": ("on_batch_end", 1, 0),
    "third epoch": ("on_batch_end", 3, 2),
    "end of the first": ("on_epoch_end", 1, 1),
    "end of the last": ("on_epoch_end", 3, 3),
    "end of the training": ("on_train_end", 3, 3),
}


def interrupt(times=2):
    for _ in range(times):
        signal.raise_signal(signal.SIGINT)


class Act(Callback):
    """Count whole epochs, and do something at a chosen moment."""

    def __init__(self, hook, epoch, action=interrupt, epochs=()):
        self.hook, self.epoch, self.action = hook, epoch, action
        self.epochs = list(epochs)

    def __sklearn_clone__(self):
        return self

    def _maybe(self, hook, net):
        if hook == self.hook and len(net.history) == self.epoch:
            self.epoch = None
            self.action()

    def on_train_begin(self, net, **kwargs):
        self._maybe("on_train_begin", net)

    def on_batch_end(self, net, **kwargs):
        self._maybe("on_batch_end", net)

    def on_epoch_end(self, net, **kwargs):
        self.epochs.append(len(net.history))
        self._maybe("on_epoch_end", net)

    def on_train_end(self, net, **kwargs):
        self._maybe("on_train_end", net)


def settings():
    numpy_state = np.random.mtrand._rand.get_state(legacy=False)["state"]
    return (
        signal.getsignal(signal.SIGINT),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_num_threads(),
        np.geterr(),
        random.getstate(),
        (numpy_state["key"].tolist(), numpy_state["pos"]),
        torch.get_rng_state().tolist(),
    )


@pytest.fixture(autouse=True)
def nothing_is_changed():
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = settings()
    yield
    after = settings()
    signal.signal(signal.SIGINT, handler)
    assert after == before


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("model", EACH_MODEL)
def test_two_signals_lose_no_epoch(model, digits, moment):
    hook, epoch, n_expected = MOMENTS[moment]
    act, X = Act(hook, epoch), digits[:100]
    params = accepted_params(model, {"early_stopping": True})
    estimator = EVERY_MODEL[model](max_epochs=3, batch_size=50, callbacks=[act], **params)
    with pytest.raises(KeyboardInterrupt):
        fit_model(estimator, X)
    assert len(act.epochs) == n_expected
    assert n_epochs_trained(estimator) == n_expected
    assert (network_owner(estimator) is not None) == bool(n_expected)
    if n_expected:
        assert_finite(method_outputs(estimator, X))
        assert getattr(network_owner(estimator), "best_epoch_", 1) <= n_expected


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("method", ["_after_training", "_commit", "_validate"])
@pytest.mark.parametrize("model", with_methods("_after_training", "_commit", "_validate"))
def test_signals_while_what_was_learnt_is_put_away(model, few, monkeypatch, method, times):
    estimator = EVERY_MODEL[model](max_epochs=2)
    original = getattr(type(estimator), method)

    def interrupted(self, *args, **kwargs):
        interrupt(times)
        result = original(self, *args, **kwargs)
        interrupt(times)
        return result

    monkeypatch.setattr(type(estimator), method, interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit_model(estimator, few)
    monkeypatch.undo()
    n_expected = 0 if method == "_validate" else 2 * EVERY_MODEL[model].n_phases
    assert n_epochs_trained(estimator) == n_expected


@pytest.mark.parametrize("method", [fit_model, partial_fit_model])
@pytest.mark.parametrize("model", with_methods("partial_fit"))
def test_going_on_keeps_what_was_there(model, few, method):
    estimator = fit_model(EVERY_MODEL[model](warm_start=True), few)
    n_before, expected = n_epochs_trained(estimator), method_outputs(estimator, few)
    before = {name: value for name, value in vars(estimator).items() if name != "callbacks"}
    for hook, n_expected in (("on_batch_end", 0), ("on_epoch_end", 1)):
        estimator.set_params(callbacks=[Act(hook, 1)])
        with pytest.raises(KeyboardInterrupt):
            method(estimator, few)
        assert n_epochs_trained(estimator) == n_before + n_expected
        after = {name: value for name, value in vars(estimator).items() if name != "callbacks"}
        is_same = after.keys() == before.keys() and all(
            after[name] is before[name] for name in before
        )
        assert is_same == (not n_expected)
        if not n_expected:
            assert_same(method_outputs(estimator, few), expected)


@pytest.mark.parametrize("moment", ["first epoch", "third epoch", "end of the last"])
def test_a_detector_keeps_what_its_estimator_has_learnt(small, digits, moment):
    hook, epoch, n_expected = MOMENTS[moment]
    detector = ConvOutlierDetector(small(max_epochs=3, callbacks=[Act(hook, epoch)]))
    with pytest.raises(KeyboardInterrupt):
        detector.fit(digits[:100])
    assert n_epochs_trained(detector) == n_expected
    if n_expected:
        assert detector.predict(digits[:100]).min() == -1


def test_signals_while_a_detector_measures_or_takes_over(small, digits, monkeypatch):
    for method in ("_set_fitted_state", "_fit"):
        original = getattr(ConvOutlierDetector, method)

        def interrupted(*args, original=original):
            result = original(*args)
            interrupt()
            return result

        with monkeypatch.context() as patch:
            patch.setattr(ConvOutlierDetector, method, interrupted)
            detector = ConvOutlierDetector(small())
            with pytest.raises(KeyboardInterrupt):
                detector.fit(digits[:100])
        assert n_epochs_trained(detector) == 2


def test_the_last_step_of_a_pipeline_keeps_its_epochs(small, digits):
    pipe = make_pipeline(StandardScaler(), small(max_epochs=3, callbacks=[Act("on_batch_end", 3)]))
    with pytest.raises(KeyboardInterrupt):
        pipe.fit(digits)
    assert n_epochs_trained(pipe[-1]) == 2
    assert pipe.transform(digits).shape == (200, 4)


def test_a_custom_network_leaves_torchs_random_state_and_its_lock(small, digits):
    params = {"encoder": LinearEncoder, "decoder": LinearDecoder}
    for hook, epoch, n_expected in MOMENTS.values():
        estimator = small(max_epochs=3, callbacks=[Act(hook, epoch)], **params)
        with pytest.raises(KeyboardInterrupt):
            estimator.fit(digits[:100])
        assert n_epochs_trained(estimator) == n_expected
    thread = threading.Thread(target=small(**params).fit, args=(digits[:100],))
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


def send_after(delays, sent):
    for delay in delays:
        time.sleep(delay)
        os.kill(os.getpid(), signal.SIGINT)
    sent.set()


@pytest.mark.parametrize("model", EACH_MODEL)
def test_seeded_moments_of_a_running_fit(model, digits):
    """SIGINT comes by itself, from a thread, and again a moment later."""
    draw, act, X = random.Random(0), Act(None, None), digits[:100]
    estimator = EVERY_MODEL[model](max_epochs=3, batch_size=50, callbacks=[act])
    start = time.perf_counter()
    fit_model(estimator, X)
    seconds = time.perf_counter() - start
    for _ in range(5):
        act.epochs.clear()
        fresh, sent = clone(estimator), threading.Event()

        delays = draw.uniform(0, seconds), draw.uniform(0, 0.01)
        threading.Thread(target=send_after, args=(delays, sent)).start()
        with contextlib.suppress(KeyboardInterrupt):
            with contextlib.suppress(KeyboardInterrupt):
                fit_model(fresh, X)
                sent.wait()
            sent.wait()
        while not sent.is_set():
            time.sleep(1e-3)
        assert n_epochs_trained(fresh) >= len(act.epochs)


# Whose handler it is


def test_a_second_signal_acts_at_once_in_a_slow_batch(small, digits):
    began = []

    def wait():
        began.append(time.monotonic())
        interrupt(1)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        time.sleep(20)

    estimator = small(max_epochs=3, callbacks=[Act("on_batch_end", 2, wait)])
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(digits[:100])
    assert time.monotonic() - began[0] < 5
    assert n_epochs_trained(estimator) == 1


def test_one_signal_waits_for_the_end_of_a_batch(small, digits):
    ends = []
    act = Act("on_batch_end", 2, lambda: (interrupt(1), ends.append(True)))
    with pytest.raises(KeyboardInterrupt):
        small(max_epochs=3, callbacks=[act]).fit(digits[:100])
    assert ends == [True]


def test_a_handler_that_does_not_raise_is_called_each_time(small, digits):
    calls = []

    def handler(number, frame):
        calls.append(number)

    signal.signal(signal.SIGINT, handler)
    acts = [Act(*moment[:2]) for moment in MOMENTS.values()]
    estimator = small(max_epochs=3, callbacks=acts).fit(digits[:100])
    assert signal.getsignal(signal.SIGINT) is handler
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert n_epochs_trained(estimator) == 3
    # Two at once in the training are one or two, as signals are; after it they are one.
    assert len(acts) <= len(calls) <= 2 * len(acts)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_a_handler_of_the_systems_is_left_alone(small, digits, handler):
    signal.signal(signal.SIGINT, handler)
    found = []

    def look():
        found.append(signal.getsignal(signal.SIGINT))
        if handler is signal.SIG_IGN:
            interrupt()

    estimator = small(callbacks=[Act("on_batch_end", 1, look)]).fit(digits[:100])
    assert found == [handler] == [signal.getsignal(signal.SIGINT)]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert n_epochs_trained(estimator) == 2


def test_a_handler_that_is_set_in_the_training_stays(small, digits):
    def other(number, frame):
        pass

    act = Act("on_batch_end", 1, lambda: signal.signal(signal.SIGINT, other))
    small(callbacks=[act]).fit(digits[:100])
    assert signal.getsignal(signal.SIGINT) is other
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_other_threads_set_no_handler(small, digits):
    found = []
    act = Act("on_batch_end", 1, lambda: found.append(signal.getsignal(signal.SIGINT)))
    thread = threading.Thread(target=small(callbacks=[act]).fit, args=(digits[:100],))
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


def test_a_signal_that_something_swallows_does_not_make_the_next_one_wait(small, digits):
    def swallow():
        with contextlib.suppress(KeyboardInterrupt):
            interrupt(2)

    acts = [Act("on_batch_end", 1, swallow), Act("on_batch_end", 2, lambda: interrupt(1))]
    estimator = small(max_epochs=9, callbacks=acts)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(digits[:100])
    assert n_epochs_trained(estimator) == 1


# What raises by itself


def raise_interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("model", EACH_MODEL)
def test_a_callback_that_raises_keyboard_interrupt(model, few, moment):
    hook, epoch, n_expected = MOMENTS[moment]
    estimator = EVERY_MODEL[model](max_epochs=3, callbacks=[Act(hook, epoch, raise_interrupt)])
    with pytest.raises(KeyboardInterrupt):
        fit_model(estimator, few)
    assert n_epochs_trained(estimator) == n_expected


def test_the_warm_up_ends_though_a_callback_raises(small_vae, digits):
    act = Act("on_train_end", 2, raise_interrupt)
    estimator = small_vae(beta_warmup_epochs=9, callbacks=[act])
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(digits[:100])
    assert float(estimator.network_.warm_up) == 1.0


class Watch:
    """A callback of scikit-learn's that raises at the end of a fit."""

    max_propagation_depth = None

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, **kwargs):
        if context.task_name != "epoch":
            raise KeyboardInterrupt


@pytest.mark.parametrize("model", with_methods("set_callbacks"))
def test_scikit_learns_callback_that_raises_at_the_end(model, few):
    estimator = EVERY_MODEL[model](max_epochs=2).set_callbacks(Watch())
    with pytest.raises(KeyboardInterrupt):
        fit_model(estimator, few)
    assert n_epochs_trained(estimator) == 2 * EVERY_MODEL[model].n_phases


def test_an_error_after_a_signal_does_not_hide_it(small, digits, monkeypatch):
    def fail(self, *args):
        interrupt(1)
        raise ValueError("the codes are not finite")

    estimator = small()
    monkeypatch.setattr(type(estimator), "_after_training", fail)
    with pytest.raises(KeyboardInterrupt) as caught:  # a search would go on after a ValueError
        estimator.fit(digits[:100])
    assert isinstance(caught.value.__context__, ValueError)
    estimator.set_params(callbacks=[Act("on_batch_end", 2)])
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(digits[:100])
    assert not hasattr(estimator, "network_")


# The parts


def test_settings_are_as_before_whatever_grad_mode_the_user_has(small, digits):
    for mode in (torch.no_grad, torch.inference_mode, torch.enable_grad):
        with mode():
            is_on, is_inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
            with pytest.raises(KeyboardInterrupt):
                small(callbacks=[Act("on_epoch_end", 1)]).fit(digits[:100])
            assert torch.is_grad_enabled() == is_on
            assert torch.is_inference_mode_enabled() == is_inference


def test_a_signal_waits_while_the_settings_are_entered():
    with pytest.raises(KeyboardInterrupt), InterruptHandler() as interrupts, isolated_settings():
        interrupt(2)
        reached = True
        interrupts.allow()
        reached = False
    assert reached
