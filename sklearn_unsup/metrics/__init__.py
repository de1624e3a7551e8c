"""Metrics: functions of arrays that scikit-learn does not have."""

from sklearn_unsup.metrics._clustering import clustering_accuracy

__all__ = ["clustering_accuracy"]
