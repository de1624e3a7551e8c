"""The settings of the user's process, which are neither changed nor obeyed."""

import contextlib

import numpy as np
import torch


@contextlib.contextmanager
def isolated_settings():
    """Compute in the block with the default settings of numpy and torch.

    Gradients are on, autocast is off, new tensors are on the CPU, and numpy warns as it does by
    default. For each of them only the calling thread is affected. As a decorator, for a function.
    """
    has_gradients = torch.is_grad_enabled()
    try:
        with _entered():
            yield
    finally:  # Ctrl-C within the end of a `no_grad` leaves gradients off
        torch.set_grad_enabled(has_gradients)


@contextlib.contextmanager
def _entered():
    with contextlib.ExitStack() as stack:
        stack.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for device in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":  # only then: it makes each call slower
            stack.enter_context(torch.device("cpu"))
        yield
