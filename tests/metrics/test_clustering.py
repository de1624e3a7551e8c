import itertools

import numpy as np
import pytest

from sklearn_unsup.metrics import clustering_accuracy, match_clusters


def test_it_is_the_best_of_all_assignments():
    rng = np.random.RandomState(0)
    for _ in range(5):
        y, labels = rng.randint(4, size=50), rng.randint(4, size=50)
        best = max(np.mean(np.take(p, labels) == y) for p in itertools.permutations(range(4)))
        assert clustering_accuracy(y, labels) == pytest.approx(best)


def test_names_of_clusters_do_not_matter():
    assert clustering_accuracy(["a", "a", "b"], [7, 7, -1]) == 1.0


def test_more_clusters_than_classes_and_fewer():
    assert clustering_accuracy([0, 0, 0, 0], [0, 1, 2, 3]) == 0.25
    assert clustering_accuracy([0, 1, 2, 3], [0, 0, 0, 0]) == 0.25


def test_bad_labels_are_errors():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clustering_accuracy([0, 1], [0])
    with pytest.raises(ValueError, match="empty"):
        clustering_accuracy([], [])


def test_matched_clusters_have_the_accuracy_of_the_best_assignment():
    rng = np.random.RandomState(0)
    names = np.array(["a", "b", "c", "d"])
    for n_clusters in (2, 4):
        y, labels = rng.randint(4, size=80), rng.randint(n_clusters, size=80)
        found = match_clusters(names[y], labels)
        assert (found == names[y]).mean() == pytest.approx(clustering_accuracy(y, labels))
        for cluster in range(n_clusters):
            assert len(set(found[labels == cluster])) == 1


def test_a_cluster_without_a_class_of_its_own_takes_that_of_most_of_its_rows():
    y, labels = [0, 0, 0, 1, 1], [5, 5, -1, 3, 3]
    np.testing.assert_array_equal(match_clusters(y, labels), y)
    with pytest.raises(ValueError, match="1d array"):
        match_clusters(np.eye(5), labels)
    with pytest.raises(ValueError, match="empty"):
        match_clusters([], [])
