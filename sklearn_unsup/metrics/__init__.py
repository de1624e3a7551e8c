"""Metrics: functions of arrays, in the style of sklearn.metrics."""

from sklearn_unsup.metrics._clustering import clustering_accuracy
from sklearn_unsup.metrics._generative import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
)

__all__ = [
    "clustering_accuracy",
    "density_coverage",
    "frechet_distance",
    "kernel_distance",
    "precision_recall",
]
