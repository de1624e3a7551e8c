"""Memory that is kept from one training step to the next."""

import ctypes
import os
import platform

KEPT_BYTES = 2**30
MOST_OF_OLD_GLIBC = 2**25  # more it refuses, and then trimming less would do harm
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
OF_THE_USER = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory():
    """Let glibc keep up to `KEPT_BYTES` of what a step frees, for the next step to take.

    By itself it gives large blocks, and the end of its heap, back to the system, which clears each
    page again when the next step asks for it (benchmarks/results/pages_cpu.md). Other allocators,
    and a user who has set these thresholds, are left alone.
    """
    if _is_glibc() and not any(name in os.environ for name in OF_THE_USER):
        set_option = ctypes.CDLL(None).mallopt  # returns 0 if it refuses
        if any(set_option(M_MMAP_THRESHOLD, size) for size in (KEPT_BYTES, MOST_OF_OLD_GLIBC)):
            set_option(M_TRIM_THRESHOLD, KEPT_BYTES)


def give_back_memory():
    """Give the system back what glibc has kept."""
    if _is_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def _is_glibc():
    return platform.libc_ver()[0] == "glibc"
