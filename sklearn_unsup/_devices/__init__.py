"""Where and how tensors are computed: device, precision, threads, memory, copies, chunks."""

from sklearn_unsup._devices._device import (
    device_after_loading,
    draw_seed,
    isolated_torch_rng,
    resolve_device,
    resolve_precision,
    seed_from,
)
from sklearn_unsup._devices._inference import apply_in_chunks, is_out_of_memory
from sklearn_unsup._devices._memory import give_back_memory
from sklearn_unsup._devices._settings import own_settings
from sklearn_unsup._devices._transfer import keep_on_device, to_device
from sklearn_unsup._devices._workers import ForkSafeLock, computing

__all__ = [
    "ForkSafeLock",
    "apply_in_chunks",
    "computing",
    "device_after_loading",
    "draw_seed",
    "give_back_memory",
    "is_out_of_memory",
    "isolated_torch_rng",
    "keep_on_device",
    "own_settings",
    "resolve_device",
    "resolve_precision",
    "seed_from",
    "to_device",
]
