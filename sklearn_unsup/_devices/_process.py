"""Settings of the whole process: thresholds of the C library's allocator, and CUDA streams.

The environment variable ``SKLEARN_UNSUP_TUNE_PROCESS=0`` disables all of them. Results are the
same, and an epoch on a CPU takes 5 to 40 % longer (benchmarks/results/pages_cpu.md).
"""

import ctypes
import os
import platform
import threading
from functools import cache

import torch

TUNING_VARIABLE = "SKLEARN_UNSUP_TUNE_PROCESS"
KEPT_BYTES = 2**30
MAX_THRESHOLD_OF_OLD_GLIBC = 2**25  # it refuses more, and trimming less would then be harmful
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # constants of glibc's malloc.h
USER_VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
_THREAD_LOCAL = threading.local()


def tuning_is_enabled():
    """Tell whether settings of the process may be changed."""
    return os.environ.get(TUNING_VARIABLE, "1") != "0"


@cache
def retain_freed_memory():
    """Let glibc keep up to `KEPT_BYTES` of freed memory, for the next training step.

    By default, glibc returns large blocks and the end of the heap to the system. The system clears
    each page again when the next step allocates it. Nothing changes with other allocators, or if
    the user has set these thresholds.
    """
    if (
        _is_glibc()
        and tuning_is_enabled()
        and not any(name in os.environ for name in USER_VARIABLES)
    ):
        set_option = ctypes.CDLL(None).mallopt  # returns 0 if it refuses
        if any(
            set_option(M_MMAP_THRESHOLD, size) for size in (KEPT_BYTES, MAX_THRESHOLD_OF_OLD_GLIBC)
        ):
            set_option(M_TRIM_THRESHOLD, KEPT_BYTES)


def release_memory():
    """Return the memory that glibc has kept to the system."""
    if _is_glibc() and tuning_is_enabled():
        ctypes.CDLL(None).malloc_trim(0)


def _is_glibc():
    return platform.libc_ver()[0] == "glibc"


def copy_stream(device):
    """Return the copy stream of this thread; memory of one stream is not reused by another."""
    if not tuning_is_enabled():
        return torch.cuda.current_stream(device)
    index = torch.cuda.current_device() if device.index is None else device.index
    if index not in vars(_THREAD_LOCAL):
        vars(_THREAD_LOCAL)[index] = torch.cuda.Stream(device)
    return vars(_THREAD_LOCAL)[index]


def capture_stream(device):
    """Return a stream for CUDA graphs, which cannot be captured on the default stream.

    torch reuses streams in turn, separately for each priority. A stream of high priority is
    therefore never the copy stream of another thread.
    """
    return torch.cuda.Stream(device, priority=-1)


def run_on_stream(stream, function):
    """Call a function on a stream, in order with the work of the current stream."""
    current = torch.cuda.current_stream(stream.device)
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        result = function()
    current.wait_stream(stream)
    return result
