"""What `verbose` prints: an estimate of the time, and a line per epoch."""

import os
import sys
from time import perf_counter

import torch
from skorch.callbacks import Callback, EarlyStopping, PrintLog

N_WARM_UP = 5  # steps without a measurement, as libraries initialise themselves and torch compiles
MIN_STEPS = 5
MIN_SECONDS = 1.0
VALIDATION_COST = 1 / 3  # of a batch, relative to a training step, which has a backward pass
ROUNDING = ((10, 1), (60, 5), (600, 10), (3600, 60), (36_000, 300))  # seconds: below, to


class EpochLog(PrintLog):
    """Print a line per epoch, with colours only on a terminal and without `NO_COLOR`.

    See https://no-color.org.
    """

    def table(self, row):
        """Return the table of an epoch; values that are marked as the best have colours."""
        if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
            row = {key: value for key, value in row.items() if not key.endswith("_best")}
        return super().table(row)


class TimeEstimate(Callback):
    """Print how long a training takes, once its first steps are measured.

    Parameters
    ----------
    max_epochs : int
        Number of epochs, including those before a checkpoint.
    phase : str, default=None
        Name of the phase that is trained.
    sink : callable, default=print
        Receives the line.
    """

    def __init__(self, max_epochs, phase=None, sink=print):
        self.max_epochs = max_epochs
        self.phase = phase
        self.sink = sink

    def on_train_begin(self, net, **kwargs):
        """Wait for the first epoch."""
        self.is_done_ = False

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Start the measurement in the first epoch."""
        if self.is_done_:
            return
        self.n_steps_ = 0
        self.n_per_epoch_ = len(dataset_train)
        self.n_warm_up_ = min(N_WARM_UP, self.n_per_epoch_ // 2)
        self.n_validation_ = len(dataset_valid) if hasattr(dataset_valid, "__len__") else 0
        self.start_ = perf_counter()

    def on_batch_end(self, net, training=False, **kwargs):
        """Print the line after some steps, at the latest at the end of the first epoch."""
        if self.is_done_ or not training:
            return
        self.n_steps_ += 1
        n_measured = self.n_steps_ - self.n_warm_up_
        is_last = self.n_steps_ == self.n_per_epoch_
        if n_measured == 0:
            _synchronize(net.device)
            self.start_ = perf_counter()
        elif is_last or (n_measured >= MIN_STEPS and perf_counter() - self.start_ >= MIN_SECONDS):
            _synchronize(net.device)  # steps may still be computed
            per_step = (perf_counter() - self.start_) / n_measured
            self.sink(self._line(net, per_step))
            sys.stdout.flush()
            self.is_done_ = True

    def _line(self, net, per_step):
        n_done = len(net.history) - 1
        n_epochs = self.max_epochs - n_done
        steps = self.n_per_epoch_ + VALIDATION_COST * self.n_validation_
        epochs = _count(n_epochs, "more epoch" if n_done else "epoch")
        may_stop = net.patience is not None or any(
            isinstance(callback, EarlyStopping) for _, callback in net.callbacks_
        )
        return "".join(
            [
                f"{self.phase}: " if self.phase else "",
                f"at most {epochs}" if may_stop else epochs,
                f" of {_count(self.n_per_epoch_, 'step')}: ",
                _duration(n_epochs * steps * per_step),
            ]
        )


def _count(n, name):
    return f"{n} {name}{'' if n == 1 else 's'}"


def _duration(seconds):
    """Return a duration in words, rounded to about a tenth."""
    if seconds < 1:
        return "less than 1 s"
    step = next((step for below, step in ROUNDING if seconds < below), 3600)
    minutes, seconds = divmod(step * round(seconds / step), 60)
    hours, minutes = divmod(minutes, 60)
    parts = {"h": hours, "min": minutes, "s": seconds}
    return "about " + " ".join(f"{value} {unit}" for unit, value in parts.items() if value)


def _synchronize(device):
    """Wait for the device, so that the time of the steps is known."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
