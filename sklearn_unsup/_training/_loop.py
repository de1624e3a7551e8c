"""Changes to skorch's training loop."""

import copy
import math
from collections import defaultdict
from numbers import Number

import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping, EpochTimer
from skorch.exceptions import SkorchException

from sklearn_unsup._training._errors import TrainingDivergedError
from sklearn_unsup._training._estimate import EpochLog

VALIDATION_SEED = 0  # the same noise in each epoch, so that validation losses are comparable


class StopTraining(Exception):
    """Leave skorch's loop at the end of an epoch."""


class TrainingLoop(NeuralNet):
    """Training loop of skorch over prepared batches, with one record per epoch.

    Losses stay on the device until the end of the epoch. A KeyboardInterrupt is raised again, and a
    loss that is not finite is an error. `Trainer` has `train_step`, `validation_step` and the
    attributes that are used here.
    """

    def epochs(self):
        """Return the history: a plain dict for each complete epoch."""
        return [plain_row(row) for row in self.history or () if "dur" in row]

    def stop_after_this_epoch(self):
        """Stop training, later phases included, at the end of the current epoch."""
        self.stop_ = self.is_stopped_ = True

    def get_default_callbacks(self):
        """Time each epoch, and print it if verbose."""
        return [
            ("epoch_timer", EpochTimer()),
            *([("print_log", EpochLog())] if self.verbose else []),
        ]

    def get_split_datasets(self, X, y=None, **fit_params):
        """Return the batches that were passed to `train`."""
        return X

    def get_iterator(self, dataset, training=False):
        """Return the batches, which can be iterated over."""
        return dataset

    def notify(self, method_name, **cb_kwargs):
        """Call a method of all callbacks; `stop_` ends the training after an epoch."""
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            self.notify_one(callback, method_name, **cb_kwargs)
        if self.stop_ and method_name == "on_epoch_end":
            raise StopTraining

    def notify_one(self, callback, method_name, **cb_kwargs):
        """Call a method of one callback; `EarlyStopping` of skorch raises KeyboardInterrupt."""
        try:
            getattr(callback, method_name)(self, **cb_kwargs)
        except KeyboardInterrupt:
            if not isinstance(callback, EarlyStopping):
                raise
            self.stop_ = True
        except (KeyError, ValueError, SkorchException) as error:
            if "not found in history" not in str(error):
                raise
            raise ValueError(
                f"{type(callback).__name__} in callbacks= looks for what is not recorded "
                f"({error.args[0]}). Recorded are {sorted(plain_row(self.history[-1]))}; what "
                "begins with 'valid_' only with early_stopping=True."
            ) from error

    def end_training(self, batches):
        """Call `on_train_end` of all callbacks; return the KeyboardInterrupt that one raised."""
        interrupt = None
        for _, callback in self.callbacks_:
            try:
                self.notify_one(callback, "on_train_end", X=batches, y=None)
            except KeyboardInterrupt as error:  # the other callbacks are still called
                interrupt = error
        return interrupt

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Start an epoch in the history, with one row for what callbacks record by batch."""
        super().on_epoch_begin(net, dataset_train, dataset_valid, **kwargs)
        self.history.new_batch()

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        """Record no row per batch."""

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run all batches, and record the mean loss and its parts."""
        if iterator is None:
            return
        self.module_.train(training)
        if training:
            self._check_trainable()
        self.generator_ = self.noise_generator
        if not training:
            self.generator_ = torch.Generator(self.device).manual_seed(VALIDATION_SEED)
        sums, n_rows, n_batches = defaultdict(float), 0, 0
        for batch in iterator:
            self.interrupts.poll()
            self.notify("on_batch_begin", batch=batch, training=training)
            parts = step_fn(batch)
            for name, value in parts.items():
                sums[name] = sums[name] + value * len(batch)  # stays on the device
            n_rows, n_batches = n_rows + len(batch), n_batches + 1
            self.notify("on_batch_end", batch=batch, training=training, **parts)
        self.history.record(f"{prefix}_batch_count", n_batches)
        for name, total in sums.items():
            self.record(f"{prefix}_{name}", float(total) / n_rows)

    def _check_trainable(self):
        """Raise a ValueError if callbacks have frozen all parameters of a group."""
        for group in self.optimizer_.param_groups:
            if not any(parameter.requires_grad for parameter in group["params"]):
                raise ValueError(
                    "A callback in callbacks= has frozen all parameters, so that nothing is left "
                    "to train. Leave requires_grad of some at True."
                )

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Keep the best weights, and stop when the monitored score no longer improves."""
        if dataset_valid is None:
            return
        epoch, loss = len(self.history), self.history[-1, self.monitored]
        if self.best_ is None or loss < self.best_[0] - self.tol:
            self.improved_ = epoch
        elif self.patience is not None:
            if epoch - max(self.improved_, self.patient_until_) >= self.patience:
                self.stop_ = True
        if self.best_ is None or loss < self.best_[0]:
            self.best_ = (loss, epoch, copy.deepcopy(self.module_.state_dict()))

    def record(self, name, value):
        """Record the mean of an epoch, and whether it is the best so far, for callbacks."""
        past = [row[name] for row in self.history[:-1] if name in row]
        if not math.isfinite(value):
            raise TrainingDivergedError(
                f"Training diverged: {name} is {value} in epoch {len(self.history)} (last finite "
                f"value: {past[-1] if past else 'none'}). Lower learning_rate (now {self.lr}), "
                "set precision='float32', or look for extreme values in X."
            )
        self.history.record(name, value)
        self.history.record(f"{name}_best", all(value < other for other in past))


def plain_row(row):
    """Return a row of skorch's history as a plain dict of scalars."""
    named = {"duration" if key == "dur" else key: value for key, value in row.items()}
    return {
        key: value
        for key, value in named.items()
        if isinstance(value, Number) and not key.endswith(("_best", "_batch_count"))
    }


def detached(parts):
    """Return the parts of a loss, detached from the graph."""
    return {name: value.detach() for name, value in parts.items()}
