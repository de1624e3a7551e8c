"""How estimators are saved: sealed states for pickles, and files of weights."""

import os
import warnings

import sklearn
import torch
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup import persistence
from sklearn_unsup.persistence import CorruptedModelError
from sklearn_unsup.training import device_after_loading, isolated_torch_rng

SCIKIT_LEARNS = ("_skl", "_callback", "_parent_callback", "_propagated")  # not learnt


class Sealed:
    """Pickle plain values and numpy arrays with a seal, and check it on loading."""

    def __getstate__(self):
        """Return the state with a seal."""
        return persistence.seal(self._pack(dict(super().__getstate__())))

    def __setstate__(self, state):
        """Take up a state, if its seal is whole."""
        state, versions = persistence.unseal(state, type(self).__name__)
        if versions["scikit-learn"] != sklearn.__version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=sklearn.__version__,
                    original_sklearn_version=versions["scikit-learn"],
                ),
                stacklevel=2,
            )
        super().__setstate__(self._unpack(state))

    def _pack(self, state):
        return state

    def _unpack(self, state):
        return state


class Saving(Sealed):
    """Save the weights of a network as numpy arrays, in pickles and in files of their own."""

    def _pack(self, state):
        network = state.pop("network_", None)
        if network is not None:
            state["_weights"] = persistence.to_plain(dict(network.state_dict()))
        return state

    def _unpack(self, state):
        weights = state.pop("_weights", None)
        if weights is not None:
            network = self._build_anew(state["image_shape_"], state["_fitted_params"])
            persistence.check_fit(network, weights)
            persistence.load_weights(network, weights)
            state["network_"] = network.to(device_after_loading(state["device"]))
        return state

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
        own = {name: getattr(self, name) for name in self._network_parameters}
        file = persistence.SavedFile(path, type(self).__name__)
        with file:
            saved, shapes = (file.outline[name] for name in ("_fitted_params", "_weights"))
            image_shape = tuple(file.outline["image_shape_"])
            if saved.keys() != own.keys() or ("float32", image_shape) not in shapes.values():
                raise CorruptedModelError("it is no network of this class")
        for name, value in own.items():
            if not persistence.are_alike(value, saved[name]):
                raise ValueError(
                    f"{name}={value!r} differs from {saved[name]!r}, which the network in "
                    f"{os.fspath(path)} was built with. Set {name} to that first."
                )
        with file:
            network = self._build_anew(image_shape, own)
            persistence.check_fit(network, shapes)  # before there is memory for it
            state = file.read()
            persistence.load_weights(network, state.pop("_weights"))
        draft = self._draft()
        for name in draft._learnt():
            del vars(draft)[name]
        vars(draft).update(state, _fitted_params=own)
        draft.network_ = network.to(device_after_loading(self.device))
        self._commit(draft)
        return self

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
