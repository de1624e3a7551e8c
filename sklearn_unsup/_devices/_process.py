"""What touches the whole process: thresholds of the C library's allocator, and CUDA streams.

The environment variable ``SKLEARN_UNSUP_TUNE_PROCESS=0`` turns all of it off. Results are the same,
and an epoch on a CPU takes a quarter longer (benchmarks/results/pages_cpu.md).
"""

import ctypes
import os
import platform
import threading
from functools import cache

import torch

SWITCH = "SKLEARN_UNSUP_TUNE_PROCESS"
KEPT_BYTES = 2**30
MAX_THRESHOLD_OF_OLD_GLIBC = 2**25  # more it refuses, and then trimming less would do harm
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
USER_VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
_OF_THIS_THREAD = threading.local()


def tuning_is_enabled():
    """Tell whether the process may be tuned."""
    return os.environ.get(SWITCH, "1") != "0"


@cache
def retain_freed_memory():
    """Let glibc keep up to `KEPT_BYTES` of what a step frees, for the next step to take.

    By itself it gives large blocks, and the end of its heap, back to the system, which clears each
    page again when the next step asks for it. Other allocators, and a user who has set these
    thresholds, are left alone.
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
    """Give the system back what glibc has kept."""
    if _is_glibc() and tuning_is_enabled():
        ctypes.CDLL(None).malloc_trim(0)


def _is_glibc():
    return platform.libc_ver()[0] == "glibc"


def copy_stream(device):
    """Return this thread's stream for copies: memory that was used on one serves no other."""
    if not tuning_is_enabled():
        return torch.cuda.current_stream(device)
    index = torch.cuda.current_device() if device.index is None else device.index
    if index not in vars(_OF_THIS_THREAD):
        vars(_OF_THIS_THREAD)[index] = torch.cuda.Stream(device)
    return vars(_OF_THIS_THREAD)[index]


def capture_stream(device):
    """Return a stream for CUDA graphs: on the default one nothing can be captured.

    torch hands its streams out in turn, for each priority apart: one of high priority is not also
    the one on which another thread copies.
    """
    return torch.cuda.Stream(device, priority=-1)


def run_on_stream(stream, function):
    """Call a function on a stream, after what has been asked for and before what will be."""
    current = torch.cuda.current_stream(stream.device)
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        result = function()
    current.wait_stream(stream)
    return result
