"""Optimisers and learning-rate schedules, by name."""

import inspect
from dataclasses import dataclass

import numpy as np
import torch
from skorch.callbacks import LRScheduler

from sklearn_unsup._persistence import CorruptedModelError, is_finite, is_whole, to_plain

OPTIMIZERS = {
    "adam": (torch.optim.Adam, {"fused": True}),
    "adamw": (torch.optim.AdamW, {"fused": True}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
}


@dataclass(frozen=True)
class Optimisation:
    """How weights are moved.

    Parameters
    ----------
    optimizer : {"adam", "adamw", "sgd"} or class
        A class is called with the parameters, `lr`, and `weight_decay` if it takes one.
    learning_rate : float, default=1e-3
    weight_decay : float, default=0.0
    schedule : {"constant", "cosine", "one_cycle"}, default="constant"
        Of the learning rate, over all steps of one training.
    betas : tuple of float, default=None
        Of Adam, if the optimiser is given by name; None for torch's.
    """

    optimizer: str | type
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    schedule: str = "constant"
    betas: tuple | None = None


def build_optimizer(optimisation, parameters):
    """Build an optimiser from its name or class.

    Raises
    ------
    TypeError
        If it is neither, or cannot train batch by batch.
    """
    name = optimisation.optimizer
    optimizer, options = OPTIMIZERS.get(name, (name, {}))
    if optimisation.betas is not None and name in ("adam", "adamw"):
        options = {**options, "betas": optimisation.betas}
    if not issubclass(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer={optimizer!r} is not a torch.optim.Optimizer. Use a name of "
            f"{sorted(OPTIMIZERS)} or a class of torch.optim."
        )
    if issubclass(optimizer, torch.optim.SparseAdam):
        raise TypeError(
            "optimizer=SparseAdam needs sparse gradients, and these are dense. Use 'adam'."
        )
    if issubclass(optimizer, torch.optim.LBFGS):
        raise TypeError(
            "optimizer=LBFGS needs all rows in one step and weights laid out channels first. Use a "
            "first-order optimiser, such as 'adam'."
        )
    if "weight_decay" in inspect.signature(optimizer).parameters:
        options = {**options, "weight_decay": optimisation.weight_decay}
    return optimizer(parameters, lr=optimisation.learning_rate, **options)


def expected_moments(optimizer, groups):
    """Return what an optimiser keeps of its parameters: {index: {name: tensor or number}}.

    Found out by a step of another one, on zeros.

    Parameters
    ----------
    optimizer : str or class
    groups : list of dict
        With "params", as the optimiser has them.
    """

    def zeros_like(parameter):
        zeros = torch.zeros_like(parameter, device="cpu")
        return torch.nn.Parameter(
            zeros, requires_grad=zeros.is_floating_point() or zeros.is_complex()
        )

    zeros = [{"params": [zeros_like(p) for p in group["params"]]} for group in groups]
    trial = build_optimizer(Optimisation(optimizer), zeros)
    for group in zeros:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    trial.step()
    return trial.state_dict()["state"]


def check_moments(moments, expected):
    """Raise a CorruptedModelError if moments are not what an optimiser keeps.

    Fused optimisers go by memory: they write past the end of moments that are too small.

    Parameters
    ----------
    moments : dict
        {index of the parameter: {name: array or number}}; parameters may be missing.
    expected : dict
        As `expected_moments` returns it.
    """
    fits = isinstance(moments, dict) and moments.keys() <= expected.keys()
    fits = fits and all(map(is_whole, moments))
    for index, own in expected.items() if fits else ():
        if index in moments:
            found = moments[index]
            fits = isinstance(found, dict) and found.keys() == own.keys()
            fits = fits and all(_are_of_one_kind(found[name], own[name]) for name in own)
        if not fits:
            break
    if not fits:
        raise CorruptedModelError(
            "the moments of the optimiser do not fit the parameters of the network"
        )


def _are_of_one_kind(value, own):
    if not torch.is_tensor(own):
        return type(value) is type(own) and (not isinstance(own, float) or is_finite(value))
    if not isinstance(value, np.ndarray) or value.shape != own.shape:
        return False
    dtypes = [str(own.dtype).removeprefix("torch.")]
    if own.dim() == 0:  # a count of steps has torch's default dtype, which may have been another
        dtypes += ["float32", "float64"]
    return value.dtype.name in (dtypes if own.dtype != torch.bfloat16 else ["float32"])


def optimizer_state(optimizer):
    """Return the state of an optimiser, with arrays in place of tensors.

    Moments of bfloat16, which numpy lacks, become float32: torch turns them back when it loads
    them.
    """
    state = optimizer.state_dict()
    moments = {
        index: {
            name: value.float()
            if torch.is_tensor(value) and value.dtype == torch.bfloat16
            else value
            for name, value in own.items()
        }
        for index, own in state["state"].items()
    }
    return to_plain({**state, "state": moments})


def schedule_callbacks(name, learning_rate, n_steps):
    """Return skorch's callbacks (one, or none) that drive a torch schedule batch by batch."""
    if name == "constant":
        return []
    if name == "cosine":
        policy, options = torch.optim.lr_scheduler.CosineAnnealingLR, {"T_max": n_steps}
    else:  # one more: torch's one-cycle ends a step early, and refuses to go past its end
        policy = torch.optim.lr_scheduler.OneCycleLR
        options = {"max_lr": learning_rate, "total_steps": n_steps + 1, "cycle_momentum": False}
    return [LRScheduler(policy=policy, step_every="batch", event_name=None, **options)]


def match_strides(optimizer):
    """Lay moments out in memory as their parameters are: fused optimisers go by memory."""
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if torch.is_tensor(value) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter.detach()).copy_(value)
