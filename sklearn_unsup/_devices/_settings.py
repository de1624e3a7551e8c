"""Isolation from the user's settings of numpy, torch and scikit-learn."""

import contextlib

import numpy as np
import torch
from sklearn import config_context
from threadpoolctl import threadpool_limits

from sklearn_unsup._devices._workers import ForkSafeLock

_THREADPOOL_LOCK = ForkSafeLock()  # the number of BLAS threads is set for the whole process


@contextlib.contextmanager
def isolated_settings():
    """Run the block, or the decorated function, with the default settings of numpy and torch.

    Gradients are on, autocast is off, new tensors are on the CPU, and numpy's warnings are the
    default ones. Only the calling thread is affected.
    """
    has_gradients = torch.is_grad_enabled()
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(
                np.errstate(divide="warn", over="warn", under="ignore", invalid="warn")
            )
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            for device in ("cpu", "cuda", "mps"):
                if torch.is_autocast_enabled(device):
                    stack.enter_context(torch.autocast(device, enabled=False))
            if torch.get_default_device().type != "cpu":  # it makes each call slower
                stack.enter_context(torch.device("cpu"))
            yield
    finally:  # Ctrl-C at the end of a `no_grad` leaves gradients off
        torch.set_grad_enabled(has_gradients)


@contextlib.contextmanager
def scikit_learn_settings():
    """Run the block, which fits an estimator of scikit-learn to arrays, with one BLAS thread.

    Array API dispatch is off, as k-means fails with it. OpenMP threads would hang in a forked
    process.
    """
    with _THREADPOOL_LOCK.lock, config_context(array_api_dispatch=False), threadpool_limits(1):
        yield
