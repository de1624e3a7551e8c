"""Unsupervised learning with convolutional networks for scikit-learn users."""

from sklearn_unsup._version import __version__
from sklearn_unsup.estimators import ConvAutoencoder, ConvGAN, ConvOutlierDetector, ConvVAE
from sklearn_unsup.persistence import CorruptedModelError
from sklearn_unsup.training import TrainingCheckpoint, TrainingDivergedError

__all__ = [
    "ConvAutoencoder",
    "ConvGAN",
    "ConvOutlierDetector",
    "ConvVAE",
    "CorruptedModelError",
    "TrainingCheckpoint",
    "TrainingDivergedError",
    "__version__",
]
