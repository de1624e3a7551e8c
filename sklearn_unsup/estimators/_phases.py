"""The phases of a fit: each is one run of the training engine."""

from functools import partial

import torch

from sklearn_unsup._devices import resolve_precision, seed_from
from sklearn_unsup._persistence import to_tensors
from sklearn_unsup._training import (
    OptimizerSettings,
    TrainingCheckpoint,
    copy_callbacks,
    optimizer_state,
)


class Phases:
    """Train networks one after the other, with all that the phases of a fit share.

    Parameters
    ----------
    estimator : ImageEstimator
        The draft that learns.
    device : torch.device
    generator : torch.Generator
        The only source of randomness.
    interrupts : InterruptHandler
    max_epochs : int
        Of each phase, unless it says otherwise.
    schedule : str
        Of the learning rate.
    is_chunk : bool
        Whether X is a chunk of `partial_fit`.
    state : dict or None
        The state of the optimiser that an earlier fit left.

    Attributes
    ----------
    callbacks : list
        Copies of the user's.
    trainer : Trainer
        Of the last phase.
    progress : Callback or None
        Tells scikit-learn's callbacks of each epoch.
    """

    trainer = progress = None

    def __init__(
        self, estimator, device, generator, interrupts, *, max_epochs, schedule, is_chunk, state
    ):
        self.estimator, self.device, self.generator = estimator, device, generator
        self.interrupts = interrupts
        self.max_epochs, self.schedule, self.is_chunk = max_epochs, schedule, is_chunk
        self.state = state
        self.callbacks = copy_callbacks(estimator.callbacks or ())
        if is_chunk:  # one epoch is over before it could be stopped
            self.callbacks = [c for c in self.callbacks if not isinstance(c, TrainingCheckpoint)]
        self._trained = []  # (name of the phase, trainer)

    def train(self, network, data, phase=None, max_epochs=None, callbacks=()):
        """Train a network for one phase.

        Parameters
        ----------
        network : Network
        data : TrainingData
        phase : str, default=None
            What `history_` calls it.
        max_epochs : int, default=None
            None takes that of the estimator.
        callbacks : sequence of skorch callbacks, default=()
            Of the model's own.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C. `_conclude` then keeps what was learnt, if an epoch has ended.
        """
        estimator, max_epochs = self.estimator, max_epochs or self.max_epochs
        trainer = estimator._trainer(
            network,
            optimizer_settings=OptimizerSettings(
                estimator.optimizer,
                estimator.learning_rate,
                estimator.weight_decay,
                self.schedule,
                estimator._adam_betas,
            ),
            device=self.device,
            noise_generator=torch.Generator(self.device).manual_seed(seed_from(self.generator)),
            precision=resolve_precision(estimator.precision, self.device),
            compile=estimator.compile,
            callbacks=[*self.callbacks, *callbacks, *([self.progress] if self.progress else [])],
            verbose=estimator.verbose,
            patience=estimator.n_iter_no_change if estimator.early_stopping else None,
            tol=estimator.tol if estimator.early_stopping else 0.0,
            identify=partial(estimator._identify, network, data, (phase, max_epochs)),
            custom=estimator._custom_parts(estimator._fitted_params),
            interrupts=self.interrupts,
            **estimator._trainer_options(),
        )
        batches = estimator._split(data, self.device, self.generator, self.is_chunk)
        self._trained.append((phase, trainer))
        self.trainer = trainer
        interrupt = trainer.train(*batches, max_epochs, self._optimizer_state(phase))
        if interrupt is not None:
            raise interrupt

    def _optimizer_state(self, phase):
        """Return the moments to go on with; those of another optimiser are of no use."""
        state = self.state
        if state is None or (state["optimizer"], state.get("phase")) != (
            str(self.estimator.optimizer),
            phase,
        ):
            return None
        return to_tensors(state["moments"])

    def epochs(self, n_before=0):
        """Return a dict for each epoch of all phases, counted on from `n_before`."""
        rows = [
            row | ({} if phase is None else {"phase": phase})
            for phase, trainer in self._trained
            for row in trainer.epochs()
        ]
        return [{**row, "epoch": epoch} for epoch, row in enumerate(rows, n_before + 1)]

    def training_state(self):
        """Return what a later fit needs to go on from the last phase."""
        phase = self._trained[-1][0]
        return {
            "optimizer": str(self.estimator.optimizer),
            "moments": optimizer_state(self.trainer.optimizer_)["state"],
            "generator": self.generator.get_state().numpy(),
            **({} if phase is None else {"phase": phase}),
        }
