"""What networks ask of their parts, whoever has built them."""

import copy
from itertools import combinations

import torch


def copy_module(module):
    """Return a deep copy of a module, whatever tensors its last pass has left in attributes.

    torch refuses to copy those that hold a graph, as those of `torch.nn.utils.weight_norm` do; the
    copy has them without it.
    """
    kept = (value for layer in module.modules() for value in vars(layer).values())
    graphs = [value for value in kept if torch.is_tensor(value) and not value.is_leaf]
    return copy.deepcopy(module, {id(value): value.detach().clone() for value in graphs})


def check_distinct(**parts):
    """Raise a ValueError if one module has two roles; None has none."""
    parts = {role: part for role, part in parts.items() if part is not None}
    for (role, part), (other_role, other) in combinations(parts.items(), 2):
        if part is other:
            raise ValueError(
                f"{role}= and {other_role}= have built one and the same {type(part).__name__}. "
                "Give each a network of its own."
            )


def check_trainable(**parts):
    """Raise a ValueError if there is nothing to train in any of these modules."""
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
