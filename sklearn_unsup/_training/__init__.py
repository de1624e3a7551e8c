"""The training engine: the only place that imports skorch."""

from sklearn_unsup._training._adversarial import AdversarialTrainer
from sklearn_unsup._training._batches import Batches, BatchSizes
from sklearn_unsup._training._callbacks import copy_callbacks
from sklearn_unsup._training._checkpoint import TrainingCheckpoint
from sklearn_unsup._training._data import TrainingData
from sklearn_unsup._training._epoch_score import EpochScore
from sklearn_unsup._training._errors import TrainingDivergedError
from sklearn_unsup._training._estimate import TimeEstimate
from sklearn_unsup._training._interrupts import InterruptHandler
from sklearn_unsup._training._optimizers import (
    OptimizerSettings,
    check_optimizer_state,
    expected_optimizer_state,
    optimizer_state,
)
from sklearn_unsup._training._progress import ScikitLearnCallbacks
from sklearn_unsup._training._split import split_batches
from sklearn_unsup._training._trainer import Trainer
from sklearn_unsup._training._warm_up import WarmUp
