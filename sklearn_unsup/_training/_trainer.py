"""The training loop of networks with one loss, on skorch."""

import contextlib
import copy
import math
from collections import defaultdict
from numbers import Number
from typing import ClassVar

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, EpochTimer, LRScheduler, PrintLog
from skorch.exceptions import SkorchException

from sklearn_unsup._persistence import Spec, integer, is_finite, is_whole
from sklearn_unsup._training._callbacks import check_monitored
from sklearn_unsup._training._checkpoint import TrainingCheckpoint, identity_of
from sklearn_unsup._training._errors import TrainingDivergedError, explained
from sklearn_unsup._training._graphs import MIN_STEPS, GraphedSteps, has_graphs
from sklearn_unsup._training._interrupts import Interrupts
from sklearn_unsup._training._optimizers import (
    build_optimizer,
    match_strides,
    schedule_callbacks,
)


class _StopTraining(Exception):
    """Leave skorch's loop at the end of an epoch."""


VALIDATION_SEED = 0  # the same noise at each validation, so that losses of epochs can be compared


class Trainer(NeuralNet):
    """Train a network by its own `training_loss`, with validation, schedules and callbacks.

    What it changes of skorch: batches come ready from an iterator, the network returns its loss,
    numbers are kept per epoch instead of per batch, Ctrl-C is not swallowed, and a loss that is
    not finite is an error.

    Parameters
    ----------
    network : nn.Module
        Has ``training_loss(images, generator) -> dict`` with the key "loss" and its parts.
    optimizer : {"adam", "adamw", "sgd"} or class
        A class is called with the parameters, `lr`, and `weight_decay` if it takes one.
    learning_rate, weight_decay : float
    schedule : {"constant", "cosine", "one_cycle"}
        Of the learning rate, over all steps of `train`.
    callbacks : sequence of skorch callbacks
    verbose : bool
        Print a line per epoch.
    device : torch.device
    precision : torch.dtype or None
        Of autocast; None trains in the weights' own precision.
    compile : bool
        Compile the training loss with ``torch.compile``.
    noise_generator : torch.Generator
        On the device; handed to the network for the noise that it draws.
    patience : int or None
        Epochs without improvement of the validation loss after which to stop; None never stops.
    tol : float
        The least improvement that counts.
    identify : callable
        Returns what decides the end of the training, beside the callbacks; for checkpoints.
    draws_globally : bool
        Whether the network draws from torch's global random state.
    custom : sequence of str
        Names of the parts of the network that a user wrote.
    interrupts : Interrupts or None
        Say when Ctrl-C may end the training; None leaves it to Python.
    betas : tuple of float or None
        Of Adam, if the optimiser is given by name; None for torch's.
    """

    kept: ClassVar[dict] = {  # what a checkpoint keeps of the trainer itself
        "best_": Spec(lambda best: best is None or _is_best(best), "a loss, an epoch and weights"),
        "improved_": integer(0),
        "stop_": Spec(lambda stop: isinstance(stop, bool), "True or False"),
        "patient_until_": integer(-(2**31)),
    }
    recorded: ClassVar[set] = {"train_loss"}  # in each epoch of `fit`, at least
    monitored = "valid_loss"  # what early stopping looks at; smaller is better
    restore_best = True

    def __init__(
        self,
        network,
        *,
        optimizer,
        learning_rate,
        weight_decay,
        schedule,
        callbacks,
        verbose,
        device,
        precision,
        compile,
        noise_generator,
        patience,
        tol,
        identify,
        draws_globally,
        custom=(),
        interrupts=None,
        betas=None,
    ):
        super().__init__(
            network,
            criterion=torch.nn.Identity,  # the network returns its own loss; skorch wants one
            optimizer=optimizer,
            lr=learning_rate,
            callbacks=list(callbacks),
            verbose=int(verbose),
            device=device,
            train_split=None,
        )
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.precision = precision
        self.noise_generator = noise_generator
        self.patience = patience
        self.tol = tol
        self.identify = identify
        self.draws_globally = draws_globally
        self.custom = custom
        self.interrupts = Interrupts() if interrupts is None else interrupts
        self.betas = betas
        self.prepare_losses(network, torch.compile if compile else lambda loss: loss)
        self.best_ = None  # (validation loss, epoch, weights)
        self.improved_ = 0  # the last epoch that was better than the best by `tol`
        self.stop_ = False
        self.patient_until_ = 0  # an epoch; callbacks may set it

    def train(self, batches, validation=None, max_epochs=1, optimizer_state=None):
        """Train for at most `max_epochs`; with a validation set, restore the best weights.

        Parameters
        ----------
        batches, validation : Batches
        max_epochs : int
        optimizer_state : dict or None
            The state of an earlier trainer's optimiser, to go on with.

        Returns
        -------
        interrupt : KeyboardInterrupt or None
            Ctrl-C, if it came after at least one whole epoch.

        Raises
        ------
        TrainingDivergedError
            If the mean loss of an epoch is not finite.
        KeyboardInterrupt
            If Ctrl-C came before the end of the first epoch.
        """
        self.callbacks[:0] = schedule_callbacks(self.schedule, self.lr, max_epochs * len(batches))
        self.batches_ = batches
        if any(isinstance(callback, TrainingCheckpoint) for callback in self.callbacks):
            self.identity_ = identity_of(self)
        self.initialize()
        check_monitored(self.callbacks_, validation is not None)
        # Last of all, so that it finds what the others have done.
        self.callbacks_.sort(key=lambda named: isinstance(named[1], TrainingCheckpoint))
        if sum(isinstance(callback, LRScheduler) for _, callback in self.callbacks_) > 1:
            raise ValueError(
                f"callbacks= holds an LRScheduler, and learning_rate_schedule={self.schedule!r} is "
                "another. Set learning_rate_schedule='constant' to use your own."
            )
        self.parameters_ = list(self.get_all_learnable_params())
        if optimizer_state is not None:
            groups = self.optimizer_.state_dict()["param_groups"]
            self.optimizer_.load_state_dict({"state": optimizer_state, "param_groups": groups})
            match_strides(self.optimizer_)
        self.steps_ = self._graphed(max_epochs * len(batches))
        interrupt = None
        self.notify("on_train_begin", X=batches, y=None)
        n_epochs = 0 if self.stop_ else max_epochs - len(self.history)
        self.interrupts.start_training()
        try:
            try:
                with explained(batches):
                    self.fit_loop((batches, validation), epochs=n_epochs)
            except _StopTraining:
                pass
            self.interrupts.close()  # here already: Ctrl-C until now is one of the training
        except KeyboardInterrupt as error:
            self.interrupts.close()
            if not self.epochs():
                raise
            interrupt = error
        finally:
            self.interrupts.close()
            del self.steps_  # it holds this trainer, and graphs hold memory of the device
        interrupt = self._end_training(batches) or interrupt
        if self.best_ is not None and self.restore_best:
            self.module_.load_state_dict(self.best_[2])
        self.optimizer_.zero_grad()
        self.module_.eval()
        return interrupt

    def _end_training(self, batches):
        """Tell all callbacks; return the KeyboardInterrupt that one has raised, if one did."""
        interrupt = None
        for _, callback in self.callbacks_:
            try:
                self._tell(callback, "on_train_end", X=batches, y=None)
            except KeyboardInterrupt as error:  # the others are told all the same
                interrupt = error
        return interrupt

    def prepare_losses(self, network, compiled):
        """Keep the network's losses, each passed through `compiled`."""
        self.loss_ = compiled(network.training_loss)

    def epochs(self):
        """Return what was recorded: a plain dict for each whole epoch."""
        return [_plain(row) for row in self.history if "dur" in row]

    def stop_after_this_epoch(self):
        """Ask for the end of the training at the end of the current epoch."""
        self.stop_ = True

    # What skorch calls, in its order.

    def get_default_callbacks(self):
        """Time each epoch, and print it if verbose."""
        return [
            ("epoch_timer", EpochTimer()),
            *([("print_log", PrintLog())] if self.verbose else []),
        ]

    def initialize_optimizer(self, triggered_directly=None):
        """Build the optimiser from its name or class."""
        groups = self.groups(self.module_)
        self.optimizer_ = build_optimizer(
            self.optimizer, groups, self.lr, self.weight_decay, self.betas
        )
        return self

    @staticmethod
    def groups(network):
        """Return the network's parameters as the optimiser has them."""
        return [{"params": list(network.parameters())}]

    def get_split_datasets(self, X, y=None, **fit_params):
        """Return the batches as they came to `train`."""
        return X

    def get_iterator(self, dataset, training=False):
        """Return the batches: they are their own iterator."""
        return dataset

    def notify(self, method_name, **cb_kwargs):
        """Call the callbacks; skorch's early stopping speaks by raising KeyboardInterrupt."""
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            self._tell(callback, method_name, **cb_kwargs)
        if self.stop_ and method_name == "on_epoch_end":
            raise _StopTraining

    def _tell(self, callback, method_name, **cb_kwargs):
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
                f"({error.args[0]}). Recorded are {sorted(_plain(self.history[-1]))}; what "
                "begins with 'valid_' only with early_stopping=True."
            ) from error

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Open an epoch in the history, with one row for whatever callbacks record by batch."""
        super().on_epoch_begin(net, dataset_train, dataset_valid, **kwargs)
        self.history.new_batch()

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        """Keep no row per batch."""

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run all batches, and record the mean of the loss and of its parts."""
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
        """Raise a ValueError if callbacks have left nothing to train."""
        for group in self.optimizer_.param_groups:
            if not any(parameter.requires_grad for parameter in group["params"]):
                raise ValueError(
                    "A callback in callbacks= has frozen all parameters, so that nothing is left "
                    "to train. Leave requires_grad of some at True."
                )

    def train_step(self, batch, **fit_params):
        """Take one step of the optimiser, on the device if it can be told all of it at once."""
        return self.steps_(batch)

    def take_step(self, batch, variant=None):
        """Take one step of the optimiser; return the parts of the loss."""
        parts = {}

        def closure():
            self.optimizer_.zero_grad()
            parts.update(self._parts(batch))
            parts["loss"].backward()
            self.notify(
                "on_grad_computed", named_parameters=self.parameters_, batch=batch, training=True
            )
            return parts["loss"]

        self.optimizer_.step(closure)
        return detached(parts)

    def validation_step(self, batch, **fit_params):
        """Compute the loss without gradients."""
        with torch.no_grad():
            return self._parts(batch)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Keep the best weights, and stop when what is monitored no longer improves."""
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

    def autocast(self):
        """Return a context of the training's precision."""
        if self.precision is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.precision)

    def _graphed(self, n_steps):
        """Return `take_step`, as CUDA graphs where it is known to be the same each time.

        Of a user's own network, optimiser or look at gradients nobody knows that.
        """
        looks = any(
            type(callback).on_grad_computed is not Callback.on_grad_computed
            for _, callback in self.callbacks_
        )
        is_known = self.optimizer in ("adam", "adamw") and not self.draws_globally and not looks
        if not (is_known and has_graphs(torch.device(self.device)) and n_steps >= MIN_STEPS):
            return self.take_step
        return GraphedSteps(self.take_step, self.optimizer_, self.noise_generator)

    def _parts(self, batch):
        with self.autocast():
            return self.loss_(batch, self.generator_)

    def record(self, name, value):
        """Record an epoch's mean, and whether it is the best so far (checkpoints ask for that)."""
        before = [row[name] for row in self.history[:-1] if name in row]
        if not math.isfinite(value):
            raise TrainingDivergedError(
                f"Training diverged: {name} is {value} in epoch {len(self.history)} (last finite "
                f"value: {before[-1] if before else 'none'}). Lower learning_rate (now {self.lr}), "
                "set precision='float32', or look for extreme values in X."
            )
        self.history.record(name, value)
        self.history.record(f"{name}_best", all(value < other for other in before))


def detached(parts):
    """Return the parts of a loss without what backward needed."""
    return {name: value.detach() for name, value in parts.items()}


def _is_best(best):
    return (
        isinstance(best, tuple)
        and len(best) == 3
        and is_finite(best[0])
        and is_whole(best[1])
        and isinstance(best[2], dict)
    )


def _plain(row):
    """Return a row of skorch's history as a plain dict of scalars."""
    kept = {"duration" if key == "dur" else key: value for key, value in row.items()}
    return {
        key: value
        for key, value in kept.items()
        if isinstance(value, Number) and not key.endswith(("_best", "_batch_count"))
    }
