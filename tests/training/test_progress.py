"""What a user sees of the time: the lines of `verbose`, and the parts of a progress bar."""

import io
import re
import sys

import pytest
from every_model import EACH_MODEL, EVERY_MODEL, fit_model, set_params
from sklearn.callback import ProgressBar
from skorch.callbacks import Callback, EarlyStopping
from stopping import Stop

from sklearn_unsup import TrainingCheckpoint, TrainingDivergedError
from sklearn_unsup._training import _estimate, _progress

N_STEPS = 7  # of an epoch: 200 rows, batches of 32
ESTIMATE = re.compile(
    r"(?P<phase>\w+: )?(?P<most>at most )?(?P<epochs>\d+)(?P<more> more)? epochs? of "
    r"(?P<steps>\d+) steps?: (less than 1 s|about( \d+ h)?( \d+ min)?( \d+ s)?)"
)


class Clock(Callback):
    """A clock that only moves when a batch is trained."""

    def __init__(self, seconds_per_step, monkeypatch):
        self.ticks, self.seconds_per_step = [], seconds_per_step  # `fit` copies the callback
        for module in (_estimate, _progress):
            monkeypatch.setattr(module, "perf_counter", lambda: sum(self.ticks))

    def on_batch_end(self, net, training=False, **kwargs):
        self.ticks.append(training * self.seconds_per_step)


def estimates(text):
    return [found for found in map(ESTIMATE.fullmatch, text.splitlines()) if found]


@pytest.mark.parametrize("model", EACH_MODEL)
def test_each_phase_begins_with_an_estimate_of_its_time(model, few, capsys):
    estimator = set_params(EVERY_MODEL[model](), verbose=1, max_epochs=2)
    fit_model(estimator, few)
    lines = capsys.readouterr().out.splitlines()
    found = estimates("\n".join(lines))
    assert [line["epochs"] for line in found] == ["2"] * EVERY_MODEL[model].n_phases
    assert ESTIMATE.fullmatch(lines[0]) and lines[1].split()[0] == "epoch"


@pytest.mark.parametrize(
    ("seconds_per_step", "expected"),
    [
        (0.01, "3 epochs of 7 steps: less than 1 s"),
        (0.1, "3 epochs of 7 steps: about 2 s"),
        (2, "3 epochs of 7 steps: about 40 s"),
        (10, "3 epochs of 7 steps: about 3 min 30 s"),
        (100, "3 epochs of 7 steps: about 35 min"),
        (1000, "3 epochs of 7 steps: about 5 h 50 min"),
        (10_000, "3 epochs of 7 steps: about 58 h"),
    ],
)
def test_the_estimate_is_of_all_epochs(
    small, digits, monkeypatch, capsys, seconds_per_step, expected
):
    clock = Clock(seconds_per_step, monkeypatch)
    small(max_epochs=3, verbose=True, callbacks=[clock]).fit(digits)
    assert capsys.readouterr().out.splitlines()[0] == expected


def test_slow_first_steps_do_not_count(small, digits, monkeypatch, capsys):
    clock = Clock(10, monkeypatch)

    class Slow(Callback):
        def on_batch_end(self, net, **kwargs):
            clock.ticks.append(1000 * (len(clock.ticks) < 4))

    small(max_epochs=3, verbose=True, callbacks=[clock, Slow()]).fit(digits)
    assert "about 3 min 30 s" in capsys.readouterr().out.splitlines()[0]


def test_validation_takes_time_too(small, digits, monkeypatch, capsys):
    clock = Clock(10, monkeypatch)
    small(max_epochs=3, verbose=True, early_stopping=True, callbacks=[clock]).fit(
        digits, X_val=digits
    )
    assert "about 4 min 40 s" in capsys.readouterr().out  # 3.5 min, and a third of it


@pytest.mark.parametrize(
    "params",
    [
        {"early_stopping": True},
        {"callbacks": [EarlyStopping(monitor="train_loss", patience=9, sink=lambda text: None)]},
    ],
)
def test_a_training_that_may_stop_takes_at_most_that_time(small, digits, capsys, params):
    small(verbose=True, **params).fit(digits)
    (found,) = estimates(capsys.readouterr().out)
    assert found["most"]
    small(verbose=True).fit(digits)
    (found,) = estimates(capsys.readouterr().out)
    assert not found["most"]


def test_a_chunk_has_a_line_and_no_estimate(small, digits, capsys):
    small(verbose=True).partial_fit(digits).partial_fit(digits)
    text = capsys.readouterr().out
    assert not estimates(text) and text.count("train_loss") == 2


def test_a_resumed_training_counts_what_is_left(small, digits, tmp_path, monkeypatch, capsys):
    def fit(stop):
        callbacks = [TrainingCheckpoint(tmp_path), Stop(stop)]
        small(max_epochs=5, verbose=True, callbacks=callbacks).fit(digits)

    with pytest.raises(InterruptedError):
        fit(3)
    assert estimates(capsys.readouterr().out)[0]["epochs"] == "5"
    fit(99)
    (found,) = estimates(capsys.readouterr().out)
    assert (found["epochs"], found["more"]) == ("2", " more")
    fit(99)  # had finished
    assert capsys.readouterr().out == ""
    small(max_epochs=5, callbacks=[TrainingCheckpoint(tmp_path), Stop(0)]).fit(digits)
    assert capsys.readouterr().out == ""  # verbose does not affect the name of the checkpoint


def test_a_training_that_fails_at_once_says_so_and_no_time(small, digits, capsys):
    class Fail(Callback):
        def on_batch_end(self, net, **kwargs):
            raise TrainingDivergedError("at once")

    with pytest.raises(TrainingDivergedError):
        small(verbose=True, callbacks=[Fail()]).fit(digits)
    assert capsys.readouterr().out == ""


# Colours


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("out", "no_color", "has_colours"),
    [(Terminal, "", True), (Terminal, "1", False), (io.StringIO, "", False)],
)
def test_colours_are_for_terminals(small, digits, monkeypatch, out, no_color, has_colours):
    monkeypatch.setattr(sys, "stdout", out())
    monkeypatch.setenv("NO_COLOR", no_color)
    small(verbose=True).fit(digits)
    text = sys.stdout.getvalue()
    assert "train_loss" in text
    assert ("\x1b" in text) == has_colours


# Progress bars


class Bars(ProgressBar):
    """List the tasks that a progress bar sees, and show nothing."""

    def setup(self, estimator, context):
        self.begun, self.ended = [], []

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((context.task_name, context.task_id, context.max_subtasks))

    def on_fit_task_end(self, estimator, context):
        self.ended.append((context.task_name, context.task_id))


class Reader:
    """A callback of a user."""

    def setup(self, estimator, context):
        self.ended = []

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.ended.append(context.task_name)
        return False


def epochs_begun(bars):
    return [task for task in bars.begun if task[0] == "epoch"]


def parts_of(n_epochs):
    """Return the tasks that end if all epochs are long."""
    parts = [("part of an epoch", part) for part in range(N_STEPS)]
    return [task for epoch in range(n_epochs) for task in [*parts, ("epoch", epoch)]]


def test_long_epochs_move_a_bar_within_the_epoch(small, digits, monkeypatch):
    bars = Bars()
    clock = Clock(10, monkeypatch)
    small(max_epochs=3, callbacks=[clock]).set_callbacks(bars).fit(digits)
    assert epochs_begun(bars) == [("epoch", epoch, N_STEPS) for epoch in range(3)]
    assert bars.ended == [*parts_of(3), ("fit", 0)]


def test_a_bar_has_a_hundred_parts_at_most(small, digits, monkeypatch):
    bars = Bars()
    clock = Clock(10, monkeypatch)
    small(max_epochs=1, batch_size=1, callbacks=[clock]).set_callbacks(bars).fit(digits)
    assert epochs_begun(bars) == [("epoch", 0, 100)]
    assert bars.ended.count(("part of an epoch", 99)) == 1


def test_short_epochs_have_no_parts(small, digits, monkeypatch):
    for seconds_per_step in (0.0, 0.01, 0.3):
        bars = Bars()
        clock = Clock(seconds_per_step, monkeypatch)
        small(max_epochs=3, callbacks=[clock]).set_callbacks(bars).fit(digits)
        assert epochs_begun(bars) == [("epoch", epoch, 0) for epoch in range(3)]
        assert bars.ended == [*(("epoch", epoch) for epoch in range(3)), ("fit", 0)]


def test_other_callbacks_see_epochs_only(small, digits, monkeypatch):
    bars, reader = Bars(), Reader()
    clock = Clock(10, monkeypatch)
    small(max_epochs=3, callbacks=[clock]).set_callbacks(bars, reader).fit(digits)
    assert reader.ended == ["epoch", "epoch", "epoch", "fit"]
    assert epochs_begun(bars) == [("epoch", epoch, 0) for epoch in range(3)]


def test_bars_of_scikit_learn_show_parts(small, digits, monkeypatch, capsys):
    clock = Clock(10, monkeypatch)
    small(callbacks=[clock]).set_callbacks(ProgressBar()).fit(digits)
    assert "epoch #0" in capsys.readouterr().out
