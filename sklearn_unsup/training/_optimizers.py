"""Optimisers and learning-rate schedules, by name."""

import inspect

import torch
from skorch.callbacks import LRScheduler

OPTIMIZERS = {
    "adam": (torch.optim.Adam, {"fused": True}),
    "adamw": (torch.optim.AdamW, {"fused": True}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
}


def build_optimizer(optimizer, parameters, learning_rate, weight_decay, betas=None):
    """Build an optimiser from its name or class; `betas`, if given, are for Adam by name.

    Raises
    ------
    TypeError
        If it is neither, or cannot train batch by batch.
    """
    name = optimizer
    optimizer, options = OPTIMIZERS.get(name, (optimizer, {}))
    if betas is not None and name in ("adam", "adamw"):
        options = {**options, "betas": betas}
    if not issubclass(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer={optimizer!r} is not a torch.optim.Optimizer. Use a name of "
            f"{sorted(OPTIMIZERS)} or a class of torch.optim."
        )
    if issubclass(optimizer, torch.optim.LBFGS):
        raise TypeError(
            "optimizer=LBFGS needs all rows in one step and weights laid out channels first. Use a "
            "first-order optimiser, such as 'adam'."
        )
    if "weight_decay" in inspect.signature(optimizer).parameters:
        options = {**options, "weight_decay": weight_decay}
    return optimizer(parameters, lr=learning_rate, **options)


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
