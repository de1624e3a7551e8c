"""Checkpoints, from which interrupted training resumes exactly."""

from pathlib import Path
from pickle import PickleError

import torch
from skorch.callbacks import Callback

from sklearn_unsup._persistence import SavedFile, fingerprint, remove_leftovers, save_file
from sklearn_unsup._training._checkpoint_state import checkpoint_state, restore_checkpoint
from sklearn_unsup._training._epoch_score import EpochScore
from sklearn_unsup._training._estimate import TimeEstimate
from sklearn_unsup._training._progress import ScikitLearnCallbacks
from sklearn_unsup._warnings import warn
from sklearn_unsup.networks import copy_module


class TrainingCheckpoint(Callback):
    """Save a checkpoint after each epoch, from which an interrupted `fit` resumes.

    Pass it in `callbacks` of an estimator. If the process stops for any reason, even SIGKILL, run
    the same `fit` again. It skips the epochs that were trained, and on a CPU the resulting weights
    are bit-identical. A `fit` that had finished returns at once. An interrupted `GridSearchCV` can
    be run again in the same way, as each of its fits has its own file.

    The files hold weights, the optimiser's state, schedules, random states and `history_`. They are
    in the safetensors format, so opening one runs no code. They are about four times as large as
    the weights. Delete the folder once the result is saved.

    Parameters
    ----------
    dirname : str or path-like
        Folder of the files; it is created if it does not exist. The name of a file holds the class,
        a digest and the device. The digest depends on all that affects the result: the parameters,
        every row of X, the initial weights, the other callbacks, and custom code. If any of them
        has changed, `fit` starts from scratch.

    Raises
    ------
    ValueError
        In `fit`, if it cannot be identified: `random_state` is None, or another callback cannot be
        pickled. Callbacks of :mod:`skorch.callbacks.logging` are ignored, as they do not affect the
        result.
    CorruptedModelError
        In `fit`, if its file is damaged.

    Notes
    -----
    The state of learning-rate schedulers is saved. Other callbacks, such as skorch's
    `EarlyStopping`, start again without their state. `partial_fit` saves no checkpoint.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvAutoencoder, TrainingCheckpoint
    >>> X, _ = load_digits(return_X_y=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     autoencoder = ConvAutoencoder(
    ...         max_epochs=3, random_state=0, callbacks=[TrainingCheckpoint(folder)]
    ...     )
    ...     first = autoencoder.fit(X).score(X)
    ...     first == autoencoder.fit(X).score(X)  # this one trains no epoch
    True
    """

    def __init__(self, dirname):
        self.dirname = dirname

    def on_train_begin(self, net, **kwargs):
        """Resume from the file, if it exists."""
        folder = Path(self.dirname)
        folder.mkdir(parents=True, exist_ok=True)
        name = net.identity_
        precision = str(net.precision or torch.float32).removeprefix("torch.")
        device = f"{torch.device(net.device).type}-{net.batches_.batch_size}-{precision}"
        self.path_ = folder / f"{name}-{device}.safetensors"
        self.untrained_ = copy_module(net.module_) if net.custom else None
        remove_leftovers(self.path_)
        if _exists(self.path_):
            with SavedFile(self.path_, type(self).__name__) as file:
                restore_checkpoint(net, file.read())
        elif others := sorted(folder.glob(f"{name}-*.safetensors")):
            warn(
                f"{others[0].name} is of this training on another device, or with other batches "
                f"(this is {device}). The training starts anew, and leaves that file as it is."
            )

    def on_epoch_end(self, net, **kwargs):
        """Save all that the next epoch needs."""
        save_file(self.path_, type(self).__name__, checkpoint_state(net, self.untrained_))

    def on_train_end(self, net, **kwargs):
        """Release the network."""
        self.untrained_ = None


def training_identity(net):
    """Return a name that identifies a training and its result: the class, and a digest.

    Raises
    ------
    ValueError
        If a callback cannot be pickled.
    """
    named = [each if isinstance(each, tuple) else ("", each) for each in net.callbacks]
    deciding = [(name, each) for name, each in named if not _is_observer(each)]
    identity = net.identify()
    try:
        return f"{identity[0]}-{fingerprint([identity, deciding])[:20]}"
    except (TypeError, PickleError) as error:
        raise ValueError(
            "TrainingCheckpoint cannot tell this training from others: what is in callbacks= "
            f"cannot be pickled ({error}). Give its class a __getstate__ that returns what decides "
            "how the training ends."
        ) from error


def _is_observer(callback):
    kind = callback if isinstance(callback, type) else type(callback)
    observers = (TrainingCheckpoint, EpochScore, ScikitLearnCallbacks, TimeEstimate)
    return issubclass(kind, observers) or kind.__module__ == "skorch.callbacks.logging"


def _exists(path):
    """Tell whether a path exists; unlike `Path.exists`, raise an error without permission."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True
