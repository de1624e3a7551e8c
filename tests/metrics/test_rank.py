import numpy as np
import pytest

from sklearn_unsup.metrics import effective_rank


def test_the_rank_is_the_exponential_of_the_entropy_of_the_singular_values():
    rng = np.random.default_rng(0)
    U, _ = np.linalg.qr(rng.normal(size=(50, 3)))
    V, _ = np.linalg.qr(rng.normal(size=(10, 3)))
    X = (U * [6.0, 3.0, 1.0]) @ V.T
    entropy = -(0.6 * np.log(0.6) + 0.3 * np.log(0.3) + 0.1 * np.log(0.1))
    assert effective_rank(X) == pytest.approx(np.exp(entropy))
    assert effective_rank(1e-9 * X) == pytest.approx(np.exp(entropy))
    assert effective_rank(U @ V.T) == pytest.approx(3)


def test_a_large_mean_hides_dimensions_unless_it_is_subtracted():
    X = np.random.default_rng(0).normal(size=(1000, 8))
    assert effective_rank(X) > 7.9
    assert effective_rank(X + 1000) < 1.1
    assert effective_rank(X + 1000, center=True) > 7.9


def test_constant_codes_have_no_dimension():
    assert effective_rank(np.zeros((5, 3))) == 0
    assert effective_rank(np.ones((5, 3)), center=True) == 0
    assert effective_rank(np.ones((5, 3))) == pytest.approx(1)
