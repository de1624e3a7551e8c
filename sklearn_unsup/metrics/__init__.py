"""Metrics on arrays, in the style of sklearn.metrics, and scorers that need no labels."""

from sklearn_unsup.metrics._clustering import clustering_accuracy, match_clusters
from sklearn_unsup.metrics._disentanglement import (
    active_units,
    dci_disentanglement,
    mutual_information_gap,
)
from sklearn_unsup.metrics._generative import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
)
from sklearn_unsup.metrics._k_distance import k_distance_curve
from sklearn_unsup.metrics._localization import per_region_overlap, pixel_roc_auc
from sklearn_unsup.metrics._missing import missing_share
from sklearn_unsup.metrics._rank import effective_rank
from sklearn_unsup.metrics._scorers import (
    evidence_bound_scorer,
    explained_variance_scorer,
    make_unsupervised_scorer,
    neg_kernel_distance_scorer,
    silhouette_scorer,
)

__all__ = [
    "active_units",
    "clustering_accuracy",
    "dci_disentanglement",
    "density_coverage",
    "effective_rank",
    "evidence_bound_scorer",
    "explained_variance_scorer",
    "frechet_distance",
    "k_distance_curve",
    "kernel_distance",
    "make_unsupervised_scorer",
    "match_clusters",
    "missing_share",
    "mutual_information_gap",
    "neg_kernel_distance_scorer",
    "per_region_overlap",
    "pixel_roc_auc",
    "precision_recall",
    "silhouette_scorer",
]
