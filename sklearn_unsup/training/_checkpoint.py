"""Training that is stopped and goes on as if it had not been: all that the next epoch needs."""

from numbers import Number
from pathlib import Path

import torch
from skorch.callbacks import Callback, LRScheduler
from skorch.history import History

from sklearn_unsup.persistence import SavedFile, save_file, to_plain, to_tensors
from sklearn_unsup.training._optimizers import match_strides


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
        Folder of the files; made if it does not exist. The file of a fit is named after the class
        and a digest of the parameters, the initial weights, learning-rate schedulers and (at most
        1,000 rows of) X: if one of them has changed, `fit` starts anew. So it does for large X on
        another kind of device, unless `batch_size` is a number.

    Raises
    ------
    ValueError
        In `fit`, if the estimator's `random_state` is None: nobody could tell which fit it was.
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
        settings = [callback.get_params() for callback in _schedulers(net)]
        settings.append(net.batches_.batch_size)  # "auto" is not the same on each device
        self.path_ = folder / f"{net.identify(settings)}.safetensors"
        for leftover in folder.glob(f".{self.path_.name}.*"):  # of a save that was killed
            leftover.unlink(missing_ok=True)
        if self.path_.exists():
            with SavedFile(self.path_, type(self).__name__) as file:
                _restore(net, to_tensors(file.read()))

    def on_epoch_end(self, net, **kwargs):
        """Save all that the next epoch needs."""
        save_file(self.path_, type(self).__name__, to_plain(_state(net)))


def _state(net):
    optimizer = net.optimizer_.state_dict()
    return {
        "network": dict(net.module_.state_dict()),
        "optimizer": {**optimizer, "param_groups": _plain(optimizer["param_groups"])},
        "schedules": [
            (callback.batch_idx_, _plain(callback.lr_scheduler_.state_dict()))
            for callback in _schedulers(net)
        ],
        "history": _plain([{**row, "batches": None} for row in net.history]),
        "trainer": {name: getattr(net, name) for name in net.kept},
        "random_states": [generator.get_state() for generator in _generators(net)],
    }


def _restore(net, state):
    net.module_.load_state_dict(state["network"])
    net.optimizer_.load_state_dict(state["optimizer"])
    match_strides(net.optimizer_)
    for callback, (batch, schedule) in zip(_schedulers(net), state["schedules"], strict=True):
        callback.batch_idx_ = batch
        own = callback.lr_scheduler_.state_dict()
        plain = {key: value for key, value in schedule.items() if value is not None}
        callback.lr_scheduler_.load_state_dict({**own, **plain})
    net.history = History({**row, "batches": [{}]} for row in state["history"])
    for name, value in state["trainer"].items():
        setattr(net, name, value)
    for generator, value in zip(_generators(net), state["random_states"], strict=True):
        generator.set_state(value)


def _generators(net):
    """Return the sources of randomness that go on from epoch to epoch."""
    generators = [net.batches_.generator, net.noise_generator]
    if net.draws_globally:
        generators.append(torch.default_generator)
        if net.device.type == "cuda":
            device = next(net.module_.parameters()).device  # with an index, unlike "cuda"
            generators.append(torch.cuda.default_generators[device.index])
    return generators


def _schedulers(net):
    return [callback for _, callback in net.callbacks_ if isinstance(callback, LRScheduler)]


def _plain(value):
    """Return a value with None for what is not plain, such as a schedule's functions."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return value if isinstance(value, Number | str) else None
