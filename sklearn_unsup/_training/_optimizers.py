"""Optimisers and learning-rate schedules, by name."""

import inspect
from dataclasses import dataclass

import numpy as np
import torch
from skorch.callbacks import LRScheduler

from sklearn_unsup._persistence import CorruptedModelError, is_finite, is_whole, to_plain
from sklearn_unsup._training._muon import Muon

OPTIMIZERS = {
    "muon": (Muon, {}),
    "adam": (torch.optim.Adam, {"fused": True}),
    "adamw": (torch.optim.AdamW, {"fused": True}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
}
ADAPTIVE = ("muon", "adam", "adamw")  # they have `betas`, and learning rates on the device


@dataclass(frozen=True)
class OptimizerSettings:
    """Settings of an optimiser and its learning-rate schedule.

    Parameters
    ----------
    optimizer : {"muon", "adam", "adamw", "sgd"} or class
        A class is called with the parameters, `lr`, and `weight_decay` if it accepts one.
    learning_rate : float, default=1e-3
    weight_decay : float, default=0.0
    schedule : {"constant", "linear", "cosine", "one_cycle"}, default="constant"
        Schedule of the learning rate, over all steps of a training.
    betas : tuple of float, default=None
        Betas of "muon", "adam" and "adamw"; None takes the defaults of the class.
    """

    optimizer: str | type
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    schedule: str = "constant"
    betas: tuple | None = None


def build_optimizer(settings, parameters):
    """Build an optimiser from its name or class.

    Raises
    ------
    TypeError
        If it is neither, or cannot train on batches.
    """
    name = settings.optimizer
    optimizer, options = OPTIMIZERS.get(name, (name, {}))
    if settings.betas is not None and name in ADAPTIVE:
        options = {**options, "betas": settings.betas}
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
        options = {**options, "weight_decay": settings.weight_decay}
    return optimizer(parameters, lr=settings.learning_rate, **options)


def expected_optimizer_state(optimizer, groups):
    """Return the state of an optimiser after a step: {index: {name: tensor or number}}.

    The state is that of a new optimiser, after one step on zeros.

    Parameters
    ----------
    optimizer : str or class
    groups : list of dict
        Parameter groups, with "params".
    """

    def zeros_like(parameter):
        zeros = torch.zeros_like(parameter, device="cpu")
        return torch.nn.Parameter(
            zeros, requires_grad=zeros.is_floating_point() or zeros.is_complex()
        )

    zeros = [{"params": [zeros_like(p) for p in group["params"]]} for group in groups]
    trial = build_optimizer(OptimizerSettings(optimizer), zeros)
    for group in zeros:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    trial.step()
    return trial.state_dict()["state"]


def check_optimizer_state(moments, expected):
    """Raise a CorruptedModelError if the state of an optimiser has another structure.

    Fused optimisers do not check sizes: they would write past the end of a tensor.

    Parameters
    ----------
    moments : dict
        {index of the parameter: {name: array or number}}; parameters may be missing.
    expected : dict
        The result of `expected_optimizer_state`.
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
    if own.dim() == 0:  # a count of steps has torch's default dtype, which may vary
        dtypes += ["float32", "float64"]
    return value.dtype.name in (dtypes if own.dtype != torch.bfloat16 else ["float32"])


def optimizer_state(optimizer):
    """Return the state of an optimiser, with arrays instead of tensors.

    numpy has no bfloat16, so bfloat16 moments become float32. torch converts them back on loading.
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


class LinearDecay:
    """Factor of the learning rate that rises in a twentieth of the steps, then falls to 0.

    Parameters
    ----------
    n_steps : int
    """

    def __init__(self, n_steps):
        self.n_steps = n_steps
        self.n_warm_up = max(1, n_steps // 20)

    def __call__(self, step):
        """Return the factor of a step, counted from 0."""
        return min((step + 1) / self.n_warm_up, max(0.0, 1 - step / self.n_steps))


def schedule_callbacks(name, learning_rate, n_steps):
    """Return the skorch callbacks of a schedule: one that steps after each batch, or none."""
    if name == "constant":
        return []
    if name == "linear":
        policy, options = torch.optim.lr_scheduler.LambdaLR, {"lr_lambda": LinearDecay(n_steps)}
    elif name == "cosine":
        policy, options = torch.optim.lr_scheduler.CosineAnnealingLR, {"T_max": n_steps}
    else:  # torch's one-cycle ends a step early, and raises an error past its end
        policy = torch.optim.lr_scheduler.OneCycleLR
        options = {"max_lr": learning_rate, "total_steps": n_steps + 1, "cycle_momentum": False}
    return [LRScheduler(policy=policy, step_every="batch", event_name=None, **options)]


def match_strides(optimizer):
    """Give moments the strides of their parameters, as fused optimisers ignore strides."""
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if torch.is_tensor(value) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter.detach()).copy_(value)
