"""Several workers on one machine: say what to do where torch would hang or a GPU is full."""

import contextlib
import os
import select
import signal
import threading
import warnings

import torch

from sklearn_unsup._devices._inference import is_out_of_memory
from sklearn_unsup._devices._process import retain_freed_memory
from sklearn_unsup._warnings import warn

FORKED = (
    "This process was forked from one in which torch had computed, and would hang: threads and "
    "GPUs do not survive a fork. Use joblib's default backend 'loky' (or 'threading') in place of "
    "'multiprocessing', multiprocessing's start method 'spawn', or, on a CPU, call "
    "torch.set_num_threads(1) first in each worker."
)
ONE_THREAD = (
    "This process was forked from one that had computed with several threads, and threads do not "
    "survive a fork: torch would hang, and computes with one thread here. Use joblib's default "
    "backend 'loky' in place of 'multiprocessing', or multiprocessing's start method 'spawn'."
)
TRIAL_SECONDS = 2.0  # for a thousandth of a second's work
_has_computed = False  # in this process
_was_forked = False  # this process, and nobody knows yet whether torch's threads work in it
_forked_after_computing = False  # this process, from one that had computed


def _remember_fork():
    global _was_forked, _forked_after_computing
    _forked_after_computing, _was_forked = _has_computed, True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_remember_fork)


class ForkSafeLock:
    """A lock that is free in a forked process, whoever held it in the other.

    Use it as ``with lock.lock:``. What that gives is a lock of Python's own: Ctrl-C cannot come
    between taking it and entering the block, and a process that is forked within the block leaves
    it as the other does.

    Parameters
    ----------
    kind : callable
        threading.Lock or threading.RLock.
    """

    def __init__(self, kind=threading.Lock):
        self._kind = kind
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self):
        self.lock = self._kind()


def _threads_work():
    """Tell whether torch can compute with several threads here; try it in a child process.

    Had the parent of this process done so, with torch's threads or by other code of the user's, it
    would wait for threads that were not copied, forever.
    """
    read_end, write_end = os.pipe()  # of its end a handler of SIGCHLD may know, and nobody else
    child = None
    try:
        with warnings.catch_warnings():  # Python 3.12 has one of forks beside threads
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            _try_threads(write_end)
        os.close(write_end)
        write_end = None
        waiting = select.poll()  # `select.select` takes no descriptor above 1023
        waiting.register(read_end, select.POLLIN)
        return bool(waiting.poll(1000 * TRIAL_SECONDS) and os.read(read_end, 1))
    finally:
        if child:
            _kill(child)
        for end in (read_end, write_end):
            if end is not None:
                os.close(end)


def _try_threads(write_end):
    """Compute with several threads, and end this process: nothing of the user's is to run in it."""
    try:
        torch.zeros(2**20, dtype=torch.float32, device="cpu").add_(1)  # enough for all threads
        os.write(write_end, b"1")
    finally:
        os._exit(0)


def _kill(child):
    """End a child process, and leave no zombie of it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):  # a handler of SIGCHLD has waited for it
        os.waitpid(child, 0)


def _check_fork(device):
    """Raise a RuntimeError in a process that was forked from one in which this package computed.

    Where only other code did, compute with one thread if several would hang.
    """
    global _was_forked
    if device.type == "cpu" and torch.get_num_threads() == 1:
        return
    if _was_forked and not _forked_after_computing and device.type == "cpu":
        if not _threads_work():  # scikit-learn's k-means starts the same threads as torch
            torch.set_num_threads(1)
            warn(ONE_THREAD)
        _was_forked = False
    if _forked_after_computing:
        raise RuntimeError(FORKED)


@contextlib.contextmanager
def translate_device_errors(device):
    """Raise errors of computations in the block in words that a user of several workers can act on.

    The allocator is tuned before the first computation on a CPU.

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
    _check_fork(device)
    if device.type == "cpu":
        retain_freed_memory()
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
