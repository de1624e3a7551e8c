"""Device, precision, threads, memory, copies to a device, and inference in chunks."""

from sklearn_unsup._devices._device import (
    device_after_loading,
    draw_seed,
    isolated_torch_rng,
    resolve_device,
    resolve_precision,
    seed_from,
)
from sklearn_unsup._devices._inference import apply_in_chunks, is_out_of_memory
from sklearn_unsup._devices._process import (
    capture_stream,
    release_memory,
    run_on_stream,
    tuning_is_enabled,
)
from sklearn_unsup._devices._settings import isolated_settings, scikit_learn_settings
from sklearn_unsup._devices._transfer import keep_on_device, to_device
from sklearn_unsup._devices._workers import ForkSafeLock, translate_device_errors
