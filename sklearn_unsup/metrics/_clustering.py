"""Comparison of clusterings with labels."""

from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import check_consistent_length


def clustering_accuracy(labels_true, labels_pred):
    """Accuracy of a clustering under the best one-to-one assignment of clusters to classes.

    The assignment is found by the Hungarian method (Kuhn 1955). If there are more clusters than
    classes, rows of unassigned clusters count as errors, and vice versa.

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        Classes.
    labels_pred : array-like of shape (n_samples,)
        Clusters, with any names.

    Returns
    -------
    accuracy : float
        Between 0 and 1; 1 if clusters and classes are equal up to their names.

    Raises
    ------
    ValueError
        If the lengths differ or there are no labels.

    See Also
    --------
    sklearn.metrics.adjusted_rand_score : Agreement on pairs, adjusted for chance.
    sklearn.metrics.normalized_mutual_info_score : Normalized mutual information.

    References
    ----------
    Yang, Xu, Nie, Yan & Zhuang (2010). "Image Clustering Using Local Discriminant Models and Global
    Integration". IEEE Transactions on Image Processing 19. Section V.B.

    Examples
    --------
    >>> from sklearn_unsup.metrics import clustering_accuracy
    >>> clustering_accuracy([0, 0, 1, 1], ["b", "b", "a", "a"])
    1.0
    >>> clustering_accuracy([0, 0, 1, 1], [0, 1, 2, 2])
    0.75
    """
    check_consistent_length(labels_true, labels_pred)
    counts = contingency_matrix(labels_true, labels_pred)  # (n_classes, n_clusters)
    if counts.sum() == 0:
        raise ValueError("labels_true and labels_pred are empty: expected at least one sample.")
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / counts.sum())
