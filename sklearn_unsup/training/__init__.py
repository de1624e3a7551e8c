"""The training engine: the only place that imports skorch."""

from sklearn_unsup.training._adversarial import AdversarialTrainer
from sklearn_unsup.training._batches import Batches
from sklearn_unsup.training._callbacks import copied
from sklearn_unsup.training._checkpoint import TrainingCheckpoint
from sklearn_unsup.training._device import (
    device_after_loading,
    draw_seed,
    isolated_torch_rng,
    resolve_device,
    resolve_precision,
    seed_from,
)
from sklearn_unsup.training._errors import TrainingDivergedError
from sklearn_unsup.training._interrupts import Interrupts
from sklearn_unsup.training._memory import give_back_memory
from sklearn_unsup.training._optimizers import check_moments, expected_moments, optimizer_state
from sklearn_unsup.training._progress import ScikitLearnCallbacks
from sklearn_unsup.training._settings import own_settings
from sklearn_unsup.training._split import split_batches
from sklearn_unsup.training._trainer import Trainer
from sklearn_unsup.training._warm_up import WarmUp
from sklearn_unsup.training._workers import ForkSafeLock, computing

__all__ = [
    "AdversarialTrainer",
    "Batches",
    "ForkSafeLock",
    "Interrupts",
    "ScikitLearnCallbacks",
    "Trainer",
    "TrainingCheckpoint",
    "TrainingDivergedError",
    "WarmUp",
    "check_moments",
    "computing",
    "copied",
    "device_after_loading",
    "draw_seed",
    "expected_moments",
    "give_back_memory",
    "isolated_torch_rng",
    "optimizer_state",
    "own_settings",
    "resolve_device",
    "resolve_precision",
    "seed_from",
    "split_batches",
]
