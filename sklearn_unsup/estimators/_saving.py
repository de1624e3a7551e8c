"""How estimators are saved: sealed states for pickles, and files of weights."""

import numpy as np
import sklearn
import torch
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup import _persistence as persistence
from sklearn_unsup._data import channels_first, find_layout
from sklearn_unsup._devices import device_after_loading, isolated_torch_rng, own_settings
from sklearn_unsup._persistence import (
    CONTENT_ERRORS,
    ArrayType,
    CorruptedModelError,
    Spec,
    array,
    generator_state,
    integer,
    is_finite,
    is_number,
    is_whole,
    number,
)
from sklearn_unsup._training import check_moments, expected_moments
from sklearn_unsup._warnings import warn
from sklearn_unsup.estimators._parameters import plain
from sklearn_unsup.networks import copy_module

NEVER_SAVED = {"network_", "callbacks_"}
SCIKIT_LEARNS = ("_skl", "_callback", "_parent_callback", "_propagated")  # not learnt
OURS = ("sklearn_unsup.", "sklearn.")
BOOLEAN = bool | np.bool_


def check_shadows_nothing(estimator, state):
    """Raise an error if a state has a name that our classes have: of a method, or a setting."""
    taken = {
        name
        for cls in type(estimator).__mro__
        if f"{cls.__module__}.".startswith(OURS)
        for name in vars(cls)
    }
    shadowed = taken.intersection(state).difference(estimator._get_param_names())
    shadowed |= {"__class__", *NEVER_SAVED}.intersection(state)
    if shadowed:
        raise CorruptedModelError(
            f"The saved {type(estimator).__name__} holds {min(shadowed)!r}, which is not learnt."
        )


def is_history(rows):
    """Tell whether a value may be `history_`: numbers by name, and the epochs counted."""
    return isinstance(rows, list) and all(
        isinstance(row, dict)
        and is_whole(row.get("epoch"))
        and row["epoch"] == epoch
        and all(isinstance(name, str) for name in row)
        and all(isinstance(value, BOOLEAN) or is_number(value) for value in row.values())
        for epoch, row in enumerate(rows, start=1)
    )


def is_sides(value):
    """Tell whether a value may be the shape of an image."""
    return isinstance(value, tuple) and all(is_whole(side) and side >= 1 for side in value)


def is_range(value):
    """Tell whether a value may be the range of X: least, largest, whether all are whole."""
    return value is None or (
        isinstance(value, tuple)
        and len(value) == 3
        and all(map(is_finite, value[:2]))
        and value[0] <= value[1]
        and isinstance(value[2], BOOLEAN)
    )


def is_foreign(value):
    """Tell whether a value is a sequence that not every file of a model can hold."""
    is_array = hasattr(value, "__array__") and not callable(value)
    return isinstance(value, torch.Size | range) or (
        is_array and not isinstance(value, np.ndarray | np.generic)
    )


class Sealed:
    """Pickle plain values and numpy arrays with a seal, and check it on loading."""

    @own_settings()
    def __getstate__(self):
        """Return the state with a seal."""
        return persistence.seal(self._pack(dict(super().__getstate__())))

    @own_settings()
    def __setstate__(self, state):
        """Take up a state, if its seal is whole."""
        state, versions = persistence.unseal(state, type(self).__name__)
        if versions["scikit-learn"] != sklearn.__version__:
            warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=sklearn.__version__,
                    original_sklearn_version=versions["scikit-learn"],
                )
            )
        check_shadows_nothing(self, state)
        try:
            state = self._unpack(state)
        except CorruptedModelError:
            raise
        except CONTENT_ERRORS as error:
            raise CorruptedModelError(
                f"The saved {type(self).__name__} cannot be opened: {error}"
            ) from error
        super().__setstate__(state)

    def _pack(self, state):
        return state

    def _unpack(self, state):
        return state


class Saving(Sealed):
    """Save the weights of a network as numpy arrays, in pickles and in files of their own.

    What a file may bring is a fixed list of names, with the types, shapes and ranges of `_specs`.
    """

    def _pack(self, state):
        for name, value in state.items():
            if is_foreign(value):  # widths may come as one
                state[name] = plain(value)
        state.pop("callbacks_", None)
        network = state.pop("network_", None)
        if network is not None:
            parameters, anew = state["_fitted_params"], None
            custom = self._custom_parts(parameters)
            if custom:
                anew = self._build_anew(state["image_shape_"], parameters)
            state["_weights"] = persistence.network_state(network, custom, anew)
        return state

    def _unpack(self, state):
        if "_weights" in state:
            weights, parameters = state.pop("_weights"), state["_fitted_params"]
            custom = self._custom_parts(parameters)
            network = self._build_anew(state["image_shape_"], parameters)
            persistence.check_fit(network, weights, custom)
            persistence.load_weights(network, weights, custom)
            learnt = {name: state[name] for name in self._specs(network, state) if name in state}
            state |= self._check_learnt(learnt, network, plain(state["optimizer"]))
            self._try_out(network, weights, state)
            state["network_"] = network.to(device_after_loading(state["device"]))
        return state

    def _specs(self, network, state):
        """Return what each fitted attribute may be, by name; children add their own."""
        image_shape, n_features = state["image_shape_"], state["n_features_in_"]
        sides = state["_layout"][0]

        def is_layout(layout):
            found = find_layout(n_features, *layout)
            return found == layout and is_sides(sides) and channels_first(found) == image_shape

        return {
            "n_features_in_": integer(1),
            "feature_names_in_": array(object, (n_features,), required=False),
            "image_shape_": Spec(is_sides, "a tuple of whole numbers"),
            "_layout": Spec(is_layout, f"a layout of {n_features} numbers as {image_shape}"),
            "_output_shape": Spec(
                lambda shape: is_sides(shape) and shape in ((n_features,), sides),
                f"{(n_features,)} or {sides}",
            ),
            "_range": Spec(is_range, "the least and the largest value of X", required=False),
            "_shift": number(required=False),
            "_fitted_params": Spec(lambda value: isinstance(value, dict), "a dict"),
            "history_": Spec(is_history, "a list of numbers by name, a dict for each epoch"),
            "n_iter_": integer(len(state["history_"]), len(state["history_"])),
            "_training_state": Spec(
                lambda value: isinstance(value, dict), "the optimiser's state", required=False
            ),
        }

    def _check_learnt(self, state, network, optimizer):
        """Raise an error if a state holds what was not learnt, or not as it is learnt.

        It is returned, without moments that are of another optimiser.
        """
        persistence.check(self._specs(network, state), state)
        names = state.get("feature_names_in_", ())
        training = state.get("_training_state")
        if not all(isinstance(name, str) for name in names):
            raise CorruptedModelError("feature_names_in_ holds what is no name")
        if training is None:
            return state
        persistence.check(
            {
                "optimizer": Spec(lambda value: isinstance(value, str), "a name"),
                "moments": Spec(lambda value: isinstance(value, dict), "a dict"),
                "generator": generator_state(torch.Generator().get_state().numpy()),
            },
            training,
        )
        torch.Generator().set_state(torch.from_numpy(training["generator"].copy()))
        if training["optimizer"] != str(optimizer):
            return {**state, "_training_state": {**training, "moments": {}}}
        if training["moments"]:
            groups = self._trainer.groups(network)
            check_moments(training["moments"], expected_moments(optimizer, groups))
        return state

    def _try_out(self, network, weights, state):
        """Raise an error if a custom network fails with what was kept of it beside its weights.

        Which shapes and values are right only its own code knows.
        """
        declared = {name for name in network.state_dict() if not name.endswith("_extra_state")}
        if weights.keys() <= declared:
            return
        trial, n_threads = copy_module(network), torch.get_num_threads()
        torch.set_num_threads(1)  # a process that is forked later could not use more
        try:
            with isolated_torch_rng(0, torch.device("cpu")), torch.inference_mode():
                if getattr(trial, "encoder", None) is not None:
                    trial.encode(torch.zeros(2, *state["image_shape_"]))
                trial.decode(torch.zeros(2, state["_fitted_params"]["n_components"]))
        except CONTENT_ERRORS as error:
            raise CorruptedModelError(
                f"the custom network fails with the state that was saved: {error}"
            ) from error
        finally:
            torch.set_num_threads(n_threads)

    @own_settings()
    def save_weights(self, path):
        """Save what was learnt to a file that holds no code.

        Parameters
        ----------
        path : str or path-like
            Of a file in the safetensors format; it is replaced as a whole, or not at all.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        NotFittedError
            Before `fit`.
        OSError
            If the file cannot be written. What was at `path` is still there.
        ValueError
            If there is a FIFO or a device at `path`.
        TypeError
            If a custom network holds what cannot be saved.

        Examples
        --------
        >>> import tempfile
        >>> from sklearn.datasets import load_digits
        >>> from sklearn_unsup import ConvAutoencoder
        >>> X, _ = load_digits(return_X_y=True)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = f"{folder}/digits.safetensors"
        ...     fitted = ConvAutoencoder(8, max_epochs=2).fit(X).save_weights(path)
        ...     loaded = ConvAutoencoder(8).load_weights(path)
        >>> bool((loaded.transform(X) == fitted.transform(X)).all())
        True
        """
        check_is_fitted(self)
        parameters = {name: repr(value) for name, value in self.get_params().items()}
        persistence.save_file(
            path, type(self).__name__, self._pack(self._learnt()), parameters=parameters
        )
        return self

    @own_settings()
    def load_weights(self, path):
        """Load what an estimator with the same network has learnt.

        No code in the file can run, and nothing changes if it is damaged or does not fit.

        Parameters
        ----------
        path : str or path-like
            Of a file that `save_weights` wrote.

        Returns
        -------
        self : object
            The estimator, fitted.

        Raises
        ------
        CorruptedModelError
            If the file is damaged, of another class, or of a newer version of sklearn_unsup.
        ValueError
            If this estimator has other parameters of the network than the one that was saved.
        OSError
            If the file cannot be read.
        """
        self._load(persistence.SavedFile(path, type(self).__name__))
        return self

    def _load(self, file, part=lambda state: state):
        """Take over what a file, or part of its state, holds; the state as well is returned."""
        own = self._network_params()
        with file:
            outline = part(file.outline)
            saved, shapes = (outline[name] for name in ("_fitted_params", "_weights"))
            image_shape = outline["image_shape_"]
            is_network = is_sides(image_shape) and ArrayType("float32", image_shape) in [
                shape for shape in shapes.values() if isinstance(shape, ArrayType)
            ]
            if saved.keys() != own.keys() or not is_network:
                raise CorruptedModelError("it is no network of this class")
            others = [
                name for name, value in own.items() if not persistence.are_alike(value, saved[name])
            ]
        for name in others[:1]:
            raise ValueError(
                f"{name}={own[name]!r} differs from {saved[name]!r:.500}, which the network in "
                f"{file.path} was built with. Set {name} to that first."
            )
        with file:
            custom = self._custom_parts(own)
            network = self._build_anew(image_shape, own)
            persistence.check_fit(network, shapes, custom)  # before there is memory for it
            whole = file.read()
            state = part(whole)
            weights = state.pop("_weights")
            persistence.check_fit(network, weights, custom)
            persistence.load_weights(network, weights, custom)
            state = self._check_learnt(state, network, plain(self.optimizer))
            self._try_out(network, weights, state)
        draft = self._draft()
        for name in draft._learnt():
            del vars(draft)[name]
        vars(draft).update(state, _fitted_params=own)
        draft.network_ = network.to(device_after_loading(self.device))
        self._commit(draft)
        return whole

    def _learnt(self):
        """Return the fitted attributes, without what scikit-learn keeps beside them."""
        return {
            name: value
            for name, value in self._fitted_attributes().items()
            if not name.startswith(SCIKIT_LEARNS)
        }

    def _build_anew(self, image_shape, parameters):
        with isolated_torch_rng(0, torch.device("cpu")):  # a custom network draws its weights
            return self._build_network(image_shape, **parameters)
