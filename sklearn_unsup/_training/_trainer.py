"""The training loop of a network with one loss."""

import contextlib
from typing import ClassVar

import torch
from skorch.callbacks import Callback, LRScheduler

from sklearn_unsup._persistence import Spec, integer
from sklearn_unsup._training._callbacks import check_monitored
from sklearn_unsup._training._checkpoint import TrainingCheckpoint, training_identity
from sklearn_unsup._training._checkpoint_state import is_best
from sklearn_unsup._training._errors import translate_batch_errors
from sklearn_unsup._training._graphs import MIN_STEPS, GraphedSteps, supports_cuda_graphs
from sklearn_unsup._training._interrupts import InterruptHandler
from sklearn_unsup._training._loop import StopTraining, TrainingLoop, detached
from sklearn_unsup._training._optimizers import (
    ADAPTIVE,
    build_optimizer,
    match_strides,
    schedule_callbacks,
)


class Trainer(TrainingLoop):
    """Train a network with its `training_loss`, validation, a schedule and callbacks.

    Parameters
    ----------
    network : Network
    optimizer_settings : OptimizerSettings
    device : torch.device
    noise_generator : torch.Generator
        Generator of the network's noise, on the device.
    precision : torch.dtype, default=None
        Dtype of autocast; None trains in the precision of the weights.
    compile : bool, default=False
        Compile the training loss with ``torch.compile``.
    callbacks : sequence of skorch callbacks, default=()
    verbose : bool, default=False
        Print a line per epoch.
    patience : int, default=None
        Epochs without improvement of the validation loss after which to stop; None never stops.
    tol : float, default=0.0
        Minimum improvement that counts.
    identify : callable, default=None
        Returns all that affects the result, except the callbacks. Used by checkpoints.
    custom : sequence of str, default=()
        Names of the custom parts of the network, which draw from torch's global random state.
    view, validation_view : callable, default=None
        ``view(batch, generator) -> Batch`` that training steps and the validation see.
    interrupts : InterruptHandler, default=None
        Decides when Ctrl-C may stop the training; None leaves this to Python.
    """

    checkpointed: ClassVar[dict] = {  # attributes of the trainer that a checkpoint holds
        "best_": Spec(lambda best: best is None or is_best(best), "a loss, an epoch and weights"),
        "improved_": integer(0),
        "stop_": Spec(lambda stop: isinstance(stop, bool), "True or False"),
        "patient_until_": integer(-(2**31)),
    }
    recorded: ClassVar[set] = {"train_loss"}  # in each epoch of `fit`; there may be more
    monitored = "valid_loss"  # by early stopping; smaller is better
    restore_best = True

    def __init__(
        self,
        network,
        *,
        optimizer_settings,
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
        view=None,
        validation_view=None,
        interrupts=None,
    ):
        super().__init__(
            network,
            criterion=torch.nn.Identity,  # skorch requires one; the network has its own loss
            optimizer=optimizer_settings.optimizer,
            lr=optimizer_settings.learning_rate,
            callbacks=list(callbacks),
            verbose=int(verbose),
            device=device,
            train_split=None,
        )
        self.optimizer_settings = optimizer_settings
        self.precision = precision
        self.noise_generator = noise_generator
        self.patience = patience
        self.tol = tol
        self.identify = identify
        self.custom = custom
        self.view, self.validation_view = view, validation_view
        self.interrupts = InterruptHandler() if interrupts is None else interrupts
        self.prepare_losses(network, torch.compile if compile else lambda loss: loss)
        self.best_ = None  # (validation loss, epoch, weights)
        self.improved_ = 0  # the last epoch that was better than the best before by `tol`
        self.stop_ = self.is_stopped_ = False  # the latter: from outside
        self.patient_until_ = 0  # no early stopping before this epoch; callbacks may set it

    def train(self, batches, validation=None, max_epochs=1, optimizer_state=None):
        """Train for at most `max_epochs`; with validation, restore the best weights.

        Parameters
        ----------
        batches, validation : Batches
        max_epochs : int
        optimizer_state : dict or None
            Initial state of the optimiser, from an earlier training.

        Returns
        -------
        interrupt : KeyboardInterrupt or None
            Set if Ctrl-C stopped the training after at least one epoch.

        Raises
        ------
        TrainingDivergedError
            If the mean loss of an epoch is not finite.
        KeyboardInterrupt
            On Ctrl-C before the end of the first epoch.
        """
        self._prepare(batches, validation, max_epochs * len(batches), optimizer_state)
        interrupt = None
        self.notify("on_train_begin", X=batches, y=None)
        n_epochs = 0 if self.stop_ else max_epochs - len(self.history)
        self.interrupts.allow_between_batches()
        try:
            try:
                with translate_batch_errors(batches):
                    self.fit_loop((batches, validation), epochs=n_epochs)
            except StopTraining:
                pass
            self.interrupts.defer()  # within `try`: a KeyboardInterrupt up to here is handled below
        except KeyboardInterrupt as error:
            self.interrupts.defer()
            if not self.epochs():
                raise
            interrupt = error
        finally:
            self.interrupts.defer()
            del self.step_function_  # it refers to this trainer, and to memory of CUDA graphs
        interrupt = self.end_training(batches) or interrupt
        if self.best_ is not None and self.restore_best:
            self.module_.load_state_dict(self.best_[2])
        self.optimizer_.zero_grad()
        self.module_.eval()
        return interrupt

    def _prepare(self, batches, validation, n_steps, optimizer_state):
        """Build the optimiser and the callbacks, and check the user's callbacks."""
        schedule = self.optimizer_settings.schedule
        self.callbacks[:0] = schedule_callbacks(schedule, self.lr, n_steps)
        self.batches_ = batches
        if any(isinstance(callback, TrainingCheckpoint) for callback in self.callbacks):
            self.identity_ = training_identity(self)
        self.initialize()
        check_monitored(self.callbacks_, validation is not None)
        # The checkpoint comes last, so that it saves the effects of the other callbacks.
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
        self.step_function_ = self._choose_step(n_steps)

    def prepare_losses(self, network, compiled):
        """Keep the losses of the network, each passed through `compiled`."""
        self.loss_ = compiled(network.training_loss)

    def initialize_optimizer(self, triggered_directly=None):
        """Build the optimiser from its name or class."""
        self.optimizer_ = build_optimizer(self.optimizer_settings, self.param_groups(self.module_))
        return self

    @staticmethod
    def param_groups(network):
        """Return the parameter groups of the optimiser."""
        return [{"params": list(network.parameters())}]

    def train_step(self, batch, **fit_params):
        """Take one step of the optimiser, as a CUDA graph if possible."""
        return self.step_function_(self._viewed(batch, self.view))

    def _viewed(self, batch, view):
        """Return a view of the batch."""
        return batch if view is None else view(batch, self.generator_)

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
            return self._parts(self._viewed(batch, self.validation_view))

    def autocast(self):
        """Return an autocast context in the precision of the training."""
        if self.precision is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.precision)

    def _choose_step(self, n_steps):
        """Return `take_step`, as CUDA graphs if each step is known to be the same.

        CUDA graphs are disabled for custom networks and optimisers, for callbacks that read
        gradients, and for short trainings.
        """
        reads_gradients = any(
            type(callback).on_grad_computed is not Callback.on_grad_computed
            for _, callback in self.callbacks_
        )
        is_known = self.optimizer in ADAPTIVE and not self.custom and not reads_gradients
        if is_known and n_steps >= MIN_STEPS and supports_cuda_graphs(torch.device(self.device)):
            return GraphedSteps(self.take_step, self.optimizer_, self.noise_generator)
        return self.take_step

    def _parts(self, batch):
        with self.autocast():
            return self.loss_(batch, self.generator_)
