"""Several workers on one machine: say what to do where torch would hang or a GPU is full."""

import contextlib
import os

import torch

from sklearn_unsup.inference import is_out_of_memory
from sklearn_unsup.training._memory import keep_freed_memory

FORKED = (
    "This process was forked from one in which torch had computed, and would hang: threads and "
    "GPUs do not survive a fork. Use joblib's default backend 'loky' (or 'threading') in place of "
    "'multiprocessing', multiprocessing's start method 'spawn', or, on a CPU, call "
    "torch.set_num_threads(1) first in each worker."
)
_has_computed = False  # in this process
_forked_after_computing = False  # this process, from one that had computed


def _remember_fork():
    global _forked_after_computing
    _forked_after_computing = _has_computed


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_remember_fork)


@contextlib.contextmanager
def computing(device):
    """Wrap computations of torch, and raise errors that a user of several workers can act on.

    Parameters
    ----------
    device : torch.device

    Raises
    ------
    RuntimeError
        In a process that was forked from one that had computed before: its threads, or its GPU,
        do not exist in the copy, and torch would wait for them forever.
    MemoryError
        If the device has not enough memory.
    """
    global _has_computed
    if _forked_after_computing and (device.type != "cpu" or torch.get_num_threads() > 1):
        raise RuntimeError(FORKED)
    if not _has_computed:
        keep_freed_memory()
    _has_computed = True
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"{device} is out of memory ({' '.join(str(error).split())}). Lower batch_size or "
            "hidden_channels, or use device='cpu'. If several workers share the GPU, lower n_jobs: "
            "each holds its own context, network and copy of X."
        ) from error
