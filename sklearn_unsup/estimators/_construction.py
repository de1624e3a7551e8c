"""Build and initialise the network of an estimator, or resume a trained one."""

import copy
from typing import ClassVar

import numpy as np
import torch

from sklearn_unsup._data import find_layout, standardisation
from sklearn_unsup._devices import draw_seed, isolated_torch_rng
from sklearn_unsup._persistence import fingerprint, network_identity
from sklearn_unsup.estimators._values import check_can_be_pickled, plain
from sklearn_unsup.networks import copy_module, initialise

# on the training
PARAMETERS_WITHOUT_EFFECT = ("callbacks", "compare_with_pca", "compile", "device", "verbose")


class NetworkBuilderMixin:
    """Build the network from the parameters of the estimator.

    The estimator has `_build_network`, and the class attributes that `with_shared_parameters` sets.
    `InputMixin` has set the attributes that describe X.
    """

    _gains: ClassVar[dict] = {}  # of the initial weights of each part of the network; default 1

    def _build_network(self, image_shape, **parameters):
        """Return a new network.

        Parameters
        ----------
        image_shape : tuple of int
            ``(C, H, W)``.
        **parameters
            Other values that `_network_sizes` returns, and the parameters in `_network_parameters`.
        """
        raise NotImplementedError

    def _network_sizes(self, state):
        """Return the arguments of `_build_network` that X and y determine.

        `state` holds the fitted attributes by name. It may hold the `ArrayType` of an array whose
        file is not read yet.
        """
        return {"image_shape": state["image_shape_"]}

    def _fit_scaling(self, rows):
        """Return the offset (n_features,) and the scale, a number, of rows (n, n_features)."""
        return standardisation(rows)

    def _start(self, rows, generator):
        """Build a new network with initial weights and the scaling of X."""
        for name in self._factories:
            check_can_be_pickled(name, getattr(self, name))
        vars(self).pop("_training_state", None)
        self._fitted_params = self._network_params()
        self.history_ = []
        network = self._build_network(**self._network_sizes(vars(self)), **self._fitted_params)
        custom = self._custom_parts(self._fitted_params)
        for name, part in network.named_children():
            if name not in custom:
                initialise(part, generator, self._gains.get(name, 1.0))
        network.after_initialisation()
        offset, scale = self._fit_scaling(rows)
        images = self._to_images(offset[np.newaxis])[0]
        network.scaling.offset.copy_(torch.from_numpy(np.ascontiguousarray(images)))
        network.scaling.scale.fill_(scale)
        if hasattr(rows, "value_range"):  # lazy rows, all blocks of which have been read
            low, high, are_whole = rows.value_range
            self._range = low + self._shift, high + self._shift, are_whole
        return network

    def _resume(self, rows):
        """Return a copy of the trained network; raise an error if its parameters have changed."""
        self._check_layout()
        parameters = self._network_params()
        for name, value in self._fitted_params.items():
            own = parameters[name]
            if name in self._factories:
                is_same = fingerprint(own) == fingerprint(value)
            else:
                is_same = own == value
            if not is_same:
                raise ValueError(
                    f"{name}={own!r} differs from {value!r}, which the network was built with. "
                    "Call fit with warm_start=False to build another."
                )
        return copy_module(self.network_)

    def _generator(self, resume):
        """Return the random generator, in the state of the last fit if that is stored."""
        state = getattr(self, "_training_state", None) if resume else None
        if state is not None:
            generator = torch.Generator()
            generator.set_state(torch.from_numpy(state["generator"].copy()))
            return generator
        return torch.Generator().manual_seed(draw_seed(self.random_state))

    def _check_layout(self):
        """Raise a ValueError if the image layout differs from that of the network."""
        if self.image_shape is None and self.channel_axis is None:
            return
        sides = self._layout[0] if self.image_shape is None else self.image_shape
        if find_layout(self.n_features_in_, sides, self.channel_axis) != self._layout:
            raise ValueError(
                f"image_shape={self.image_shape!r} with channel_axis={self.channel_axis!r} differs "
                f"from {self._layout[0]} with {self._layout[1]!r}, which the network was built "
                "for. Call fit with warm_start=False to build another."
            )

    def _build_untrained(self, state, parameters):
        with isolated_torch_rng(0, torch.device("cpu")):  # custom networks draw their weights
            return self._build_network(**self._network_sizes(state), **parameters)

    def _network_params(self):
        """Return copies of the parameters of the network."""
        names = self._network_parameters
        return {name: copy.deepcopy(plain(getattr(self, name))) for name in names}

    @property
    def _has_custom_network(self):
        return any(getattr(self, name) is not None for name in self._factories)

    def _custom_parts(self, parameters):
        """Return the names of the parts of the network that the user's factories build."""
        factories = self._factories.items()
        return [part for name, parts in factories if parameters[name] is not None for part in parts]

    def _identify(self, network, data, phase):
        """Return all that determines the result of a training phase, for checkpoints."""
        if self.random_state is None:
            raise ValueError(
                "TrainingCheckpoint goes on with the training that has the same random_state, and "
                "random_state=None is another one each time. Set it to an integer."
            )
        parameters = self.get_params(deep=False)
        for name in PARAMETERS_WITHOUT_EFFECT:
            parameters.pop(name, None)
        custom = self._custom_parts(self._fitted_params)
        return [
            type(self).__name__,
            parameters,
            data.summary(),
            phase,
            network_identity(network, custom),
        ]
