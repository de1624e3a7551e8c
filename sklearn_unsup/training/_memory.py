"""Memory that is kept from one training step to the next."""

import torch

KEPT_BYTES = 2**25 - 2**16  # just below what glibc still learns from; it keeps up to twice as much


def keep_freed_memory():
    """Let the allocator keep what a step frees, for the next step to take.

    glibc gives the end of its heap back to the system as soon as more than a threshold is free
    there, and the system clears each page again when a step asks for it
    (benchmarks/results/pages_cpu.md). The threshold is twice the size of the
    largest block that was mapped and freed (mallopt(3), M_MMAP_THRESHOLD): one is enough, and as
    nothing is written to it, it takes no memory. Other allocators do not mind.
    """
    torch.empty(KEPT_BYTES, dtype=torch.uint8)
