"""Displays: what a model has learnt, to be looked at. They need matplotlib (the extra `plot`)."""

from sklearn_unsup.displays._grids import (
    ClusterDisplay,
    InterpolationDisplay,
    SampleDisplay,
    TraversalDisplay,
)
from sklearn_unsup.displays._latent import LatentSpaceDisplay
from sklearn_unsup.displays._lines import KDistanceDisplay, TrainingHistoryDisplay
from sklearn_unsup.displays._reconstruction import ReconstructionDisplay

__all__ = [
    "ClusterDisplay",
    "InterpolationDisplay",
    "KDistanceDisplay",
    "LatentSpaceDisplay",
    "ReconstructionDisplay",
    "SampleDisplay",
    "TrainingHistoryDisplay",
    "TraversalDisplay",
]
