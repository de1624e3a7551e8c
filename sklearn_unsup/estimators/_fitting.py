"""How every estimator learns: on a draft, committed at once."""

import contextlib
import copy
import zlib
from functools import partial
from typing import ClassVar

import numpy as np
import torch

from sklearn_unsup import _persistence as persistence
from sklearn_unsup._data import find_layout, row_blocks
from sklearn_unsup._devices import (
    computing,
    draw_seed,
    give_back_memory,
    isolated_torch_rng,
    resolve_device,
    resolve_precision,
    seed_from,
)
from sklearn_unsup._training import (
    Trainer,
    TrainingCheckpoint,
    copied,
    optimizer_state,
    split_batches,
)
from sklearn_unsup.estimators._parameters import (
    SharedParameters,
    check_can_be_pickled,
    check_widths,
    plain,
)
from sklearn_unsup.networks import copy_module, initialise

WITHOUT_EFFECT = ("callbacks", "compile", "device", "verbose")  # on what is learnt


def _summary(rows):
    """Return what tells rows (n, n_features) from others: all of them are read."""
    crc = 0
    for block in row_blocks(rows):
        crc = zlib.crc32(np.ascontiguousarray(rows[block]).data, crc)
    return rows.shape, rows.dtype.str, crc


class Fitting(SharedParameters):
    """Build a network, train it, keep what it learnt.

    All of it happens on a draft, a copy of the estimator. `_commit` makes the draft the estimator,
    at the very end: whatever goes wrong before leaves the estimator as it was.
    """

    def _draft(self):
        """Return a copy whose parameters are plain values, whatever a grid has made them from."""
        draft = object.__new__(type(self))
        parameters = {name: plain(value) for name, value in self.get_params(deep=False).items()}
        vars(draft).update(vars(self), **parameters)
        return draft

    def _commit(self, draft):
        """Take over all of a draft but its parameters, which stay what the user has set."""
        self.__dict__ = {**vars(draft), **self.get_params(deep=False)}

    def _fitted_attributes(self):
        parameters = self._get_param_names()
        return {name: value for name, value in vars(self).items() if name not in parameters}

    def _learn(
        self, X, X_val, interrupts, *, resume, max_epochs, schedule, report=None, is_chunk=False
    ):
        """Validate, build and train; return the KeyboardInterrupt that ended it, if one did."""
        interrupts.open()
        check_widths(self.hidden_channels, self.hidden_layer_sizes)
        rows = self._validate(X, reset=not resume)
        device = resolve_device(self.device)
        generator = self._generator(resume)
        with (
            computing(device),
            isolated_torch_rng(seed_from(generator), device)
            if self._has_custom_network
            else contextlib.nullcontext(),
        ):
            network = self._resume(rows) if resume else self._start(rows, generator)
            held_out = self._validate_held_out(X_val)  # now that it is known what is fitted
            rows = self._training_rows(rows)
            if held_out is not None:
                held_out = self._training_rows(held_out)
            callbacks = copied(self.callbacks or ())
            if is_chunk:  # one epoch is over before it could be stopped
                callbacks = [c for c in callbacks if not isinstance(c, TrainingCheckpoint)]
            own = [*self._training_callbacks(), *([] if report is None else [report(rows)])]
            identify = partial(self._identify, network, [rows, held_out])
            trainer = self._make_trainer(
                network, device, schedule, generator, [*callbacks, *own], interrupts, identify
            )
            batches = self._split(network, rows, held_out, device, generator, is_chunk)
            state = vars(self).pop("_training_state", None) if resume else None
            try:
                interrupt = trainer.train(*batches, max_epochs, self._moments(state))
            finally:
                give_back_memory()
        try:
            self._conclude(trainer, network, rows, generator)
        except Exception as error:
            if interrupt is not None:  # what is learnt until then may be of no use yet
                raise interrupt from error
            raise
        if self.callbacks:
            self.callbacks_ = callbacks
        if self.warm_start or is_chunk:
            self._training_state = {
                "optimizer": str(self.optimizer),
                "moments": optimizer_state(trainer.optimizer_)["state"],
                "generator": generator.get_state().numpy(),
            }
        return interrupt

    def _validate_held_out(self, X_val):
        """Return the user's own rows to validate on, checked as X is."""
        if X_val is None:
            return None
        if not (self.early_stopping or self._always_validates):
            raise ValueError(
                "X_val is given, and early_stopping=False, so that nothing would be validated. "
                "Set early_stopping=True, or leave X_val out."
            )
        return self._validate(X_val)

    def _moments(self, state):
        """Return the moments to go on with; those of another optimiser are of no use."""
        if state is None or state["optimizer"] != str(self.optimizer):
            return None
        return persistence.to_tensors(state["moments"])

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
        for name in self._factories:
            check_can_be_pickled(name, getattr(self, name))
        vars(self).pop("_training_state", None)
        self._fitted_params = self._network_params()
        self.history_ = []
        network = self._build_network(self.image_shape_, **self._fitted_params)
        custom = self._custom_parts(self._fitted_params)
        for name, part in network.named_children():
            if name not in custom:
                initialise(part, generator, self._gains.get(name, 1.0))
        offset, scale = self._fit_scaling(rows)
        images = self._to_images(offset[np.newaxis])[0]
        network.scaling.offset.copy_(torch.from_numpy(np.ascontiguousarray(images)))
        network.scaling.scale.fill_(scale)
        if hasattr(rows, "seen"):  # all blocks have been read
            low, high, are_whole = rows.seen
            self._range = low + self._shift, high + self._shift, are_whole
        return network

    def _resume(self, rows):
        """Return a copy of the trained network, if it is still the one that is asked for."""
        self._check_layout()
        for name, value in self._fitted_params.items():
            own = getattr(self, name)
            if name in self._factories:
                is_same = persistence.fingerprint(own) == persistence.fingerprint(value)
            else:
                is_same = own == value
            if not is_same:
                raise ValueError(
                    f"{name}={own!r} differs from {value!r}, which the network was built with. "
                    "Call fit with warm_start=False to build another."
                )
        return copy_module(self.network_)

    def _check_layout(self):
        """Raise a ValueError if other images are asked for than the network was built for."""
        if self.image_shape is None and self.channel_axis is None:
            return
        sides = self._layout[0] if self.image_shape is None else self.image_shape
        if find_layout(self.n_features_in_, sides, self.channel_axis) != self._layout:
            raise ValueError(
                f"image_shape={self.image_shape!r} with channel_axis={self.channel_axis!r} differs "
                f"from {self._layout[0]} with {self._layout[1]!r}, which the network was built "
                "for. Call fit with warm_start=False to build another."
            )

    def _network_params(self):
        """Return the parameters that shape the network: copies, which no user can change."""
        names = self._network_parameters
        return {name: copy.deepcopy(plain(getattr(self, name))) for name in names}

    @property
    def _has_custom_network(self):
        return any(getattr(self, name) is not None for name in self._factories)

    def _custom_parts(self, parameters):
        """Return the names of those parts of the network that a user's factory has built."""
        factories = self._factories.items()
        return [part for name, parts in factories if parameters[name] is not None for part in parts]

    def _identify(self, network, data):
        """Return a name for this training, that only one with the same end has too."""
        if self.random_state is None:
            raise ValueError(
                "TrainingCheckpoint goes on with the training that has the same random_state, and "
                "random_state=None is another one each time. Set it to an integer."
            )
        parameters = self.get_params(deep=False)
        for name in WITHOUT_EFFECT:
            del parameters[name]
        return [
            type(self).__name__,
            parameters,
            [None if rows is None else _summary(rows) for rows in data],
            persistence.network_identity(network, self._custom_parts(self._fitted_params)),
        ]

    def _make_trainer(self, network, device, schedule, generator, callbacks, interrupts, identify):
        return self._trainer(
            network,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            schedule=schedule,
            callbacks=callbacks,
            verbose=self.verbose,
            device=device,
            precision=resolve_precision(self.precision, device),
            compile=self.compile,
            noise_generator=torch.Generator(device).manual_seed(seed_from(generator)),
            patience=self.n_iter_no_change if self.early_stopping else None,
            tol=self.tol if self.early_stopping else 0.0,
            identify=identify,
            draws_globally=self._has_custom_network,
            custom=self._custom_parts(self._fitted_params),
            interrupts=interrupts,
            **self._trainer_options(),
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

    def _snapshot(self, net, rows):
        """Return the fitted attributes as if training had stopped now."""
        draft = self._draft()
        draft._conclude(net, copy_module(net.module_), rows, torch.Generator().manual_seed(0))
        return draft._fitted_attributes()

    # What a child may add.

    _trainer = Trainer
    _factories: ClassVar[dict] = {"encoder": ("encoder",), "decoder": ("decoder",)}
    _gains: ClassVar[dict] = {}  # of the initial weights, where not 1
    _always_validates = False  # or with early_stopping only

    def _trainer_options(self):
        """Return more options of the trainer."""
        return {}

    def _split(self, network, rows, held_out, device, generator, is_chunk):
        """Return batches to train on, and what to validate on or None."""
        fraction = self.validation_fraction if self.early_stopping else 0.0
        return split_batches(
            rows, self._to_images, self.batch_size, device, generator, fraction, held_out
        )

    def _training_rows(self, rows):
        """Return the rows to train on."""
        return rows

    def _training_callbacks(self):
        """Return callbacks of the model's own for the training loop."""
        return []

    def _after_training(self, rows, seed):
        """Learn what is learnt from the trained codes; nothing by default."""

    def _warn_of_failure(self):
        """Warn if what `fit` has learnt is of no use; by default there is nothing to see."""
