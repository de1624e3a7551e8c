"""Unsupervised learning with convolutional networks for scikit-learn users."""

from sklearn_unsup import _moved as _moved
from sklearn_unsup._persistence import CorruptedModelError
from sklearn_unsup._training import TrainingCheckpoint, TrainingDivergedError
from sklearn_unsup._version import __version__
from sklearn_unsup.estimators import (
    ConvAutoencoder,
    ConvClusterer,
    ConvGAN,
    ConvNeighborEmbedding,
    ConvOutlierDetector,
    ConvSelfSupervisedEncoder,
    ConvVAE,
)

__all__ = [
    "ConvAutoencoder",
    "ConvClusterer",
    "ConvGAN",
    "ConvNeighborEmbedding",
    "ConvOutlierDetector",
    "ConvSelfSupervisedEncoder",
    "ConvVAE",
    "CorruptedModelError",
    "TrainingCheckpoint",
    "TrainingDivergedError",
    "__version__",
]
