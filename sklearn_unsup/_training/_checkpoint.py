"""Training that is stopped and goes on as if it had not been: all that the next epoch needs."""

from pathlib import Path
from pickle import PickleError

import torch
from skorch.callbacks import Callback

from sklearn_unsup._persistence import SavedFile, fingerprint, remove_leftovers, save_file
from sklearn_unsup._training._checkpoint_state import restore, state_of
from sklearn_unsup._training._progress import ScikitLearnCallbacks
from sklearn_unsup._warnings import warn
from sklearn_unsup.networks import copy_module


class TrainingCheckpoint(Callback):
    """Save the training after each epoch; the same `fit` goes on from there if it was stopped.

    Given in `callbacks` of an estimator. Whatever stops the process, even SIGKILL, run the same
    `fit` again: it skips the epochs that were trained before and ends, on a CPU, with the same
    weights to the last bit. A fit that had reached its end returns at once, so that an interrupted
    `GridSearchCV` can be run again, too: each of its fits has a file of its own.

    The files hold weights, the optimiser's state, schedules, random states and `history_`, in the
    safetensors format, so that no code can run when they are opened. They are some four times as
    large as the weights; delete the folder when the result is saved.

    Parameters
    ----------
    dirname : str or path-like
        Folder of the files; made if it does not exist. The file of a fit is named after the class,
        a digest of all that decides the end (the parameters, every row of X, the initial weights,
        the settings of the other callbacks, the code of a custom network), and the device. If one
        of them has changed, `fit` starts anew.

    Raises
    ------
    ValueError
        In `fit`, if nobody could tell which fit it was: the estimator's `random_state` is None, or
        another callback cannot be pickled. (Those of :mod:`skorch.callbacks.logging` may be
        anything: they change nothing.)
    CorruptedModelError
        In `fit`, if its file is damaged.

    Notes
    -----
    Learning-rate schedulers are saved as well. Of other callbacks, such as skorch's
    `EarlyStopping`, the state is not: they start anew. `partial_fit` saves nothing.

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
        """Go on from the file, if there is one."""
        folder = Path(self.dirname)
        folder.mkdir(parents=True, exist_ok=True)
        name = net.identity_
        precision = str(net.precision or torch.float32).removeprefix("torch.")
        device = f"{torch.device(net.device).type}-{net.batches_.batch_size}-{precision}"
        self.path_ = folder / f"{name}-{device}.safetensors"
        self.fresh_ = copy_module(net.module_) if net.custom else None
        remove_leftovers(self.path_)
        if _exists(self.path_):
            with SavedFile(self.path_, type(self).__name__) as file:
                restore(net, file.read())
        elif others := sorted(folder.glob(f"{name}-*.safetensors")):
            warn(
                f"{others[0].name} is of this training on another device, or with other batches "
                f"(this is {device}). The training starts anew, and leaves that file as it is."
            )

    def on_epoch_end(self, net, **kwargs):
        """Save all that the next epoch needs."""
        save_file(self.path_, type(self).__name__, state_of(net, self.fresh_))

    def on_train_end(self, net, **kwargs):
        """Let go of the network."""
        self.fresh_ = None


def identity_of(net):
    """Return a name that no training with another end has: the class, and a digest.

    Raises
    ------
    ValueError
        If a callback cannot be taken apart.
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
    observers = (TrainingCheckpoint, ScikitLearnCallbacks)
    return issubclass(kind, observers) or kind.__module__ == "skorch.callbacks.logging"


def _exists(path):
    """Tell whether there is something at a path; what may not be looked at is an error."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True
