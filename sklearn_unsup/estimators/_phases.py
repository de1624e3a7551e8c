"""The training phases of a fit."""

from dataclasses import replace
from functools import partial

import torch

from sklearn_unsup._devices import resolve_precision, seed_from
from sklearn_unsup._persistence import to_tensors
from sklearn_unsup._training import (
    OptimizerSettings,
    TimeEstimate,
    TrainingCheckpoint,
    copy_callbacks,
    optimizer_state,
)


def resolve_epochs(estimator, max_epochs, n_rows):
    """Return a number of epochs; "auto" takes about `_auto_steps` steps."""
    if max_epochs == "auto":
        return estimator._batch_sizes.auto_epochs(n_rows, estimator._auto_steps)
    return int(max_epochs)


def expected_epochs(estimator, X):
    """Return the number of epochs that `fit` takes, or None if that is not known."""
    try:
        n_rows = len(X)
    except TypeError:
        n_rows = 0
    if not n_rows or estimator._n_phases is None:  # without rows, validation raises an error
        return None
    return estimator._n_phases * resolve_epochs(estimator, estimator.max_epochs, n_rows)


def of_images(view):
    """Return a view of the images as a view of a batch; None remains None."""
    if view is None:
        return None
    return lambda batch, generator: replace(batch, images=view(batch.images, generator))


class Phases:
    """Train a network in one or more phases, with settings that all phases of a fit share.

    Parameters
    ----------
    estimator : ImageEstimator
        The draft that is fitted.
    device : torch.device
    generator : torch.Generator
        The only source of randomness.
    interrupts : InterruptHandler
    max_epochs : int or "auto"
        Default number of epochs of a phase.
    schedule : str
        Schedule of the learning rate.
    is_chunk : bool
        Whether X is a chunk of `partial_fit`.
    state : dict or None
        The training state of an earlier fit, to resume from.

    Attributes
    ----------
    callbacks : list
        Copies of the user's callbacks.
    trainer : Trainer
        Trainer of the last phase.
    progress : Callback or None
        Reports each epoch to scikit-learn's callbacks.
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
        if is_chunk:  # one epoch has nothing to resume
            self.callbacks = [c for c in self.callbacks if not isinstance(c, TrainingCheckpoint)]
        self._trained = []  # (name of the phase, trainer)

    def train(
        self,
        network,
        data,
        phase=None,
        max_epochs=None,
        callbacks=(),
        view=None,
        validation_view=None,
        batch_view=None,
    ):
        """Train a network for one phase.

        Parameters
        ----------
        network : Network
        data : TrainingData
        phase : str, default=None
            Name of the phase in `history_`.
        max_epochs : int, default=None
            Number of epochs; None takes that of the estimator. In `partial_fit` it is always 1.
        callbacks : sequence of skorch callbacks, default=()
            Additional callbacks of the model, called before those of the user.
        view, validation_view : callable, default=None
            ``view(images, generator) -> images`` that training steps and the validation see.
        batch_view : callable, default=None
            ``view(batch, generator) -> Batch``, instead of both.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C. `_conclude` then keeps what was learnt, if an epoch was complete.
        """
        if self.trainer is not None and self.trainer.is_stopped_:
            return
        estimator = self.estimator
        if max_epochs is None or self.is_chunk:
            max_epochs = resolve_epochs(estimator, self.max_epochs, len(data))
        observers = [self.progress] if self.progress else []
        if estimator.verbose and not self.is_chunk:
            observers.append(TimeEstimate(max_epochs, phase))
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
            callbacks=[*callbacks, *self.callbacks, *observers],
            verbose=estimator.verbose,
            patience=estimator.n_iter_no_change if estimator.early_stopping else None,
            tol=estimator.tol if estimator.early_stopping else 0.0,
            identify=partial(estimator._identify, network, data, (phase, max_epochs)),
            custom=estimator._custom_parts(estimator._fitted_params),
            view=batch_view or of_images(view),
            validation_view=batch_view or of_images(validation_view),
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
        """Return the state to resume from, or None if it is of another optimiser or phase."""
        state, own = self.state, (str(self.estimator.optimizer), phase)
        if state is None or (state["optimizer"], state.get("phase")) != own:
            return None
        return to_tensors(state["moments"])

    def epochs(self, n_before=0):
        """Return the history of all phases; epochs are counted from `n_before` + 1."""
        rows = [
            row | ({} if phase is None else {"phase": phase})
            for phase, trainer in self._trained
            for row in trainer.epochs()
        ]
        return [{**row, "epoch": epoch} for epoch, row in enumerate(rows, n_before + 1)]

    def training_state(self):
        """Return the state from which a later fit resumes the last phase."""
        trained = [each for each in self._trained if hasattr(each[1], "optimizer_")]
        phase, trainer = trained[-1] if trained else (None, None)
        return {
            "optimizer": str(self.estimator.optimizer),
            "moments": optimizer_state(trainer.optimizer_)["state"] if trained else {},
            "generator": self.generator.get_state().numpy(),
            **({} if phase is None else {"phase": phase}),
        }
