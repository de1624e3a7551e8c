import numpy as np
from scipy import stats

from sklearn_unsup._data import binarize_by_row, normal_by_row


def test_noise_belongs_to_the_values_of_a_row():
    rows = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    noise = normal_by_row(rows, (3, 2), seed=5)
    order = np.random.default_rng(1).permutation(50)
    np.testing.assert_array_equal(normal_by_row(rows[order], (3, 2), seed=5), noise[order])
    np.testing.assert_array_equal(normal_by_row(rows[7:8].astype(float), (3, 2), 5), noise[7:8])
    assert not np.isclose(normal_by_row(rows, (3, 2), seed=6), noise).any()
    assert len(np.unique(noise)) == noise.size


def test_negative_zero_is_zero():
    zeros = np.zeros((1, 3), dtype=np.float32)
    np.testing.assert_array_equal(normal_by_row(zeros, (4,), 0), normal_by_row(-zeros, (4,), 0))


def test_noise_is_standard_normal_within_and_across_rows():
    noise = normal_by_row(np.arange(3000.0)[:, np.newaxis], (4,), seed=0)
    assert stats.kstest(noise.ravel(), "norm").pvalue > 0.01
    np.testing.assert_allclose(np.corrcoef(noise.T), np.eye(4), atol=0.08)
    assert abs(np.corrcoef(noise[1:, 0], noise[:-1, 0])[0, 1]) < 0.08


def test_binary_rows_have_the_given_probabilities():
    grey = np.tile(np.linspace(0, 1, 11), (4000, 1))
    grey[:, 0] = np.linspace(0, 1e-3, 4000)  # so that rows differ
    binary = binarize_by_row(grey, seed=0)
    assert set(np.unique(binary)) == {0, 1}
    np.testing.assert_allclose(binary.mean(axis=0)[1:], grey[0, 1:], atol=0.04)
    np.testing.assert_array_equal(binarize_by_row(binary, seed=1), binary)
