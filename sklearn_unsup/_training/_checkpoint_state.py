"""The content of a checkpoint: read from a trainer, checked, and restored."""

from itertools import count
from numbers import Number

import torch
from skorch.callbacks import LRScheduler
from skorch.history import History

from sklearn_unsup._persistence import (
    Spec,
    check,
    check_fit,
    generator_state,
    integer,
    is_finite,
    is_number,
    is_whole,
    load_weights,
    network_state,
    to_plain,
    to_state_dict,
    to_tensors,
)
from sklearn_unsup._training._optimizers import (
    check_optimizer_state,
    expected_optimizer_state,
    match_strides,
    optimizer_state,
)

# The state of torch's learning-rate schedules that changes during training. Counts never decrease.
COUNTS = {"last_epoch", "_step_count", "num_bad_epochs", "cooldown_counter", "T_cur", "T_i"}
MOVES = COUNTS | {"_last_lr", "best"}
IS_DICT = Spec(lambda value: isinstance(value, dict), "a dict")


def checkpoint_state(net, untrained):
    """Return what a checkpoint holds; `untrained` is the initial network, if it is custom."""
    optimizer = optimizer_state(net.optimizer_)
    return {
        "network": network_state(net.module_, net.custom, untrained),
        "optimizer": {**optimizer, "param_groups": _plain(optimizer["param_groups"])},
        "schedules": [
            (callback.batch_idx_, _plain(callback.lr_scheduler_.state_dict()))
            for callback in _schedulers(net)
        ],
        "history": _plain([{**row, "batches": None} for row in net.history]),
        "trainer": to_plain({name: getattr(net, name) for name in net.checkpointed}),
        "random_states": [generator.get_state().numpy() for generator in _generators(net)],
    }


def restore_checkpoint(net, state):
    """Check the content of a checkpoint, and restore it."""
    check(_specs(net), state)
    _check_parts(net, state)
    best = state["trainer"]["best_"]
    load_weights(net.module_, state["network"], net.custom)
    if best is not None:  # it has the buffers of a trained network
        check_fit(net.module_, best[2])
        state["trainer"]["best_"] = (*best[:2], to_state_dict(net.module_, best[2]))
    groups = net.optimizer_.state_dict()["param_groups"]
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


def _specs(net):
    """Return the specification of each part of a checkpoint."""
    schedules = [each.lr_scheduler_ for each in _schedulers(net)]
    own = [generator.get_state().numpy() for generator in _generators(net)]
    return {
        "network": IS_DICT,
        "optimizer": IS_DICT,
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
        "trainer": IS_DICT,
        "random_states": Spec(
            lambda found: (
                isinstance(found, list)
                and len(found) == len(own)
                and all(generator_state(g).holds(f) for f, g in zip(found, own, strict=True))
            ),
            "states of as many generators of random numbers",
        ),
    }


def _check_parts(net, state):
    """Raise an error if the dicts of a checkpoint do not fit this training."""
    groups = _plain(net.optimizer_.state_dict()["param_groups"])
    of_optimizer = {
        "state": IS_DICT,
        "param_groups": Spec(
            lambda found: _are_alike(found, groups) and all(group["lr"] >= 0 for group in found),
            "groups of parameters",
        ),
    }
    check(of_optimizer, state["optimizer"])
    check(net.checkpointed, state["trainer"])
    check_fit(net.module_, state["network"], net.custom)
    best, n_epochs = state["trainer"]["best_"], len(state["history"])
    check(
        {"improved_": integer(0, n_epochs), "best epoch": integer(1, n_epochs)},
        {
            "improved_": state["trainer"]["improved_"],
            "best epoch": n_epochs if best is None else best[1],
        },
    )
    expected = expected_optimizer_state(net.optimizer, net.param_groups(net.module_))
    check_optimizer_state(state["optimizer"]["state"], expected)


def _are_alike(found, own, moves=None, name=None):
    """Tell whether two plain values have the same structure; numbers may differ.

    `moves` holds the names of the numbers that may differ; None means all.
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
    """Tell whether a value is a number of batches and the state of a schedule like `own`."""
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
    """Tell whether a value of `history_` is valid; losses and scores must be numbers."""
    if name.startswith(("train_", "valid_")):
        return is_number(value) or isinstance(value, bool)
    return value is None or isinstance(value, str | bool) or is_number(value)


def _generators(net):
    """Return the random generators whose state carries over from epoch to epoch."""
    generators = [net.batches_.generator, net.noise_generator]
    if net.custom:  # custom modules may draw from torch's global state
        generators.append(torch.default_generator)
        if net.device.type == "cuda":
            device = next(net.module_.parameters()).device  # with an index, unlike "cuda"
            generators.append(torch.cuda.default_generators[device.index])
    return generators


def _schedulers(net):
    return [callback for _, callback in net.callbacks_ if isinstance(callback, LRScheduler)]


def _plain(value):
    """Replace what is not a plain value, such as the functions of a schedule, by None."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return value if isinstance(value, Number | str) else None


def is_best(best):
    """Tell whether a value is the best epoch of a trainer: its loss, number and weights."""
    return (
        isinstance(best, tuple)
        and len(best) == 3
        and is_finite(best[0])
        and is_whole(best[1])
        and isinstance(best[2], dict)
    )
