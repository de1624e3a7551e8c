"""Comparison of clusterings with labels."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import column_or_1d


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
    match_clusters : The class that each cluster is assigned to.
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
    counts = _counts(labels_true, labels_pred)
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / counts.sum())


def match_clusters(labels_true, labels_pred):
    """Name each cluster after a class.

    Clusters are assigned to classes one to one, as by :func:`clustering_accuracy`. If there are
    more clusters than classes, each of the others takes the class of most of its rows.

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        Classes.
    labels_pred : array-like of shape (n_samples,)
        Clusters, with any names. Noise (-1) is named like a cluster; leave it out if you do not
        want that.

    Returns
    -------
    classes : ndarray of shape (n_samples,)
        The class of the cluster of each row, for :func:`sklearn.metrics.classification_report`,
        :class:`sklearn.metrics.ConfusionMatrixDisplay` and others.

    Raises
    ------
    ValueError
        If the lengths differ or there are no labels.

    Examples
    --------
    >>> from sklearn.metrics import confusion_matrix
    >>> from sklearn_unsup.metrics import match_clusters
    >>> labels_true, labels_pred = ["cat", "cat", "dog", "dog"], [1, 1, 0, 1]
    >>> match_clusters(labels_true, labels_pred)
    array(['cat', 'cat', 'dog', 'cat'], dtype='<U3')
    >>> confusion_matrix(labels_true, match_clusters(labels_true, labels_pred))
    array([[2, 0],
           [1, 1]])
    """
    counts = _counts(labels_true, labels_pred)
    classes = np.unique(column_or_1d(labels_true))
    _, cluster = np.unique(column_or_1d(labels_pred), return_inverse=True)
    assigned = counts.argmax(axis=0)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    assigned[columns] = rows
    return classes[assigned[cluster]]


def _counts(labels_true, labels_pred):
    """Return the number of rows of each class and cluster, of shape (n_classes, n_clusters)."""
    check_consistent_length(labels_true, labels_pred)
    counts = contingency_matrix(*map(column_or_1d, (labels_true, labels_pred)))
    if counts.sum() == 0:
        raise ValueError("labels_true and labels_pred are empty: expected at least one sample.")
    return counts
