"""The training of networks with one loss."""

import contextlib
from typing import ClassVar

import torch
from skorch.callbacks import Callback, LRScheduler

from sklearn_unsup._persistence import Spec, integer, is_finite, is_whole
from sklearn_unsup._training._callbacks import check_monitored
from sklearn_unsup._training._checkpoint import TrainingCheckpoint, identity_of
from sklearn_unsup._training._errors import translate_batch_errors
from sklearn_unsup._training._graphs import MIN_STEPS, GraphedSteps, has_graphs
from sklearn_unsup._training._interrupts import Interrupts
from sklearn_unsup._training._loop import StopTraining, TrainingLoop
from sklearn_unsup._training._optimizers import build_optimizer, match_strides, schedule_callbacks


class Trainer(TrainingLoop):
    """Train a network by its own `training_loss`, with validation, schedules and callbacks.

    Parameters
    ----------
    network : Network
    optimisation : Optimisation
    device : torch.device
    noise_generator : torch.Generator
        On the device; handed to the network for the noise that it draws.
    precision : torch.dtype, default=None
        Of autocast; None trains in the weights' own precision.
    compile : bool, default=False
        Compile the training loss with ``torch.compile``.
    callbacks : sequence of skorch callbacks, default=()
    verbose : bool, default=False
        Print a line per epoch.
    patience : int, default=None
        Epochs without improvement of the validation loss after which to stop; None never stops.
    tol : float, default=0.0
        The least improvement that counts.
    identify : callable, default=None
        Returns what decides the end of the training, beside the callbacks; for checkpoints.
    custom : sequence of str, default=()
        Names of the parts of the network that a user wrote. They draw from torch's global random
        state.
    interrupts : Interrupts, default=None
        Say when Ctrl-C may end the training; None leaves it to Python.
    """

    checkpointed: ClassVar[dict] = {  # what a checkpoint keeps of the trainer itself
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
        optimisation,
        device,
        noise_generator,
        precision=None,
        compile=False,
        callbacks=(),
        verbose=False,
        patience=None,
        tol=0.0,
        identify=None,
        custom=(),
        interrupts=None,
    ):
        super().__init__(
            network,
            criterion=torch.nn.Identity,  # the network returns its own loss; skorch wants one
            optimizer=optimisation.optimizer,
            lr=optimisation.learning_rate,
            callbacks=list(callbacks),
            verbose=int(verbose),
            device=device,
            train_split=None,
        )
        self.optimisation = optimisation
        self.precision = precision
        self.noise_generator = noise_generator
        self.patience = patience
        self.tol = tol
        self.identify = identify
        self.custom = custom
        self.interrupts = Interrupts() if interrupts is None else interrupts
        self.prepare_losses(network, torch.compile if compile else lambda loss: loss)
        self.best_ = None  # (validation loss, epoch, weights)
        self.improved_ = 0  # the last epoch that was better than the best by `tol`
        self.stop_ = self.is_stopped_ = False  # the latter from outside
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
        self._prepare(batches, validation, max_epochs * len(batches), optimizer_state)
        interrupt = None
        self.notify("on_train_begin", X=batches, y=None)
        n_epochs = 0 if self.stop_ else max_epochs - len(self.history)
        self.interrupts.start_training()
        try:
            try:
                with translate_batch_errors(batches):
                    self.fit_loop((batches, validation), epochs=n_epochs)
            except StopTraining:
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
        interrupt = self.end_training(batches) or interrupt
        if self.best_ is not None and self.restore_best:
            self.module_.load_state_dict(self.best_[2])
        self.optimizer_.zero_grad()
        self.module_.eval()
        return interrupt

    def _prepare(self, batches, validation, n_steps, optimizer_state):
        """Build the optimiser and the callbacks, and check what a user has handed in."""
        schedule = self.optimisation.schedule
        self.callbacks[:0] = schedule_callbacks(schedule, self.lr, n_steps)
        self.batches_ = batches
        if any(isinstance(callback, TrainingCheckpoint) for callback in self.callbacks):
            self.identity_ = identity_of(self)
        self.initialize()
        check_monitored(self.callbacks_, validation is not None)
        # Last of all, so that it finds what the others have done.
        self.callbacks_.sort(key=lambda named: isinstance(named[1], TrainingCheckpoint))
        if sum(isinstance(callback, LRScheduler) for _, callback in self.callbacks_) > 1:
            raise ValueError(
                f"callbacks= holds an LRScheduler, and learning_rate_schedule={schedule!r} is "
                "another. Set learning_rate_schedule='constant' to use your own."
            )
        self.parameters_ = list(self.get_all_learnable_params())
        if optimizer_state is not None:
            groups = self.optimizer_.state_dict()["param_groups"]
            self.optimizer_.load_state_dict({"state": optimizer_state, "param_groups": groups})
            match_strides(self.optimizer_)
        self.steps_ = self._graphed(n_steps)

    def prepare_losses(self, network, compiled):
        """Keep the network's losses, each passed through `compiled`."""
        self.loss_ = compiled(network.training_loss)

    def initialize_optimizer(self, triggered_directly=None):
        """Build the optimiser from its name or class."""
        self.optimizer_ = build_optimizer(self.optimisation, self.groups(self.module_))
        return self

    @staticmethod
    def groups(network):
        """Return the network's parameters as the optimiser has them."""
        return [{"params": list(network.parameters())}]

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
        self.module_.after_step()
        return detached(parts)

    def validation_step(self, batch, **fit_params):
        """Compute the loss without gradients."""
        with torch.no_grad():
            return self._parts(batch)

    def autocast(self):
        """Return a context of the training's precision."""
        if self.precision is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.precision)

    def _graphed(self, n_steps):
        """Return `take_step`, as CUDA graphs where it is known to be the same each time.

        CUDA graphs are disabled for custom networks and optimisers, and for callbacks that read
        gradients.
        """
        reads_gradients = any(
            type(callback).on_grad_computed is not Callback.on_grad_computed
            for _, callback in self.callbacks_
        )
        is_known = self.optimizer in ("adam", "adamw") and not self.custom and not reads_gradients
        if not (is_known and has_graphs(torch.device(self.device)) and n_steps >= MIN_STEPS):
            return self.take_step
        return GraphedSteps(self.take_step, self.optimizer_, self.noise_generator)

    def _parts(self, batch):
        with self.autocast():
            return self.loss_(batch, self.generator_)


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
