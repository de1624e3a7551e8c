"""The steps of a fit: validate, build or resume a network, train it, conclude, commit."""

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
    BatchSizes,
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
from sklearn_unsup.estimators._phases import Phases, expected_epochs
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
    """Base class of estimators that train a network on images.

    A subclass inherits the mixins whose methods it supports (`EncoderMixin`, `DecoderMixin`,
    `SamplerMixin`, scores). It lists its parameters in `__init__`, is decorated with
    `with_shared_parameters`, and implements `_build_network`. Other hooks have a default: see the
    end of this class, and the user guide.
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, X_val=None):
        """Train the network on X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Rows of pixels, or images with two or three axes. Any numeric dtype and any units are
            accepted. X may be on a disk: a memory map, an HDF5 or zarr array, :class:`.NpyFiles`.
        y : array-like of shape (n_samples,), default=None
            Labels, for models with a parameter that uses them, such as `target_weight`.
        X_val : array-like of shape (n_val, n_features) or (n_val, ...), default=None
            Validation rows, used instead of a share of X (`validation_fraction`). Only used with
            ``early_stopping=True``, and by `ConvGAN`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If X or a parameter is invalid.
        TrainingDivergedError
            If the training loss is no longer finite. The result of an earlier `fit` is kept.
        MemoryError
            If the device does not have enough memory for a batch.
        RuntimeError
            In a process that was forked from one in which torch had used several threads or a GPU.
        KeyboardInterrupt
            On Ctrl-C. After at least one epoch, the estimator keeps what it has learnt.
        """
        # The handler comes first: Ctrl-C is deferred until the settings are restored.
        with InterruptHandler() as interrupts, isolated_settings():
            interrupt = self._fit(X, y, X_val, interrupts)
        if interrupt is not None:
            raise interrupt
        self._warn_of_failure()
        return self

    def _fit(self, X, y, X_val, interrupts):
        """Fit a draft and commit it; return the KeyboardInterrupt that stopped it, or None."""
        context = self._init_callback_context(max_subtasks=expected_epochs(self, X))
        task = {"estimator": self, "X": X, "y": y}
        context.call_on_fit_task_begin(**task)
        draft = self._draft()
        interrupt, rows = draft._learn(
            X,
            y,
            X_val,
            interrupts,
            resume=draft.warm_start and hasattr(self, "network_"),
            max_epochs=draft.max_epochs,
            schedule=draft.learning_rate_schedule,
            report=partial(ScikitLearnCallbacks, context, self, X),
        )
        try:
            context.call_on_fit_task_end(**task, reconstruction_attributes=draft._fitted_attributes)
        except KeyboardInterrupt as error:
            interrupt = error
        self._commit(draft)
        if interrupt is None:
            self._examine(rows)
        return interrupt

    @hidden_with_early_stopping
    @_fit_context(prefer_skip_nested_validation=False)  # keeps the user's setting
    def partial_fit(self, X, y=None):
        """Train for one epoch on X, with a constant learning rate.

        The first call builds the network and learns the scaling. Later calls continue from its
        weights and the state of the optimiser.

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
            If X does not fit the shape, or for some models the range, of the first chunk; if a
            parameter of the network has changed; with ``early_stopping=True``. Others as in `fit`.
        """
        if not get_config()["skip_parameter_validation"]:  # else only done before the first call
            self._validate_params()
        with InterruptHandler() as interrupts, isolated_settings():
            draft = self._draft()
            interrupt, _ = draft._learn(
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
        """Validate, build and train; return what stopped it, or None, and the validated rows."""
        interrupts.allow()
        check_widths(vars(self))
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
            self.network_ = network  # for what a model computes between two phases
            data = TrainingData(rows, given, self._validate_held_out(X_val))  # needs the layout
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
            if interrupt is not None:  # the network may not be trained enough to conclude
                raise interrupt from error
            raise
        if self.callbacks:
            self.callbacks_ = phases.callbacks
        if self.warm_start or is_chunk:
            self._training_state = phases.training_state()
        return interrupt, rows

    def __sklearn_is_fitted__(self):
        """Tell whether `fit` has run."""
        return hasattr(self, "network_")

    # Hooks that a subclass may override.

    _trainer = Trainer
    _adam_betas = None  # torch's defaults
    _n_phases = 1  # each of `max_epochs`; None if phases differ in length
    _auto_steps = 2000  # of max_epochs="auto": benchmarks/results/architecture.md
    _batch_sizes = BatchSizes()
    _always_validates = False  # only with early_stopping

    def _trainer_options(self):
        """Return additional options of the trainer."""
        return {}

    def _split(self, data, device, generator, is_chunk):
        """Return training batches, and validation batches or None."""
        fraction = self.validation_fraction if self.early_stopping else 0.0
        options = device, generator, fraction, self._batch_sizes
        return split_batches(data, self._to_images, self.batch_size, *options)

    def _train(self, network, data, phases):
        """Train the network: one phase by default, which `phases.train` runs."""
        phases.train(network, data)

    def _conclude(self, network, data, phases, generator):
        """Set the fitted attributes of the draft."""
        self.network_ = network.eval()
        self.history_ = self.history_ + phases.epochs(len(self.history_))
        self.n_iter_ = len(self.history_)
        self._after_training(data.rows, seed_from(generator))

    def _after_training(self, rows, seed):
        """Set fitted attributes that depend on the trained network; none by default."""

    def _examine(self, rows):
        """Compare the fitted estimator with a baseline, once in a `fit`; nothing by default."""

    def _warn_of_failure(self):
        """Warn if training has failed, such as by a collapse; nothing by default."""
