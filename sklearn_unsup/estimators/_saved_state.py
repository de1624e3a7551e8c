"""Checks of the saved state of an estimator, which may come from an untrusted source."""

import inspect

import numpy as np
import torch

from sklearn_unsup._data import channels_first, find_layout
from sklearn_unsup._persistence import (
    CorruptedModelError,
    Spec,
    array,
    check,
    generator_state,
    integer,
    is_finite,
    is_number,
    is_whole,
    number,
)
from sklearn_unsup._training import check_optimizer_state, expected_optimizer_state

NEVER_SAVED = {"network_", "callbacks_"}
PACKAGES = ("sklearn_unsup.", "sklearn.")
BOOLEAN = bool | np.bool_
IS_DICT = Spec(lambda value: isinstance(value, dict), "a dict")


def check_no_shadowing(estimator, state):
    """Raise an error if a state would hide a method or a class attribute."""
    taken = {
        name
        for cls in type(estimator).__mro__
        if f"{cls.__module__}.".startswith(PACKAGES)
        for name in vars(cls)
    }
    shadowed = taken.intersection(state).difference(estimator._get_param_names())
    shadowed |= {"__class__", *NEVER_SAVED}.intersection(state)
    if shadowed:
        raise CorruptedModelError(
            f"The saved {type(estimator).__name__} holds {min(shadowed)!r}, which is not learnt."
        )


def default_parameters(cls):
    """Return the default of each parameter; estimators of older versions lack new parameters."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not each.empty}


def is_history(rows):
    """Tell whether a value is a valid `history_`: numbers by name, consecutive epochs."""
    return isinstance(rows, list) and all(
        isinstance(row, dict)
        and is_whole(row.get("epoch"))
        and row["epoch"] == epoch
        and all(isinstance(name, str) for name in row)
        and isinstance(row.get("phase", ""), str)
        and all(
            isinstance(value, BOOLEAN) or is_number(value)
            for name, value in row.items()
            if name != "phase"
        )
        for epoch, row in enumerate(rows, start=1)
    )


def is_sides(value):
    """Tell whether a value is a valid image shape."""
    return isinstance(value, tuple) and all(is_whole(side) and side >= 1 for side in value)


def is_range(value):
    """Tell whether a value is a valid range of X: minimum, maximum, whether all are integers."""
    return value is None or (
        isinstance(value, tuple)
        and len(value) == 3
        and all(map(is_finite, value[:2]))
        and value[0] <= value[1]
        and isinstance(value[2], BOOLEAN)
    )


def is_unsupported_sequence(value):
    """Tell whether a value is a sequence that not every file format supports."""
    is_array = hasattr(value, "__array__") and not callable(value)
    return isinstance(value, torch.Size | range) or (
        is_array and not isinstance(value, np.ndarray | np.generic)
    )


def image_specs(state):
    """Return the specification of each fitted attribute that all image estimators have."""
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
        "_fitted_params": IS_DICT,
        "history_": Spec(is_history, "a list of numbers by name, a dict for each epoch"),
        "n_iter_": integer(len(state["history_"]), len(state["history_"])),
        "_training_state": Spec(IS_DICT.holds, "the optimiser's state", required=False),
    }


def check_training_state(training, optimizer, groups):
    """Return a valid training state; moments of another optimiser are dropped.

    Parameters
    ----------
    training : dict
    optimizer : str or class
        The optimiser of the estimator.
    groups : list of dict
        Parameter groups of the network.

    Raises
    ------
    CorruptedModelError
        If the state is invalid.
    """
    check(
        {
            "optimizer": Spec(lambda value: isinstance(value, str), "a name"),
            "phase": Spec(lambda value: isinstance(value, str), "a name", required=False),
            "moments": IS_DICT,
            "generator": generator_state(torch.Generator().get_state().numpy()),
        },
        training,
    )
    torch.Generator().set_state(torch.from_numpy(training["generator"].copy()))
    if training["optimizer"] != str(optimizer):
        return {**training, "moments": {}}
    if training["moments"]:
        check_optimizer_state(training["moments"], expected_optimizer_state(optimizer, groups))
    return training
