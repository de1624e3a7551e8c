"""The ceremony that every estimator shares: validate, build, train, commit."""

import contextlib
import copy

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_array, gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_unsup import persistence
from sklearn_unsup._sklearn import _fit_context
from sklearn_unsup.estimators._parameters import SharedParameters, check_hidden_channels
from sklearn_unsup.images import (
    as_rows,
    channels_first,
    find_layout,
    to_images,
    to_rows,
)
from sklearn_unsup.inference import apply_in_chunks
from sklearn_unsup.networks import initialise
from sklearn_unsup.scaling import check_magnitude, column_moments
from sklearn_unsup.training import (
    ScikitLearnCallbacks,
    Trainer,
    device_after_loading,
    draw_seed,
    isolated_torch_rng,
    resolve_device,
    resolve_precision,
    seed_from,
    split_batches,
)

DTYPES = [
    np.float32,
    np.float64,
    np.uint8,
]  # the first is what others become: integers must not become uint8
SCORE_BLOCK_ROWS = 4096


class BaseConvEstimator(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, CallbackSupportMixin, SharedParameters
):
    """Base of the estimators that learn from images with a network.

    A child gives `_network_parameters` (the names of the parameters that shape its network) and
    the hooks `_build_network`, `_fit_scaling` and, if it learns something after training,
    `_after_training`.
    """

    _doc_link_module = "sklearn_unsup"

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Train the network on X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Rows of pixels, or images with two or three sides; float or uint8, in any units.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TrainingDivergedError
            If the training loss is not finite any more. What an earlier `fit` learnt is kept.
        KeyboardInterrupt
            On Ctrl-C; after at least one epoch, what was learnt so far is kept.
        """
        context = self._init_callback_context(max_subtasks=self.max_epochs)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        draft = self._draft()

        def report(rows):
            return ScikitLearnCallbacks(context, self, X, lambda net: draft._snapshot(net, rows))

        resume = self.warm_start and hasattr(self, "network_")
        interrupt = draft._learn(X, resume, self.max_epochs, self.learning_rate_schedule, report)
        context.call_on_fit_task_end(
            estimator=self, X=X, y=y, reconstruction_attributes=draft._fitted_attributes
        )
        self._commit(draft)
        if interrupt is not None:
            raise interrupt
        return self

    @_fit_context(prefer_skip_nested_validation=True)
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
        """
        draft = self._draft()
        draft._keep_training_state = True
        interrupt = draft._learn(X, hasattr(self, "network_"), 1, "constant")
        self._commit(draft)
        if interrupt is not None:
            raise interrupt
        return self

    def transform(self, X):
        """Encode X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components), float32
        """
        check_is_fitted(self)
        return self._encode(self._validate(X))

    def inverse_transform(self, X):
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        images : ndarray of shape (n_samples, n_features) or (n_samples, ...), float32
            In the units and the layout of the X that `fit` saw.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=[np.float32, np.float64], input_name="X")
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {codes.shape[1]} features, but {type(self).__name__}.inverse_transform "
                f"expects codes of "
                f"{self._n_features_out} (n_components)."
            )
        check_magnitude(codes)
        return self._as_fitted(self._decode(codes))

    def reconstruct(self, X):
        """Encode X and decode the codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)

        Returns
        -------
        images : ndarray of shape (n_samples, n_features) or (n_samples, ...), float32
            In the units and the layout of the X that `fit` saw.
        """
        check_is_fitted(self)
        return self._as_fitted(self._reconstruct(self._validate(X)))

    def score_samples(self, X):
        """Return the negative mean squared error of each reconstruction, in the squared units of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Larger is better.
        """
        check_is_fitted(self)
        return -self._mean_squared_errors(self._validate(X))

    def score(self, X, y=None):
        """Return the share of the variance of X that its reconstruction explains.

        One minus the sum of squared errors over the sum of squared deviations from the columns'
        means: R2 weighted by variance, errors in columns that are constant in X included. It can be
        held beside the sum of ``PCA.explained_variance_ratio_`` at the same width.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        score : float
            At most 1. For constant X: 1.0 if the reconstruction is exact, else 0.0.
        """
        check_is_fitted(self)
        rows = self._validate(X)
        unexplained = float(self._mean_squared_errors(rows).mean())
        _, variance = column_moments(rows)
        if variance == 0:
            return float(unexplained == 0)
        return 1.0 - unexplained / variance

    # Fitting: everything is learnt on a draft, and committed at once.

    def _draft(self):
        draft = object.__new__(type(self))
        vars(draft).update(vars(self))
        return draft

    def _commit(self, draft):
        self.__dict__ = vars(draft)

    def _fitted_attributes(self):
        return {
            name: value for name, value in vars(self).items() if name not in self._get_param_names()
        }

    def _learn(self, X, resume, max_epochs, schedule, report=None):
        """Validate, build and train; return the KeyboardInterrupt that ended it, if one did."""
        rows = self._validate(X, reset=not resume)
        device = resolve_device(self.device)
        generator = self._generator(resume)
        custom = self.encoder is not None or self.decoder is not None
        with (
            isolated_torch_rng(seed_from(generator), device) if custom else contextlib.nullcontext()
        ):
            network = self._resume(rows) if resume else self._start(rows, generator)
            trainer = self._make_trainer(
                network, device, schedule, generator, report(rows) if report else None
            )
            state = getattr(self, "_training_state", {}) if resume else {}
            batches = split_batches(
                rows,
                self._to_images,
                self.batch_size,
                device,
                generator,
                self.validation_fraction if self.early_stopping else 0.0,
            )
            optimizer_state = persistence.to_tensors(state.get("optimizer"))
            interrupt = trainer.train(*batches, max_epochs, optimizer_state)
        self._conclude(trainer, network, rows, generator)
        return interrupt

    def _validate(self, X, reset=False):
        """Return X as rows, checked; with `reset`, learn its width and layout."""
        rows, sample_shape = as_rows(X)
        is_images = len(sample_shape) > 1
        if not reset and is_images and sample_shape != self._layout[0]:
            raise ValueError(
                f"X has images of shape {sample_shape}, but {type(self).__name__} was fitted with "
                f"images of shape "
                f"{self._layout[0]}. Reshape X, or fit again."
            )
        rows = validate_data(self, rows, reset=reset, dtype=DTYPES)
        check_magnitude(rows)
        if reset:
            self._layout = find_layout(
                self.n_features_in_,
                self.image_shape,
                self.channel_axis,
                sample_shape if is_images else None,
            )
            self._output_shape = sample_shape if is_images else (self.n_features_in_,)
            self.image_shape_ = channels_first(self._layout)
        return rows

    def _generator(self, resume):
        """Return the only source of randomness, where the last fit left it if that is kept."""
        state = getattr(self, "_training_state", None) if resume else None
        if state is not None:
            generator = torch.Generator()
            generator.set_state(torch.from_numpy(state["generator"].copy()))
            return generator
        return torch.Generator().manual_seed(draw_seed(self.random_state))

    def _start(self, rows, generator):
        """Build a new network, with new weights and the scaling of X."""
        check_hidden_channels(self.hidden_channels)
        self._fitted_params = {name: getattr(self, name) for name in self._network_parameters}
        self.history_ = []
        network = self._build_network(self.image_shape_, **self._fitted_params)
        for name, part in (("encoder", network.encoder), ("decoder", network.decoder)):
            if self._fitted_params[name] is None:
                initialise(part, generator)
        offset, scale = self._fit_scaling(rows)
        images = self._to_images(offset[np.newaxis])[0]
        network.scaling.offset.copy_(torch.from_numpy(np.ascontiguousarray(images)))
        network.scaling.scale.fill_(scale)
        return network

    def _resume(self, rows):
        """Return a copy of the trained network, if it is still the one that is asked for."""
        for name, value in self._fitted_params.items():
            if getattr(self, name) is not value and getattr(self, name) != value:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} differs from {value!r}, which the network "
                    f"was built with. Call fit "
                    "with warm_start=False to build another."
                )
        return copy.deepcopy(self.network_)

    def _make_trainer(self, network, device, schedule, generator, report):
        return Trainer(
            network,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            schedule=schedule,
            callbacks=[*(self.callbacks or ()), *([report] if report else [])],
            verbose=self.verbose,
            device=device,
            precision=resolve_precision(self.precision, device),
            compile=self.compile,
            noise_generator=torch.Generator(device).manual_seed(seed_from(generator)),
            patience=self.n_iter_no_change,
            tol=self.tol,
        )

    def _conclude(self, trainer, network, rows, generator):
        """Keep what the trainer has learnt, as attributes of the draft."""
        self.network_ = network.eval()
        before = len(self.history_)
        self.history_ = self.history_ + [
            {**row, "epoch": before + row["epoch"]} for row in trainer.epochs()
        ]
        self.n_iter_ = len(self.history_)
        self._after_training(rows, seed_from(generator))
        if self.warm_start or getattr(self, "_keep_training_state", False):
            optimizer = persistence.to_plain(trainer.optimizer_.state_dict()["state"])
            self._training_state = {
                "optimizer": optimizer,
                "generator": generator.get_state().numpy(),
            }

    def _snapshot(self, net, rows):
        """Return the fitted attributes as if training had stopped now."""
        draft = self._draft()
        draft._conclude(net, copy.deepcopy(net.module_), rows, torch.Generator().manual_seed(0))
        return draft._fitted_attributes()

    def _after_training(self, rows, seed):
        """Learn what is learnt from the trained codes; nothing by default."""

    # Using: private methods trust their input.

    def _to_images(self, rows):
        return to_images(rows, self._layout)

    def _apply(self, function, rows, n_outputs):
        device = self.network_.scaling.scale.device
        return apply_in_chunks(function, rows, device, n_outputs)

    def _encode(self, rows):
        return self._apply(
            lambda tensor: self.network_.encode(self._to_images(tensor)), rows, self._n_features_out
        )

    def _decode(self, codes):
        return self._apply(
            lambda tensor: to_rows(self.network_.decode(tensor), self._layout),
            codes,
            self.n_features_in_,
        )

    def _reconstruct(self, rows):
        return self._apply(
            lambda tensor: to_rows(self.network_(self._to_images(tensor)), self._layout),
            rows,
            self.n_features_in_,
        )

    def _mean_squared_errors(self, rows):
        errors = [
            np.square(rows[block].astype(np.float64) - self._reconstruct(rows[block])).mean(axis=1)
            for block in gen_batches(len(rows), SCORE_BLOCK_ROWS)
        ]
        return np.concatenate(errors)

    def _as_fitted(self, rows):
        return rows.reshape(len(rows), *self._output_shape)

    # What scikit-learn asks.

    @property
    def _n_features_out(self):
        return self._fitted_params["n_components"]

    def __sklearn_is_fitted__(self):
        """Tell whether `fit` has run."""
        return hasattr(self, "network_")

    def __sklearn_tags__(self):
        """Return the tags: codes are float32 whatever X is."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def __getstate__(self):
        """Return parameters, plain values and numpy arrays."""
        state = dict(super().__getstate__())
        network = state.pop("network_", None)
        if network is not None:
            state["_network_state"] = persistence.dump_network(network)
        return state

    def __setstate__(self, state):
        """Build the network anew and copy the weights in, on the device that this machine has."""
        state = dict(state)
        saved = state.pop("_network_state", None)
        super().__setstate__(state)
        if saved is not None:
            with isolated_torch_rng(0, torch.device("cpu")):
                network = self._build_network(self.image_shape_, **self._fitted_params)
            persistence.load_network(network, saved)
            self.network_ = network.to(device_after_loading(self.device))
