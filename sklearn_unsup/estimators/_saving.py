"""Save estimators: pickles with a checksum, and weight files."""

import sklearn
import torch
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup import _persistence as persistence
from sklearn_unsup._devices import device_after_loading, isolated_settings, isolated_torch_rng
from sklearn_unsup._persistence import CONTENT_ERRORS, ArrayType, CorruptedModelError
from sklearn_unsup._warnings import warn
from sklearn_unsup.estimators._saved_state import (
    check_no_shadowing,
    check_training_state,
    default_parameters,
    image_specs,
    is_sides,
    is_unsupported_sequence,
)
from sklearn_unsup.estimators._transaction import Transaction
from sklearn_unsup.estimators._values import plain
from sklearn_unsup.networks import copy_module


class PickleMixin:
    """Pickle plain values and numpy arrays with a checksum, which is verified on loading."""

    @isolated_settings()
    def __getstate__(self):
        """Return the state with a checksum."""
        return persistence.seal(self._pack(dict(super().__getstate__())))

    @isolated_settings()
    def __setstate__(self, state):
        """Restore a state, if its checksum is correct."""
        state, versions = persistence.unseal(state, type(self).__name__)
        if versions["scikit-learn"] != sklearn.__version__:
            warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=sklearn.__version__,
                    original_sklearn_version=versions["scikit-learn"],
                )
            )
        check_no_shadowing(self, state)
        try:
            state = self._unpack(state)
        except CorruptedModelError:
            raise
        except CONTENT_ERRORS as error:
            raise CorruptedModelError(
                f"The saved {type(self).__name__} cannot be opened: {error}"
            ) from error
        super().__setstate__(default_parameters(type(self)) | state)

    def _pack(self, state):
        return state

    def _unpack(self, state):
        return state


class WeightFilesMixin:
    """`save_weights` and `load_weights`, for an estimator with `_to_file` and `_load`."""

    @isolated_settings()
    def save_weights(self, path):
        """Save the fitted attributes to a file that contains no code.

        Parameters
        ----------
        path : str or path-like
            Path of the file, in the safetensors format. The file is replaced atomically.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        NotFittedError
            Before `fit`.
        OSError, ValueError
            If the file cannot be written, or `path` is a FIFO or a device. An existing file is then
            unchanged.
        TypeError
            If a custom network cannot be saved, or the `estimator` of a detector has no
            `save_weights`, such as PCA.

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
        state, header = self._to_file()
        header["parameters"] = {name: repr(value) for name, value in self.get_params().items()}
        persistence.save_file(path, type(self).__name__, state, **header)
        return self

    @isolated_settings()
    def load_weights(self, path):
        """Load the fitted attributes of an estimator with the same network.

        Loading runs no code from the file. If the file is damaged or does not fit, the estimator is
        unchanged.

        Parameters
        ----------
        path : str or path-like
            Path of a file that `save_weights` wrote.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        CorruptedModelError
            If the file is damaged, of another class, or of a newer version of sklearn_unsup.
        ValueError
            If a parameter of the network, or of the detector, differs from the saved one.
        OSError
            If the file cannot be read.
        """
        self._load(persistence.SavedFile(path, type(self).__name__))
        return self

    def _to_file(self):
        """Return the state to save in a file, and additional entries of its header."""
        raise NotImplementedError

    def _load(self, file):
        """Restore the state in a file."""
        raise NotImplementedError


class SavingMixin(PickleMixin, WeightFilesMixin, Transaction):
    """Save the weights of a network as numpy arrays, in pickles and in weight files.

    A file may only hold the names in `_specs`. The estimator has `NetworkBuilderMixin`.
    """

    def _pack(self, state):
        for name, value in state.items():
            if is_unsupported_sequence(value):  # a user may set widths to one
                state[name] = plain(value)
        state.pop("callbacks_", None)
        network = state.pop("network_", None)
        if network is not None:
            parameters = state["_fitted_params"]
            custom = self._custom_parts(parameters)
            untrained = self._build_untrained(state, parameters) if custom else None
            state["_weights"] = persistence.network_state(network, custom, untrained)
        return state

    def _unpack(self, state):
        if "_weights" in state:
            network = self._build_untrained(state, state["_fitted_params"])
            names = state.keys() & {*self._specs(state), "_weights"}
            learnt = {name: state.pop(name) for name in names}
            state |= self._restore_network(network, learnt, plain(state["optimizer"]))
            state["network_"] = network.to(device_after_loading(state["device"]))
        return state

    def _restore_network(self, network, state, optimizer):
        """Load the weights in a state into a network; return the other attributes, checked."""
        weights, custom = state.pop("_weights"), self._custom_parts(state["_fitted_params"])
        persistence.check_fit(network, weights, custom)
        persistence.load_weights(network, weights, custom)
        persistence.check(self._specs(state), state)
        if not all(isinstance(name, str) for name in state.get("feature_names_in_", ())):
            raise CorruptedModelError("feature_names_in_ holds what is no name")
        training = state.get("_training_state")
        if training is not None:  # moments of another optimiser are dropped
            groups = self._trainer.param_groups(network)
            state["_training_state"] = check_training_state(training, optimizer, groups)
        self._check_custom_state(network, weights, state)
        return state

    def _specs(self, state):
        """Return the specification of each fitted attribute; subclasses add their own."""
        return image_specs(state)

    def _check_custom_state(self, network, weights, state):
        """Raise an error if a custom network does not work with its saved extra state.

        Only the custom code can tell which shapes and values are valid.
        """
        declared = {name for name in network.state_dict() if not name.endswith("_extra_state")}
        if weights.keys() <= declared:
            return
        trial, n_threads = copy_module(network), torch.get_num_threads()
        torch.set_num_threads(1)  # a process that is forked later could not use more
        try:
            with isolated_torch_rng(0, torch.device("cpu")), torch.inference_mode():
                images = torch.zeros(2, *state["image_shape_"])
                self._smoke_test(trial, images, state["_fitted_params"])
        except CONTENT_ERRORS as error:
            raise CorruptedModelError(
                f"the custom network fails with the state that was saved: {error}"
            ) from error
        finally:
            torch.set_num_threads(n_threads)

    def _smoke_test(self, network, images, parameters):
        """Call the methods of a network that the estimator uses, to test that they work."""

    def _to_file(self):
        return self._pack(self._fitted_state()), {}

    def _load(self, file, part=lambda state: state):
        """Restore and return the state in a file; `part` selects the estimator's part of it."""
        own = self._network_params()
        with file:
            outline = part(file.outline)
            saved, shapes = (outline[name] for name in ("_fitted_params", "_weights"))
            image_shape = outline["image_shape_"]
            types = [each for each in shapes.values() if isinstance(each, ArrayType)]
            is_network = is_sides(image_shape) and ArrayType("float32", image_shape) in types
            if saved.keys() != own.keys() or not is_network:
                raise CorruptedModelError("it is no network of this class")
            others = [name for name in own if not persistence.are_alike(own[name], saved[name])]
        for name in others[:1]:
            raise ValueError(
                f"{name}={own[name]!r} differs from {saved[name]!r:.500}, which the network in "
                f"{file.path} was built with. Set {name} to that first."
            )
        with file:
            network = self._build_untrained(outline, own)  # it has no memory yet
            persistence.check_fit(network, shapes, self._custom_parts(own))
            whole = file.read()
            state = self._restore_network(network, part(whole), plain(self.optimizer))
        draft = self._draft()
        for name in draft._fitted_state():
            del vars(draft)[name]
        vars(draft).update(state, _fitted_params=own)
        draft.network_ = network.to(device_after_loading(self.device))
        self._commit(draft)
        return whole
