"""Checks and copies of the parts of a network, built by this package or by a user."""

import copy
from itertools import combinations

import torch


def copy_module(module):
    """Return a deep copy of a module, even if its attributes hold tensors with a graph.

    torch cannot copy such tensors, which `torch.nn.utils.weight_norm` keeps, for example. In the
    copy they are detached.
    """
    attributes = (value for layer in module.modules() for value in vars(layer).values())
    non_leaves = [value for value in attributes if torch.is_tensor(value) and not value.is_leaf]
    return copy.deepcopy(module, {id(value): value.detach().clone() for value in non_leaves})


def check_distinct(**parts):
    """Raise a ValueError if two roles have the same module; None is ignored."""
    parts = {role: part for role, part in parts.items() if part is not None}
    for (role, part), (other_role, other) in combinations(parts.items(), 2):
        if part is other:
            raise ValueError(
                f"{role}= and {other_role}= have built one and the same {type(part).__name__}. "
                "Give each a network of its own."
            )


def check_trainable(**parts):
    """Raise a ValueError if none of these modules has trainable parameters."""
    trainable_parameters("= and ".join(parts), *parts.values())


def trainable_parameters(roles, *parts):
    """Return the parameters that require a gradient, or raise a ValueError that names `roles`."""
    parts = [part for part in parts if part is not None]
    parameters = [p for part in parts for p in part.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError(
            f"{roles}= has built no parameters that require a gradient, so there is nothing to "
            "train. Leave requires_grad of some at True."
        )
    return parameters
