"""Training as a user sees it: randomness, resuming, stopping, callbacks, faults."""

import pickle
import random
import threading
import warnings

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
    losses,
    method_outputs,
    methods_of_X,
    n_epochs_trained,
    network_owner,
    partial_fit_model,
    quick_outputs,
    set_params,
    slow_unless,
    with_methods,
    with_parameters,
)
from every_model import weights as weights_by_name
from example_networks import LinearDecoder, LinearEncoder, NoisyEncoder
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, LRScheduler, TensorBoard
from torch.utils.tensorboard import SummaryWriter

from sklearn_unsup import ConvAutoencoder, TrainingDivergedError


def weights(estimator):
    return torch.cat([value.flatten() for value in weights_by_name(estimator).values()])


def global_states():
    numpy_state = np.random.mtrand._rand.get_state(legacy=False)["state"]["key"].tolist()
    return random.getstate(), numpy_state, torch.get_rng_state().tolist()


# Randomness


CONFIGURATIONS = [
    {},
    {"early_stopping": True},
    {
        "encoder": NoisyEncoder,
        "decoder": LinearDecoder,
        "generator": LinearDecoder,
        "batch_size": 7,
    },
]


@pytest.mark.parametrize("params", CONFIGURATIONS)
@pytest.mark.parametrize("model", EACH_MODEL)
def test_one_seed_gives_one_model_and_global_states_are_untouched(model, few, params):
    params = {**accepted_params(model, params), "max_epochs": 2}
    before = global_states()
    first, second = (fit_model(EVERY_MODEL[model](**params), few) for _ in range(2))
    third = fit_model(clone(first), few)
    if hasattr(first, "sample"):
        first.sample(3)
    for other in (second, third):
        assert torch.equal(weights(first), weights(other))
        assert_same(quick_outputs(other, few), quick_outputs(first, few))
    another = fit_model(EVERY_MODEL[model](**params, random_state=1), few)
    assert not torch.equal(weights(first), weights(another))
    assert global_states() == before


@pytest.mark.parametrize("model", EACH_MODEL)
def test_without_a_seed_each_fit_differs_and_global_states_are_untouched(model, few):
    before = global_states()
    first, second = (fit_model(EVERY_MODEL[model](random_state=None), few) for _ in range(2))
    assert not torch.equal(weights(first), weights(second))
    assert global_states() == before


@pytest.mark.parametrize("params", [*CONFIGURATIONS, {"noise_level": 0.5}])
@pytest.mark.parametrize("model", slow_unless(lambda name: name == "ConvAutoencoder", EVERY_MODEL))
def test_four_threads_give_four_identical_models(model, few, params):
    params = accepted_params(model, params)
    estimators = [EVERY_MODEL[model](**params) for _ in range(4)]
    threads = [threading.Thread(target=fit_model, args=(e, few)) for e in estimators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = weights(fit_model(EVERY_MODEL[model](**params), few))
    # Threads share torch's pool, which may split sums otherwise: hence a tolerance of rounding.
    for estimator in estimators:
        torch.testing.assert_close(weights(estimator), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", with_methods("sample"))
def test_sample_is_repeatable(model, fitted_model):
    estimator = fitted_model(model)
    first, again, other = (estimator.sample(5, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


# History, early stopping, schedules


def test_history_has_one_plain_dict_per_epoch(small, digits):
    estimator = small(max_epochs=3, l1_activity=0.1, early_stopping=True).fit(digits)
    assert [row["epoch"] for row in estimator.history_] == [1, 2, 3] == [1, 2, estimator.n_iter_]
    parts = ("loss", "reconstruction", "penalty")
    keys = {"epoch", "duration", *(f"{p}_{q}" for p in ("train", "valid") for q in parts)}
    assert all(set(row) == keys for row in estimator.history_)
    assert all(type(value) in (int, float) for row in estimator.history_ for value in row.values())


@pytest.mark.parametrize("model", EACH_MODEL)
def test_the_history_counts_epochs_and_holds_plain_numbers(model, few):
    estimator = network_owner(fit_model(EVERY_MODEL[model](max_epochs=3), few))
    n_epochs = 3 * EVERY_MODEL[model].n_phases
    assert [row["epoch"] for row in estimator.history_] == list(range(1, n_epochs + 1))
    assert estimator.n_iter_ == n_epochs
    phases = {row.pop("phase", None) for row in estimator.history_}
    assert len(phases) == EVERY_MODEL[model].n_phases
    assert all(type(value) in (int, float) for row in estimator.history_ for value in row.values())
    assert all("duration" in row for row in estimator.history_)


def test_the_training_loss_is_the_share_of_variance_that_is_not_explained(small, digits):
    estimator = small(max_epochs=60, batch_size=20, gaussian_fraction=0).fit(digits)
    assert estimator.history_[-1]["train_loss"] == pytest.approx(
        1 - estimator.score(digits), abs=0.02
    )


class Worsen(Callback):
    """Scale the weights up after the third epoch, so that the best epoch is known."""

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) > 3:
            with torch.no_grad():
                for parameter in net.module_.parameters():
                    parameter.mul_(2)


def test_early_stopping_stops_and_restores_the_best_weights(small, digits):
    params = {"early_stopping": True, "learning_rate_schedule": "constant", "n_iter_no_change": 2}
    estimator = small(**params, max_epochs=30, callbacks=[Worsen()]).fit(digits)
    losses = [row["valid_loss"] for row in estimator.history_]
    best = int(np.argmin(losses)) + 1
    assert estimator.n_iter_ == best + 2 < 30
    unspoilt = small(**params, max_epochs=best).fit(digits)
    torch.testing.assert_close(weights(estimator), weights(unspoilt))


def test_tol_decides_when_to_stop_and_not_which_epoch_was_best(small, digits):
    params = {"early_stopping": True, "max_epochs": 8}
    exact, coarse = small(**params, tol=0.0).fit(digits), small(**params, tol=0.5).fit(digits)
    losses = [row["valid_loss"] for row in coarse.history_]
    assert np.argmin(losses) == len(losses) - 1  # it gets better, by less than tol an epoch
    torch.testing.assert_close(weights(coarse), weights(exact))
    stopped = small(**params, tol=0.5, n_iter_no_change=2).fit(digits)
    assert stopped.n_iter_ < 8
    last = small(max_epochs=8, early_stopping=True, tol=0.0).fit(digits).history_
    assert stopped.history_[-1]["valid_loss"] == last[stopped.n_iter_ - 1]["valid_loss"]


@pytest.mark.parametrize("model", with_methods("partial_fit"))
def test_partial_fit_holds_no_rows_out(model, few):
    estimator = EVERY_MODEL[model](early_stopping=True)
    assert not hasattr(estimator, "partial_fit")  # as scikit-learn asks
    with pytest.raises(ValueError, match="does not support early_stopping=True"):
        partial_fit_model(estimator, few)
    assert hasattr(estimator.set_params(early_stopping=False), "partial_fit")


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("model", with_methods("partial_fit"))
def test_a_last_chunk_may_have_few_rows(model, few, n):
    estimator = partial_fit_model(partial_fit_model(EVERY_MODEL[model](), few), few[:n])
    assert estimator.n_iter_ == 2 * EVERY_MODEL[model].n_phases
    assert_finite(method_outputs(estimator, few))


def test_held_out_rows_are_not_trained_on(small, digits):
    seen = []

    class Record(Callback):
        def on_batch_begin(self, net, batch, training, **kwargs):
            seen.append((training, batch.images.flatten(1).numpy()))

    small(early_stopping=True, validation_fraction=0.2, max_epochs=1, callbacks=[Record()]).fit(
        digits
    )
    train = np.concatenate([rows for training, rows in seen if training])
    valid = np.concatenate([rows for training, rows in seen if not training])
    assert (len(train), len(valid)) == (160, 40)
    everything = {row.tobytes() for row in digits}
    assert {row.tobytes() for row in train} | {row.tobytes() for row in valid} == everything
    assert not {row.tobytes() for row in train} & {row.tobytes() for row in valid}


class RecordRates(Callback):
    def on_train_begin(self, net, **kwargs):
        self.rates = []

    def on_batch_end(self, net, training, **kwargs):
        self.rates.append(net.optimizer_.param_groups[0]["lr"])


@pytest.mark.parametrize(
    ("schedule", "first", "peak", "last"),
    [
        ("constant", 0.01, 0.01, 0.01),
        ("linear", 0.0067, 0.0097, 0.0),
        ("cosine", 0.01, 0.01, 0.0),
        ("one_cycle", 0.0004, 0.01, 0.0),
    ],
)
def test_learning_rates_follow_the_schedule(small, digits, schedule, first, peak, last):
    params = {"learning_rate": 0.01, "learning_rate_schedule": schedule}
    (record,) = small(**params, callbacks=[RecordRates()], max_epochs=10).fit(digits).callbacks_
    assert record.rates[0] == pytest.approx(first, rel=0.2)
    assert max(record.rates) == pytest.approx(peak, rel=0.01)
    assert record.rates[-1] == pytest.approx(last, abs=2e-4)


@pytest.mark.parametrize(
    ("optimizer", "learning_rate"),
    [
        ("muon", 0.01),
        ("adam", 0.01),
        ("adamw", 0.01),
        ("sgd", 0.3),
        (torch.optim.RMSprop, 0.01),
    ],
)
def test_every_optimizer_learns(small, digits, optimizer, learning_rate):
    params = {"optimizer": optimizer, "learning_rate": learning_rate}
    params |= {"max_epochs": 20, "batch_size": 20}
    history = small(**params).fit(digits).history_
    assert history[-1]["train_loss"] < 0.9 * history[0]["train_loss"]


class AdamOf(torch.optim.Adam):
    betas = None

    def __init__(self, params, lr):
        super().__init__(params, lr, self.betas, fused=True)


@pytest.mark.parametrize(
    ("make", "betas"),
    [("small", (0.9, 0.99)), ("small_vae", (0.9, 0.999)), ("small_gan", (0.0, 0.99))],
)
def test_adam_by_name_has_the_betas_of_its_model(request, digits, monkeypatch, make, betas):
    make = request.getfixturevalue(make)
    monkeypatch.setattr(AdamOf, "betas", betas)
    codes = [make(optimizer=adam).fit_transform(digits) for adam in ("adam", AdamOf)]
    np.testing.assert_array_equal(*codes)


# Going on


def test_warm_start_goes_on_from_weights_and_optimiser(small, digits):
    constant = {"learning_rate_schedule": "constant", "random_state": 0, "gaussian_fraction": 0}
    whole = small(**constant, max_epochs=4).fit(digits)
    parts = small(**constant, max_epochs=2, warm_start=True).fit(digits).fit(digits)
    assert parts.n_iter_ == 4
    assert [row["epoch"] for row in parts.history_] == [1, 2, 3, 4]
    losses = [[row["train_loss"] for row in e.history_] for e in (whole, parts)]
    np.testing.assert_allclose(losses[1][2:], losses[0][2:], rtol=0.05)
    cold = small(**constant, max_epochs=2).fit(digits).fit(digits)
    assert cold.n_iter_ == 2


def parameters(estimator):
    trained = [value for value in estimator.network_.parameters() if value.requires_grad]
    return torch.cat([value.detach().flatten() for value in trained])  # averages go on moving


@pytest.mark.parametrize("model", EACH_MODEL)
def test_another_fit_forgets_the_one_before(model, few):
    others = 1 - few[::-1]
    again = fit_model(fit_model(EVERY_MODEL[model](), few), others)
    new = fit_model(EVERY_MODEL[model](), others)
    assert_same(method_outputs(again, few), method_outputs(new, few))
    assert vars(again).keys() == vars(new).keys()


@pytest.mark.parametrize("model", with_parameters("warm_start"))
def test_a_warm_start_goes_on_from_the_weights(model, few):
    n_epochs = EVERY_MODEL[model].n_phases
    warm = fit_model(EVERY_MODEL[model](warm_start=True), few)
    before = parameters(warm)
    fit_model(warm.set_params(learning_rate=1e-12), few)
    assert n_epochs_trained(warm) == 2 * n_epochs
    assert [row["epoch"] for row in warm.history_] == list(range(1, 2 * n_epochs + 1))
    torch.testing.assert_close(parameters(warm), before, rtol=1e-6, atol=1e-6)
    cold = fit_model(warm.set_params(warm_start=False), few)
    assert n_epochs_trained(cold) == n_epochs
    assert not torch.allclose(parameters(cold), before, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", [fit_model, partial_fit_model])
@pytest.mark.parametrize("model", with_methods("partial_fit"))
def test_a_warm_start_that_would_need_another_network_is_an_error(model, few, method):
    estimator = fit_model(EVERY_MODEL[model](warm_start=True), few)
    expected = method_outputs(estimator, few)
    with pytest.raises(ValueError, match=r"n_components=5.*warm_start=False"):
        method(estimator.set_params(n_components=5), few)
    estimator.set_params(n_components=2)
    assert_same(method_outputs(estimator, few), expected)


@pytest.mark.parametrize("model", with_methods("partial_fit"))
def test_partial_fit_goes_on_after_pickling(model, few):
    straight, pickled = EVERY_MODEL[model](), EVERY_MODEL[model]()
    for chunk in [few[:12], few[12:]] * 2:
        partial_fit_model(straight, chunk)
        pickled = pickle.loads(pickle.dumps(partial_fit_model(pickled, chunk)))
    assert torch.equal(weights(straight), weights(pickled))
    assert losses(straight) == losses(pickled)


def test_partial_fit_learns(small, digits):
    straight = small(batch_size=10)
    for chunk in [digits[:100], digits[100:]] * 5:
        straight.partial_fit(chunk)
    assert straight.n_iter_ == 10
    assert straight.score(digits) > small(batch_size=10).partial_fit(digits).score(digits) + 0.1


@pytest.mark.parametrize("model", with_methods("partial_fit"))
def test_partial_fit_checks_the_width(model, few):
    rows = few.reshape(len(few), -1)
    estimator = partial_fit_model(EVERY_MODEL[model](), rows)
    with pytest.raises(ValueError, match="63 features"):
        partial_fit_model(estimator, rows[:, :63])


# skorch's callbacks


def test_checkpoint_and_learning_rate_scheduler_and_tensorboard(small, digits, tmp_path):
    checkpoint = Checkpoint(monitor="valid_loss_best", dirname=tmp_path / "checkpoints")
    scheduler = LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)
    with SummaryWriter(tmp_path / "board") as writer:
        estimator = small(
            callbacks=[checkpoint, scheduler, TensorBoard(writer), RecordRates()],
            early_stopping=True,
            learning_rate=0.01,
            learning_rate_schedule="constant",
            max_epochs=3,
        ).fit(digits)
    saved = torch.load(tmp_path / "checkpoints" / "params.pt", weights_only=True)
    torch.testing.assert_close(saved, estimator.network_.state_dict())
    rates = estimator.callbacks_[-1].rates
    assert sorted({round(rate, 6) for rate in rates}) == [0.0025, 0.005, 0.01]
    assert list((tmp_path / "board").glob("events*"))


def test_two_schedules_at_once_are_an_error(small, digits):
    scheduler = LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=1)
    with pytest.raises(ValueError, match="learning_rate_schedule='constant'"):
        small(callbacks=[scheduler]).fit(digits)


@pytest.mark.parametrize(
    ("callback", "match"),
    [
        (EarlyStopping(), "early_stopping=True"),
        (Checkpoint(), "early_stopping=True"),
        (5, "holds 5, expected callbacks of skorch.*set_callbacks"),
        (ProgressBar(), "set_callbacks"),
    ],
    ids=["stopping", "checkpoint", "number", "of scikit-learn"],
)
def test_a_callback_that_cannot_work_is_named(small, digits, callback, match):
    params = {"learning_rate_schedule": "constant", "callbacks": [callback]}
    with pytest.raises((ValueError, TypeError), match=match):
        small(**params).fit(digits)


def test_callbacks_of_the_user_are_not_changed_and_not_pickled(small, digits):
    decay, rates = LRScheduler("StepLR", step_size=1), RecordRates()
    before = [dict(vars(callback)) for callback in (decay, rates)]
    estimator = small(learning_rate_schedule="constant", callbacks=[decay, rates]).fit(digits)
    assert [vars(callback) for callback in (decay, rates)] == before
    assert len(estimator.callbacks_[1].rates) == 2 * 7
    state = pickle.dumps(estimator)
    assert b"torch.optim" not in state
    assert not hasattr(pickle.loads(state), "callbacks_")


@pytest.mark.parametrize("model", EACH_MODEL)
def test_x_in_other_units_is_warned_of(model, few):
    estimator = fit_model(EVERY_MODEL[model](), (few * 240).astype(np.uint8))
    for method in methods_of_X(estimator):
        with pytest.warns(
            UserWarning, match=r"from 0 to 1, but `fit` saw values from 0 to 240"
        ) as found:
            method(few)
        assert found[0].filename == __file__
    assert n_epochs_trained(estimator) == EVERY_MODEL[model].n_phases


def test_skorchs_early_stopping_stops(small, digits):
    stop = EarlyStopping(monitor="train_loss", patience=2, threshold=0.9, sink=lambda text: None)
    assert small(callbacks=[stop], max_epochs=20).fit(digits).n_iter_ < 20


def test_verbose_prints_a_line_per_epoch(small, digits, capsys):
    small(verbose=True, max_epochs=3).fit(digits)
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 1 + 2 + 3  # an estimate of the time, a header of two lines, the epochs
    small().fit(digits)
    assert capsys.readouterr().out == ""


# scikit-learn's callbacks


class Watch:
    """Count epochs, and stop after some."""

    max_propagation_depth = None

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.tasks, self.answers = [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        self.torn_down = True

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        if context.task_name != "epoch":
            return False
        self.tasks.append(context.task_id)
        self.answers.append(method_outputs(fitted_estimator, X))
        return self.stop_after is not None and len(self.tasks) >= self.stop_after


@pytest.mark.parametrize("model", with_methods("set_callbacks"))
def test_callbacks_see_each_epoch_and_a_working_estimator(model, digits):
    watch, n_epochs = Watch(), 3 * EVERY_MODEL[model].n_phases
    params = {"n_components": 4, "hidden_channels": (8, 16), "learning_rate": 0.01, "max_epochs": 3}
    estimator = fit_model(EVERY_MODEL[model](**params).set_callbacks(watch), digits)
    in_phases = [0, 1, 2] * EVERY_MODEL[model].n_phases
    assert watch.tasks in (in_phases, list(range(n_epochs)))
    assert len(watch.answers) == n_epochs
    for found in watch.answers:
        assert_finite(found)
    if hasattr(estimator, "score"):
        scores = [float(found["score"]) for found in watch.answers]
        if not hasattr(estimator, "labels_"):  # a clusterer leaves out epochs that do not help
            assert scores[-1] == pytest.approx(estimator.score(digits), abs=1e-6)
        if not hasattr(estimator, "views"):  # its score is not what it maximises
            assert scores[0] < scores[-1]
    assert watch.torn_down


@pytest.mark.parametrize("model", with_methods("set_callbacks"))
def test_watching_changes_nothing(model, few):
    watched = fit_model(EVERY_MODEL[model]().set_callbacks(Watch()), few)
    assert_same(
        method_outputs(watched, few), method_outputs(fit_model(EVERY_MODEL[model](), few), few)
    )


def test_a_callback_can_stop_the_training(small, digits):
    assert small(max_epochs=9).set_callbacks(Watch(stop_after=2)).fit(digits).n_iter_ == 2


@pytest.mark.filterwarnings("ignore:The estimator PCA does not support callbacks")
def test_progress_bars_show_epochs_inside_pipeline_and_grid_search(small, digits, capsys):
    pipe = make_pipeline(small(max_epochs=3), PCA(2))
    pipe.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(digits)
    assert "ConvAutoencoder" in capsys.readouterr().out
    search = GridSearchCV(small(), {"n_components": [2, 3]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(digits)
    assert "ConvAutoencoder" in capsys.readouterr().out


# Faults


class Fail(Callback):
    """Raise at the end of an epoch, or in the middle of one."""

    def __init__(self, error, epoch=2, hook="on_epoch_end"):
        self.error, self.epoch, self.hook = error, epoch, hook

    def _maybe(self, hook, net):
        if hook == self.hook and len(net.history) >= self.epoch:
            raise self.error

    def on_epoch_end(self, net, **kwargs):
        self._maybe("on_epoch_end", net)

    def on_batch_end(self, net, **kwargs):
        self._maybe("on_batch_end", net)


@pytest.mark.parametrize("params", [{}, {"warm_start": True}])
@pytest.mark.parametrize("hook", ["on_epoch_end", "on_batch_end"])
@pytest.mark.parametrize("model", EACH_MODEL)
def test_an_exception_in_a_callback_leaves_the_estimator_as_it_was(model, few, params, hook):
    estimator = fit_model(EVERY_MODEL[model](**accepted_params(model, params), max_epochs=2), few)
    expected, before = method_outputs(estimator, few), dict(vars(estimator))
    set_params(estimator, callbacks=[Fail(RuntimeError("no space"), hook=hook)])
    with pytest.raises(RuntimeError, match="no space"):
        fit_model(estimator, few)
    set_params(estimator, callbacks=None)
    assert vars(estimator) == before
    assert_same(method_outputs(estimator, few), expected)


@pytest.mark.parametrize("model", EACH_MODEL)
def test_ctrl_c_keeps_what_was_learnt_after_an_epoch(model, few):
    callbacks = [Fail(KeyboardInterrupt(), 3, "on_batch_end")]
    estimator = EVERY_MODEL[model](max_epochs=9, callbacks=callbacks)
    with pytest.raises(KeyboardInterrupt):
        fit_model(estimator, few)
    assert n_epochs_trained(estimator) == 2
    assert_finite(method_outputs(estimator, few))


@pytest.mark.parametrize("model", EACH_MODEL)
def test_ctrl_c_in_the_first_epoch_keeps_what_was_there(model, few):
    callbacks = [Fail(KeyboardInterrupt(), 1, "on_batch_end")]
    estimator = EVERY_MODEL[model](callbacks=callbacks)
    with pytest.raises(KeyboardInterrupt):
        fit_model(estimator, few)
    with pytest.raises(NotFittedError):
        check_is_fitted(estimator)
    set_params(estimator, callbacks=None)
    expected = method_outputs(fit_model(estimator, few), few)
    set_params(estimator, callbacks=callbacks)
    with pytest.raises(KeyboardInterrupt):
        fit_model(estimator, few)
    assert_same(method_outputs(estimator, few), expected)


def test_ctrl_c_stops_a_grid_search(small, digits):
    fits = []

    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            fits.append(1)
            raise KeyboardInterrupt

    search = GridSearchCV(small(callbacks=[Interrupt()]), {"n_components": [2, 3]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(digits)
    assert len(fits) == 1


class Spoil(Callback):
    """Make the weights what a diverged training makes of them."""

    def on_batch_begin(self, net, **kwargs):
        with torch.no_grad():
            for parameter in net.module_.parameters():
                parameter.fill_(torch.nan)


@pytest.mark.parametrize("model", EACH_MODEL)
def test_weights_that_are_not_finite_are_an_error_and_nothing_is_lost(model, few):
    estimator = fit_model(EVERY_MODEL[model](), few)
    expected = method_outputs(estimator, few)
    set_params(estimator, callbacks=[Spoil()])
    with pytest.raises(TrainingDivergedError, match=r"epoch 1 .*Lower learning_rate"):
        fit_model(estimator, few)
    assert_same(method_outputs(estimator, few), expected)


def test_divergence_is_an_error_that_says_what_to_try(small, digits):
    estimator = small().fit(digits)
    codes = estimator.transform(digits)
    with pytest.raises(TrainingDivergedError, match=r"epoch 1 .*Lower learning_rate") as caught:
        estimator.set_params(optimizer="sgd", learning_rate=1e9).fit(digits)
    assert isinstance(caught.value, FloatingPointError | ValueError)
    np.testing.assert_array_equal(estimator.transform(digits), codes)


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_a_diverged_candidate_does_not_end_a_search(small, digits):
    search = GridSearchCV(
        small(optimizer="sgd"), {"learning_rate": [1e-3, 1e9]}, cv=2, error_score=np.nan
    )
    with pytest.warns(FitFailedWarning, match="Training diverged"):
        search.fit(digits)
    assert search.best_params_ == {"learning_rate": 1e-3}


def test_a_search_over_widths_finds_that_more_components_explain_more(digits, small):
    search = GridSearchCV(
        make_pipeline(small(max_epochs=20, batch_size=16, compare_with_pca=False), PCA(2)),
        {"convautoencoder__n_components": [2, 8]},
        cv=2,
        scoring=lambda pipe, X, y=None: pipe[0].score(X),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.fit(digits)
    assert search.best_params_ == {"convautoencoder__n_components": 8}


def test_a_clone_with_a_custom_network_learns_the_same(small, digits):
    estimator = small(encoder=LinearEncoder, decoder=LinearDecoder).fit(digits)
    np.testing.assert_array_equal(
        clone(estimator).fit(digits).transform(digits), estimator.transform(digits)
    )


@pytest.mark.filterwarnings("ignore:X holds values")
def test_binary_cross_entropy_refuses_later_chunks_outside_its_range(small, digits):
    estimator = small(loss="binary_cross_entropy").partial_fit(digits)
    with pytest.raises(ValueError, match="outside of the range"):
        estimator.partial_fit(digits * 2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's compiler warns
def test_a_compiled_step_learns_the_same(small, digits):
    compiled = small(compile=True).fit(digits)
    np.testing.assert_allclose(
        compiled.transform(digits), small().fit(digits).transform(digits), rtol=1e-2, atol=1e-2
    )


class FixedWidths(ConvAutoencoder):
    """A user's subclass, whose signature does not name what it fixes."""

    def __init__(self, widths=(4,), *, random_state=0):
        super().__init__(2, hidden_channels=widths, max_epochs=1, random_state=random_state)
        self.widths = widths


class AtLeastOneEpoch(ConvAutoencoder):
    """A user's subclass, with a property in place of a parameter."""

    @property
    def max_epochs(self):
        return self._max_epochs

    @max_epochs.setter
    def max_epochs(self, value):
        self._max_epochs = max(value, 1)


@pytest.mark.parametrize("widths", [(), (4.5,), {4}, 4, (0,)])
def test_widths_that_a_subclass_fixes_are_checked(widths, few):
    with pytest.raises(ValueError, match=r"hidden_channels=.*: expected"):
        FixedWidths(widths).fit(few)


def test_a_subclass_may_have_properties_for_parameters(few):
    assert AtLeastOneEpoch(2, hidden_channels=(4,), max_epochs=0).fit(few).n_iter_ == 1
    assert FixedWidths().fit(few).transform(few).shape == (len(few), 2)
