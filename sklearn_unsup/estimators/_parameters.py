"""Shared parameters of estimators.

A model lists the parameters it takes in the signature of `__init__`, with its own defaults.
`with_shared_parameters` adds their documentation and constraints.
"""

import inspect

from sklearn_unsup.estimators._documentation import unite_docstrings
from sklearn_unsup.estimators._parameter_groups import (
    ImageParameters,
    NetworkParameters,
    TrainingParameters,
)

PARAMETER_GROUPS = (TrainingParameters, NetworkParameters, ImageParameters)
DEFAULT_WORDING = {  # of the placeholders above
    "encoder_outputs": "n_components",
    "decoder_inputs": "n_components",
    "last_layers": "the code",
    "auto_steps": "2,000",
    "batch_limits": "at least 16, and at most 64 on a CPU or 128 elsewhere",
    "large_batch": "at least 8: 13 for 224 x 224 pixels in colour.",
    "early_stopping_effect": (
        "Hold out rows, stop training when the loss on them no longer improves, and keep the"
        "\n    weights of the best epoch."
    ),
    "held_out": ". Only used with `early_stopping`",
    "watched": "the validation loss",
    "history": ('"train_loss", the parts of the loss,\n    and "valid_loss" with `early_stopping`'),
}


def with_shared_parameters(**wording):
    """Add the constraints and the documentation of shared parameters to an estimator class.

    Parameters
    ----------
    **wording : str
        Texts that replace those of `DEFAULT_WORDING`.
    """
    if unknown := wording.keys() - DEFAULT_WORDING.keys():
        raise TypeError(
            f"There is no wording of {sorted(unknown)}: expected {sorted(DEFAULT_WORDING)}."
        )

    def decorate(cls):
        signature = inspect.signature(cls).parameters
        defaults = {name: parameter.default for name, parameter in signature.items()}
        shared = {
            name: constraint
            for group in PARAMETER_GROUPS
            for name, constraint in group.constraints.items()
            if name in defaults
        }
        cls._parameter_constraints = shared | getattr(cls, "_parameter_constraints", {})
        factories = NetworkParameters.factories | getattr(cls, "_factories", {})
        cls._factories = {name: parts for name, parts in factories.items() if name in defaults}
        shared_names = [name for name in shared if name in NetworkParameters.constraints]
        own_names = getattr(cls, "_network_parameters", ())
        cls._network_parameters = tuple(dict.fromkeys([*shared_names, *cls._factories, *own_names]))
        cls.__doc__ = unite_docstrings(cls, PARAMETER_GROUPS, defaults, DEFAULT_WORDING | wording)
        return cls

    return decorate


def store(estimator, arguments):
    """Set the arguments of `__init__`, its `locals()`, as attributes of an estimator."""
    for name, value in arguments.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)
