"""The order of a fit: validate, build or resume a network, train it, conclude, commit."""

import contextlib
from functools import partial

from sklearn import get_config
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_consistent_length

from sklearn_unsup._devices import (
    isolated_settings,
    isolated_torch_rng,
    release_memory,
    resolve_device,
    seed_from,
    translate_device_errors,
)
from sklearn_unsup._sklearn import _fit_context
from sklearn_unsup._training import (
    InterruptHandler,
    ScikitLearnCallbacks,
    Trainer,
    TrainingData,
    split_batches,
)
from sklearn_unsup.estimators._availability import hidden_with_early_stopping
from sklearn_unsup.estimators._construction import NetworkBuilderMixin
from sklearn_unsup.estimators._documentation import DocumentationLinkMixin
from sklearn_unsup.estimators._inference import InferenceMixin
from sklearn_unsup.estimators._input import InputMixin
from sklearn_unsup.estimators._phases import Phases
from sklearn_unsup.estimators._saving import SavingMixin
from sklearn_unsup.estimators._values import check_widths


class ImageEstimator(
    CallbackSupportMixin,
    DocumentationLinkMixin,
    InputMixin,
    NetworkBuilderMixin,
    InferenceMixin,
    SavingMixin,
):
    """Base of the estimators that learn from images with a network.

    A child takes the mixins that it can honour (`EncoderMixin`, `DecoderMixin`, `SamplerMixin`,
    scores), names its parameters in `__init__` under `with_shared_parameters`, and gives the hook
    `_build_network`. Other hooks have a default: `_validate_y`, `_network_sizes`, `_fit_scaling`,
    `_start`, `_resume`, `_specs`, and those at the end of this class.
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, X_val=None):
        """Train the network on X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Rows of pixels, or images with two or three sides; numbers of any dtype, in any units.
            May lie on a disk: a memory map, an HDF5 or zarr array, :class:`.NpyFiles`.
        y : Ignored
            Not used, present for API consistency by convention.
        X_val : array-like of shape (n_val, n_features) or (n_val, ...), default=None
            Rows to validate on, in place of a share of X (`validation_fraction`). Only used where
            rows are held out: with ``early_stopping=True``, and by `ConvGAN`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If X or a parameter is not what is described here.
        TrainingDivergedError
            If the training loss is not finite any more. What an earlier `fit` learnt is kept.
        MemoryError
            If the device has not enough memory for a batch.
        RuntimeError
            In a process that was forked from one in which torch had used several threads or a GPU.
        KeyboardInterrupt
            On Ctrl-C; after at least one epoch, what was learnt so far is kept.
        """
        with (
            InterruptHandler() as interrupts,
            isolated_settings(),
        ):  # in this order: Ctrl-C waits for it
            interrupt = self._fit(X, y, X_val, interrupts)
        if interrupt is not None:
            raise interrupt
        self._warn_of_failure()
        return self

    def _fit(self, X, y, X_val, interrupts):
        """Learn on a draft, and take it over; return the KeyboardInterrupt that ended it."""
        n_epochs = int(self.max_epochs) * self._n_phases
        context = self._init_callback_context(max_subtasks=n_epochs)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        draft = self._draft()

        def report(snapshot):
            return ScikitLearnCallbacks(context, self, X, snapshot)

        interrupt = draft._learn(
            X,
            y,
            X_val,
            interrupts,
            resume=draft.warm_start and hasattr(self, "network_"),
            max_epochs=draft.max_epochs,
            schedule=draft.learning_rate_schedule,
            report=report,
        )
        try:
            context.call_on_fit_task_end(
                estimator=self, X=X, y=y, reconstruction_attributes=draft._fitted_attributes
            )
        except KeyboardInterrupt as error:
            interrupt = error
        self._commit(draft)
        return interrupt

    @hidden_with_early_stopping
    @_fit_context(prefer_skip_nested_validation=False)  # or the user's setting cannot be read
    def partial_fit(self, X, y=None):
        """Train for one more epoch, on X, with a constant learning rate.

        The first call builds the network and learns the scaling; later calls go on from its
        weights and from the optimiser's state.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            A chunk of the data.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X is not of the shape, or beyond the range, of the first chunk where that matters, or
            if a parameter that shapes the network has changed since; with ``early_stopping=True``
            (as in :class:`~sklearn.neural_network.MLPClassifier`). Else as `fit`.
        """
        if not get_config()["skip_parameter_validation"]:  # scikit-learn does before the first call
            self._validate_params()
        with InterruptHandler() as interrupts, isolated_settings():
            draft = self._draft()
            interrupt = draft._learn(
                X,
                y,
                None,
                interrupts,
                resume=hasattr(self, "network_"),
                max_epochs=1,
                schedule="constant",
                is_chunk=True,
            )
            self._commit(draft)
        if interrupt is not None:
            raise interrupt
        return self

    def _learn(self, X, y, X_val, interrupts, *, resume, is_chunk=False, report=None, **options):
        """Validate, build and train; return the KeyboardInterrupt that ended it, if one did."""
        interrupts.allow()
        check_widths(self.get_params(deep=False))
        rows = self._validate(X, reset=not resume)
        given = self._validate_y(y, len(rows), reset=not resume)
        check_consistent_length(rows, given)
        device = resolve_device(self.device)
        generator = self._generator(resume)
        interrupt = None
        with (
            translate_device_errors(device),
            isolated_torch_rng(seed_from(generator), device)
            if self._has_custom_network
            else contextlib.nullcontext(),
        ):
            network = self._resume(rows) if resume else self._start(rows, generator)
            held_out = self._validate_held_out(X_val)  # now that it is known what is fitted
            data = TrainingData(rows, given, held_out)
            state = vars(self).pop("_training_state", None) if resume else None
            phases = Phases(
                self, device, generator, interrupts, is_chunk=is_chunk, state=state, **options
            )
            if report is not None:
                phases.progress = report(partial(self._snapshot, network, data, phases))
            try:
                self._train(network, data, phases)
            except KeyboardInterrupt as error:
                if not phases.epochs():
                    raise
                interrupt = error
            finally:
                release_memory()
        try:
            self._conclude(network, data, phases, generator)
        except Exception as error:
            if interrupt is not None:  # what is learnt until then may be of no use yet
                raise interrupt from error
            raise
        if self.callbacks:
            self.callbacks_ = phases.callbacks
        if self.warm_start or is_chunk:
            self._training_state = phases.training_state()
        return interrupt

    def __sklearn_is_fitted__(self):
        """Tell whether `fit` has run."""
        return hasattr(self, "network_")

    # What a child may change.

    _trainer = Trainer
    _adam_betas = None  # torch's
    _n_phases = 1
    _always_validates = False  # or with early_stopping only

    def _trainer_options(self):
        """Return more options of the trainer."""
        return {}

    def _split(self, data, device, generator, is_chunk):
        """Return batches to train on, and what to validate on or None."""
        fraction = self.validation_fraction if self.early_stopping else 0.0
        return split_batches(data, self._to_images, self.batch_size, device, generator, fraction)

    def _train(self, network, data, phases):
        """Train the network, in one phase by default; `phases.train` runs one."""
        phases.train(network, data)

    def _conclude(self, network, data, phases, generator):
        """Keep what was learnt, as attributes of the draft."""
        self.network_ = network.eval()
        self.history_ = self.history_ + phases.epochs(len(self.history_))
        self.n_iter_ = len(self.history_)
        self._after_training(data.rows, seed_from(generator))

    def _after_training(self, rows, seed):
        """Learn what is learnt from the trained network; nothing by default."""

    def _warn_of_failure(self):
        """Warn if what `fit` has learnt is of no use; by default there is nothing to see."""
