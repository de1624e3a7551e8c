"""Training that is stopped and goes on as if it had not been: all that the next epoch needs."""

from itertools import count
from numbers import Number
from pathlib import Path
from pickle import PickleError

import numpy as np
import torch
from skorch.callbacks import Callback, LRScheduler
from skorch.history import History

from sklearn_unsup._warnings import warn
from sklearn_unsup.networks import copy_module
from sklearn_unsup.persistence import (
    SavedFile,
    Spec,
    array,
    check,
    check_fit,
    fingerprint,
    load_weights,
    network_state,
    remove_leftovers,
    save_file,
    to_plain,
    to_state_dict,
    to_tensors,
)
from sklearn_unsup.training._optimizers import check_moments, expected_moments, match_strides
from sklearn_unsup.training._progress import ScikitLearnCallbacks


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
        self.anew_ = copy_module(net.module_) if net.custom else None
        remove_leftovers(self.path_)
        if self.path_.exists():
            with SavedFile(self.path_, type(self).__name__) as file:
                _restore(net, file.read())
        elif others := sorted(folder.glob(f"{name}-*.safetensors")):
            warn(
                f"{others[0].name} is of this training on another device, or with other batches "
                f"(this is {device}). The training starts anew, and leaves that file as it is."
            )

    def on_epoch_end(self, net, **kwargs):
        """Save all that the next epoch needs."""
        save_file(self.path_, type(self).__name__, _state(net, self.anew_))

    def on_train_end(self, net, **kwargs):
        """Let go of the network."""
        self.anew_ = None


def identity_of(net):
    """Return a name that no training with another end has: the class, and a digest.

    Raises
    ------
    ValueError
        If a callback cannot be taken apart.
    """
    named = [each if isinstance(each, tuple) else ("", each) for each in net.callbacks]
    deciding = [(name, each) for name, each in named if not _only_watches(each)]
    identity = net.identify()
    try:
        return f"{identity[0]}-{fingerprint([identity, deciding])[:20]}"
    except (TypeError, PickleError) as error:
        raise ValueError(
            "TrainingCheckpoint cannot tell this training from others: what is in callbacks= "
            f"cannot be pickled ({error}). Give its class a __getstate__ that returns what decides "
            "how the training ends."
        ) from error


def _only_watches(callback):
    kind = callback if isinstance(callback, type) else type(callback)
    watchers = (TrainingCheckpoint, ScikitLearnCallbacks)
    return issubclass(kind, watchers) or kind.__module__ == "skorch.callbacks.logging"


def _state(net, anew):
    optimizer = to_plain(net.optimizer_.state_dict())
    return {
        "network": network_state(net.module_, net.custom, anew),
        "optimizer": {**optimizer, "param_groups": _plain(optimizer["param_groups"])},
        "schedules": [
            (callback.batch_idx_, _plain(callback.lr_scheduler_.state_dict()))
            for callback in _schedulers(net)
        ],
        "history": _plain([{**row, "batches": None} for row in net.history]),
        "trainer": to_plain({name: getattr(net, name) for name in net.kept}),
        "random_states": [generator.get_state().numpy() for generator in _generators(net)],
    }


def _restore(net, state):
    """Take over a state: all of it is checked first."""
    groups = _plain(net.optimizer_.state_dict()["param_groups"])
    schedules = [_plain(each.lr_scheduler_.state_dict()) for each in _schedulers(net)]
    own = [generator.get_state() for generator in _generators(net)]
    is_dict = Spec(lambda value: isinstance(value, dict), "a dict")
    specs = {
        "network": is_dict,
        "optimizer": is_dict,
        "schedules": Spec(
            lambda found: _are_alike(found, [(0, schedule) for schedule in schedules]),
            "states of the same learning-rate schedules",
        ),
        "history": Spec(
            lambda rows: isinstance(rows, list) and all(map(_is_row, rows, count(1))),
            "a list of epochs",
        ),
        "trainer": is_dict,
        "random_states": Spec(
            lambda found: (
                isinstance(found, list)
                and len(found) == len(own)
                and all(array(np.uint8, g.shape).holds(f) for f, g in zip(found, own, strict=True))
            ),
            "states of as many generators of random numbers",
        ),
    }
    check(specs, state)
    of_optimizer = {
        "state": is_dict,
        "param_groups": Spec(lambda found: _are_alike(found, groups), "groups of parameters"),
    }
    check(of_optimizer, state["optimizer"])
    check(net.kept, state["trainer"])
    check_fit(net.module_, state["network"], net.custom)
    best = state["trainer"]["best_"]
    if best is not None:
        check_fit(net.module_, best[2])
        state["trainer"]["best_"] = (*best[:2], to_state_dict(net.module_, best[2]))
    check_moments(
        state["optimizer"]["state"], expected_moments(net.optimizer, net.groups(net.module_))
    )

    load_weights(net.module_, state["network"], net.custom)
    for saved, group in zip(state["optimizer"]["param_groups"], groups, strict=True):
        saved["params"] = group["params"]
    net.optimizer_.load_state_dict(to_tensors(state["optimizer"]))
    match_strides(net.optimizer_)
    for callback, (batch, schedule) in zip(_schedulers(net), state["schedules"], strict=True):
        callback.batch_idx_ = batch
        own_state = callback.lr_scheduler_.state_dict()
        plain = {key: value for key, value in schedule.items() if value is not None}
        callback.lr_scheduler_.load_state_dict({**own_state, **plain})
    net.history = History({**row, "batches": [{}]} for row in state["history"])
    for name, value in to_tensors(state["trainer"]).items():
        setattr(net, name, value)
    for generator, value in zip(_generators(net), state["random_states"], strict=True):
        generator.set_state(torch.from_numpy(value.copy()))


def _are_alike(found, own):
    """Tell whether a plain value is like another but for its numbers."""
    if isinstance(own, dict):
        same = isinstance(found, dict) and found.keys() == own.keys()
        return same and all(_are_alike(found[key], own[key]) for key in own)
    if isinstance(own, list | tuple):
        same = type(found) is type(own) and len(found) == len(own)
        return same and all(map(_are_alike, found, own))
    if isinstance(own, Number) and not isinstance(own, bool):
        return isinstance(found, Number) and not isinstance(found, bool) and found == found
    return type(found) is type(own) and found == own


def _is_row(row, number):
    return (
        isinstance(row, dict)
        and all(isinstance(key, str) for key in row)
        and all(value is None or isinstance(value, Number | str) for value in row.values())
        and row.get("epoch") == number
        and isinstance(row.get("dur"), Number)
    )


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
