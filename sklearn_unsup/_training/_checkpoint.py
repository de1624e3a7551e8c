"""Training that is stopped and goes on as if it had not been: all that the next epoch needs."""

from itertools import count
from numbers import Number
from pathlib import Path
from pickle import PickleError

import torch
from skorch.callbacks import Callback, LRScheduler
from skorch.history import History

from sklearn_unsup._persistence import (
    SavedFile,
    Spec,
    check,
    check_fit,
    fingerprint,
    generator_state,
    integer,
    is_finite,
    is_number,
    is_whole,
    load_weights,
    network_state,
    remove_leftovers,
    save_file,
    to_plain,
    to_state_dict,
    to_tensors,
)
from sklearn_unsup._training._optimizers import (
    check_moments,
    expected_moments,
    match_strides,
    optimizer_state,
)
from sklearn_unsup._training._progress import ScikitLearnCallbacks
from sklearn_unsup._warnings import warn
from sklearn_unsup.networks import copy_module

# Of torch's learning-rate schedules, what changes on the way. Counts do not get smaller than they
# were at first.
COUNTS = {"last_epoch", "_step_count", "num_bad_epochs", "cooldown_counter", "T_cur", "T_i"}
MOVES = COUNTS | {"_last_lr", "best"}


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
        if _exists(self.path_):
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


def _exists(path):
    """Tell whether there is something at a path; what may not be looked at is an error."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def _state(net, anew):
    optimizer = optimizer_state(net.optimizer_)
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
    schedules = [each.lr_scheduler_ for each in _schedulers(net)]
    own = [generator.get_state().numpy() for generator in _generators(net)]
    is_dict = Spec(lambda value: isinstance(value, dict), "a dict")
    specs = {
        "network": is_dict,
        "optimizer": is_dict,
        "schedules": Spec(
            lambda found: (
                isinstance(found, list)
                and len(found) == len(schedules)
                and all(map(_is_schedule, found, schedules))
            ),
            "states of the same learning-rate schedules",
        ),
        "history": Spec(
            lambda rows: (
                isinstance(rows, list)
                and len(rows) > 0
                and all(map(_is_row, rows, count(1)))
                and all(net.recorded <= row.keys() for row in rows)
            ),
            f"a list of epochs with {sorted(net.recorded)}",
        ),
        "trainer": is_dict,
        "random_states": Spec(
            lambda found: (
                isinstance(found, list)
                and len(found) == len(own)
                and all(generator_state(g).holds(f) for f, g in zip(found, own, strict=True))
            ),
            "states of as many generators of random numbers",
        ),
    }
    check(specs, state)
    of_optimizer = {
        "state": is_dict,
        "param_groups": Spec(
            lambda found: _are_alike(found, groups) and all(group["lr"] >= 0 for group in found),
            "groups of parameters",
        ),
    }
    check(of_optimizer, state["optimizer"])
    check(net.kept, state["trainer"])
    check_fit(net.module_, state["network"], net.custom)
    best = state["trainer"]["best_"]
    n_epochs = len(state["history"])
    check(
        {"improved_": integer(0, n_epochs), "best epoch": integer(1, n_epochs)},
        {
            "improved_": state["trainer"]["improved_"],
            "best epoch": n_epochs if best is None else best[1],
        },
    )
    check_moments(
        state["optimizer"]["state"], expected_moments(net.optimizer, net.groups(net.module_))
    )

    load_weights(net.module_, state["network"], net.custom)
    if best is not None:  # its buffers are those of a network that has been trained
        check_fit(net.module_, best[2])
        state["trainer"]["best_"] = (*best[:2], to_state_dict(net.module_, best[2]))
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


def _are_alike(found, own, moves=None, name=None):
    """Tell whether a plain value is like another but for its numbers.

    `moves` are the names of those that may differ; None means all.
    """
    if isinstance(own, dict):
        same = isinstance(found, dict) and found.keys() == own.keys()
        return same and all(_are_alike(found[key], own[key], moves, key) for key in own)
    if isinstance(own, list | tuple):
        same = type(found) is type(own) and len(found) == len(own)
        return same and all(_are_alike(*both, moves, name) for both in zip(found, own, strict=True))
    if not is_number(own) or (moves is not None and name not in moves):
        return type(found) is type(own) and found == own
    if moves is not None and name in COUNTS:
        return is_finite(found) and found >= own and (is_whole(found) or not is_whole(own))
    if moves is not None and name == "best":  # infinite at first
        return is_number(found) and found == found
    return found == own or is_finite(found)


def _is_schedule(found, own):
    """Tell whether a value may be the count of batches and the state of a schedule like `own`."""
    is_torchs = type(own).__module__.startswith("torch.")
    return (
        isinstance(found, tuple)
        and len(found) == 2
        and integer(0).holds(found[0])
        and _are_alike(found[1], _plain(own.state_dict()), MOVES if is_torchs else None)
    )


def _is_row(row, number):
    return (
        isinstance(row, dict)
        and all(isinstance(name, str) and _is_record(name, row[name]) for name in row)
        and is_whole(row.get("epoch"))
        and row["epoch"] == number
        and is_finite(row.get("dur"))
        and row["dur"] >= 0
    )


def _is_record(name, value):
    """Tell whether a value may be recorded by this name: losses and scores are compared."""
    if name.startswith(("train_", "valid_")):
        return is_number(value) or isinstance(value, bool)
    return value is None or isinstance(value, str | bool) or is_number(value)


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
