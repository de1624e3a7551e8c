"""Displays: plots of models and of their results. They need matplotlib (the extra `plot`)."""

from sklearn_unsup.displays._clusters import ClusterDisplay
from sklearn_unsup.displays._explorer import explore
from sklearn_unsup.displays._latent import LatentSpaceDisplay
from sklearn_unsup.displays._lines import KDistanceDisplay, TrainingHistoryDisplay
from sklearn_unsup.displays._outliers import OutlierDisplay
from sklearn_unsup.displays._reconstruction import ReconstructionDisplay
from sklearn_unsup.displays._samples import SampleDisplay
from sklearn_unsup.displays._uint8 import to_uint8
from sklearn_unsup.displays._views import ViewsDisplay
from sklearn_unsup.displays._walks import (
    DecodedPlaneDisplay,
    InterpolationDisplay,
    TraversalDisplay,
)

__all__ = [
    "ClusterDisplay",
    "DecodedPlaneDisplay",
    "InterpolationDisplay",
    "KDistanceDisplay",
    "LatentSpaceDisplay",
    "OutlierDisplay",
    "ReconstructionDisplay",
    "SampleDisplay",
    "TrainingHistoryDisplay",
    "TraversalDisplay",
    "ViewsDisplay",
    "explore",
    "to_uint8",
]
