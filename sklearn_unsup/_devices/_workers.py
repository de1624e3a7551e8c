"""Errors of parallel workers: forked processes in which torch would hang, and a full GPU."""

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
TRIAL_SECONDS = 2.0  # for work of a millisecond
_has_computed = False  # in this process
_was_forked = False  # this process; whether torch's threads work in it is not known yet
_forked_after_computing = False  # this process, from one in which this package had computed


def _remember_fork():
    global _was_forked, _forked_after_computing
    _forked_after_computing, _was_forked = _has_computed, True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_remember_fork)


class ForkSafeLock:
    """Lock that is free in a forked process, even if it was held in the parent process.

    Use it as ``with lock.lock:``, which enters a lock of Python itself. Ctrl-C then cannot come
    between acquiring the lock and entering the block. A process that is forked within the block
    leaves it without an error.

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

    If other code in the parent process has used torch's threads, torch would wait forever for
    threads that a fork does not copy.
    """
    read_end, write_end = (
        os.pipe()
    )  # the child may be reaped by a handler of SIGCHLD, so read its answer
    child = None
    try:
        with warnings.catch_warnings():  # Python 3.12 warns of forks with threads
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
    """Compute with several threads, and exit without running code of the user."""
    try:
        torch.zeros(2**20, dtype=torch.float32, device="cpu").add_(1)  # enough for all threads
        os.write(write_end, b"1")
    finally:
        os._exit(0)


def _kill(child):
    """Kill a child process, and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):  # a handler of SIGCHLD has reaped it
        os.waitpid(child, 0)


def _check_fork(device):
    """Raise a RuntimeError in a process that was forked after this package had computed.

    If only other code had computed, use one thread if several would hang.
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
    """Translate errors of forked processes and of full memory into errors with advice.

    On a CPU, this also sets the thresholds of the allocator.

    Parameters
    ----------
    device : torch.device

    Raises
    ------
    RuntimeError
        In a process that was forked after computing. Threads and GPUs do not survive a fork, and
        torch would wait for them forever.
    MemoryError
        If the device runs out of memory.
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
