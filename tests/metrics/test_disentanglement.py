from itertools import combinations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from sklearn_unsup.datasets import make_shapes
from sklearn_unsup.metrics import active_units, dci_disentanglement, mutual_information_gap

FACTORS = np.random.default_rng(0).integers(5, size=(4000, 3))
NOISE = np.random.default_rng(1).normal(size=(4000, 3))
MIXED = FACTORS @ np.array([[1, 0.5, 0], [0, 1, 0.5], [0.5, 0, 1]]) + 0.3 * NOISE


def entropy_of(counts):
    shares = [count / sum(counts) for count in counts if count]
    return -sum(share * np.log(share) for share in shares)


def slow_gap(factors, codes, n_bins):
    """Mutual information gap by its definition, with entropies of counts."""

    def binned(column):
        values = sorted(set(column))
        if len(values) <= n_bins:
            return [values.index(value) for value in column]
        below = [sum(other < value for other in column) + 0.5 for value in column]
        return [int(n_bins * rank / len(column)) for rank in below]

    gaps = []
    for factor in factors.T:
        v = binned(factor)
        information = []
        for code in codes.T:
            z = binned(code)
            pairs = list(zip(v, z, strict=True))
            entropies = [entropy_of([s.count(x) for x in set(s)]) for s in (v, z, pairs)]
            information.append(entropies[0] + entropies[1] - entropies[2])
        best, second = sorted(information)[:-3:-1]
        gaps.append((best - second) / entropy_of([v.count(x) for x in set(v)]))
    return sum(gaps) / len(gaps)


def test_the_gap_is_that_of_its_definition():
    codes = np.column_stack([MIXED, NOISE[:, 0]])[:500]
    expected = slow_gap(FACTORS[:500], codes, 8)
    assert mutual_information_gap(codes, FACTORS[:500], n_bins=8) == pytest.approx(expected)


def test_the_gap_of_the_factors_themselves_is_one_and_of_noise_zero():
    perfect = np.column_stack([-3.0 * FACTORS[:, ::-1] + 1, NOISE])  # units and order are free
    assert mutual_information_gap(perfect, FACTORS) > 0.98
    assert mutual_information_gap(NOISE, FACTORS) < 0.02


def test_the_gap_does_not_depend_on_the_units_of_a_component():
    codes = MIXED - MIXED.min() + 1
    assert mutual_information_gap(np.log(codes), FACTORS) == mutual_information_gap(codes, FACTORS)


def test_a_factor_that_one_component_knows_alone_has_the_gap_of_its_share():
    assert mutual_information_gap(FACTORS[:, :1], FACTORS[:, :1]) == pytest.approx(1)


def sparse(share_of_zeros, n=2000, seed=0):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < share_of_zeros, 0, rng.normal(size=n))


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95, 0.99])
@pytest.mark.parametrize("scale", [1, 1e-310, 1e300])
def test_a_sparse_code_tells_where_it_is_not_zero(share, scale):
    code = sparse(share)
    codes = np.column_stack([scale * code, NOISE[:2000]])
    assert mutual_information_gap(codes, (code != 0)[:, np.newaxis]) > 0.9
    signs = np.sign(code)[:, np.newaxis]  # those below zero are kept apart from those above
    assert mutual_information_gap(codes, signs) > 0.8


@pytest.mark.parametrize("share", [0.5, 0.9, 0.96, 0.99])
def test_a_sparse_factor_is_known_by_itself_and_not_by_noise(share):
    factor = np.abs(sparse(share))[:, np.newaxis]
    assert mutual_information_gap(np.hstack([factor, NOISE[:2000]]), factor) > 0.7
    assert mutual_information_gap(NOISE[:2000], factor) < 0.1


def test_several_frequent_values_are_kept_apart():
    rng = np.random.default_rng(0)
    factor = rng.choice(4, size=(2000, 1), p=[0.6, 0.2, 0.1, 0.1])
    code = np.where(factor == 3, rng.normal(size=(2000, 1)), np.array([-0.1, 0, 0.1, 0])[factor])
    assert mutual_information_gap(np.hstack([code, NOISE[:2000]]), factor, n_bins=10) > 0.8


def test_a_range_of_a_few_roundings_is_a_range():
    rng = np.random.default_rng(0)
    factor = 1 + np.finfo(float).eps * rng.integers(50, size=(4000, 1))
    assert mutual_information_gap(np.hstack([-factor, NOISE]), factor) > 0.85


def slow_dci(factors, codes, seed):
    """Disentanglement, completeness and informativeness by their definitions."""
    rng = np.random.RandomState(seed)
    n_codes, n_factors = codes.shape[1], factors.shape[1]
    R, informed = np.zeros((n_codes, n_factors)), []
    for j in range(n_factors):
        discrete = all(float(value).is_integer() for value in factors[:, j])
        forest = RandomForestClassifier if discrete else RandomForestRegressor
        model = forest(50, max_features=None, oob_score=True, random_state=rng.randint(2**31 - 1))
        model.fit(codes, factors[:, j])
        R[:, j] = model.feature_importances_
        score = model.oob_score_
        if discrete:
            _, counts = np.unique(factors[:, j], return_counts=True)
            chance = max(counts) / sum(counts)
            score = (score - chance) / (1 - chance)
        informed.append(max(score, 0))
    D = sum(
        R[i].sum() / R.sum() * (1 - entropy_of(list(R[i])) / np.log(n_factors))
        for i in range(n_codes)
    )
    C = sum(1 - entropy_of(list(R[:, j])) / np.log(n_codes) for j in range(n_factors)) / n_factors
    return D, C, sum(informed) / n_factors


@pytest.mark.parametrize("factors", [FACTORS[:500], FACTORS[:500] + 0.1 * NOISE[:500, ::-1]])
def test_dci_is_that_of_its_definition(factors):
    codes = np.column_stack([MIXED, NOISE[:, 0]])[:500]
    found = dci_disentanglement(codes, factors, n_estimators=50, random_state=3)
    # The units of a tree's splits move the last digits of their thresholds, and so a few votes.
    np.testing.assert_allclose(found, slow_dci(factors, codes, 3), rtol=3e-3)


@pytest.mark.parametrize("factors", [FACTORS, NOISE], ids=["classes", "numbers"])
def test_dci_of_the_factors_themselves_is_one(factors):
    codes = np.column_stack([-3 * factors[:1000, ::-1] + 1, np.roll(NOISE[:1000], 7, axis=0)])
    assert min(dci_disentanglement(codes, factors[:1000], n_estimators=30, random_state=0)) > 0.97


@pytest.mark.parametrize("factors", [FACTORS, np.sqrt(FACTORS + 1)], ids=["classes", "numbers"])
def test_dci_of_noise_is_zero(factors):
    scores = dci_disentanglement(NOISE[:2000], factors[:2000], n_estimators=30, random_state=0)
    assert max(scores) < 0.05


def test_dci_tells_components_of_many_factors_from_factors_in_many_components():
    both = FACTORS[:1000, :2]
    one = (5 * both[:, 0] + both[:, 1])[:, None] + 0.0
    compact = np.column_stack([one, NOISE[:1000, 0]])  # one component holds both factors
    disentanglement, completeness, _ = dci_disentanglement(compact, both, random_state=0)
    assert disentanglement < 0.1 < 0.9 < completeness
    twice = np.column_stack([both, both]) + 0.1 * np.random.default_rng(2).normal(size=(1000, 4))
    disentanglement, completeness, _ = dci_disentanglement(twice, both, random_state=0)
    assert completeness < 0.7 < 0.9 < disentanglement


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e200])
def test_dci_does_not_depend_on_units(scale):
    factors = NOISE[:300, :2]
    codes = np.column_stack([factors, NOISE[300:600, 0]])
    expected = dci_disentanglement(codes, factors, n_estimators=20, random_state=0)
    found = dci_disentanglement(
        5 * scale + scale * codes, scale * factors, n_estimators=20, random_state=0
    )
    np.testing.assert_allclose(found, expected, atol=0.02)


@pytest.mark.parametrize("factors", [FACTORS, NOISE], ids=["classes", "numbers"])
@pytest.mark.parametrize("n_estimators", [1, 3])
def test_dci_of_few_trees_warns_of_nothing(recwarn, factors, n_estimators):
    codes = factors[:300, ::-1] * 2.0
    scores = dci_disentanglement(codes, factors[:300], n_estimators=n_estimators, random_state=0)
    assert min(scores) > 0.9
    assert not recwarn.list


def test_dci_of_constant_codes_is_zero(recwarn):
    for factors in (FACTORS[:100], NOISE[:100]):
        scores = dci_disentanglement(np.full((100, 2), 0.1), factors, random_state=0)
        assert scores[:2] == (0, 0)
        assert scores[2] < 0.05
    assert not recwarn.list


def test_dci_of_whole_numbers_that_hardly_recur_is_by_regression(recwarn):
    factors = np.random.default_rng(0).integers(10**6, size=(300, 2))
    assert min(dci_disentanglement(factors, factors, random_state=0)) > 0.9
    assert not recwarn.list


def test_dci_says_when_nothing_is_left_to_measure_on():
    with pytest.raises(ValueError, match="n_estimators=1: each tree has seen all 2 samples"):
        for seed in range(20):
            dci_disentanglement(
                [[0, 1], [1, 0]], [[0.1, 1.5], [1.2, 0.3]], n_estimators=1, random_state=seed
            )


def test_known_factors_of_shapes_order_codes_as_expected():
    factors = make_shapes(400, random_state=0).factors
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    codes = [factors, factors @ turn, np.random.default_rng(1).normal(size=(400, 6))]
    gaps = [mutual_information_gap(z, factors) for z in codes]
    disentangled = [
        dci_disentanglement(z, factors, n_estimators=50, random_state=0)[0] for z in codes
    ]
    for scores in (gaps, disentangled):
        assert all(a > b for a, b in combinations(scores, 2))


def test_active_units_are_those_that_vary():
    codes = NOISE * [1, 0.11, 0.09]
    assert active_units(codes) == 2
    assert active_units(codes, threshold=1e-4) == 3
    assert active_units(np.ones((10, 3))) == 0


def test_factors_that_cannot_be_judged_are_refused():
    with pytest.raises(ValueError, match="Column 1 of factors is constant"):
        mutual_information_gap([[0], [1]], [[0, 1], [1, 1]])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        mutual_information_gap(NOISE[:10], FACTORS)
    with pytest.raises(ValueError, match="codes has 1 column"):
        dci_disentanglement(NOISE[:, :1], FACTORS)
    with pytest.raises(ValueError, match="n_bins == 1"):
        mutual_information_gap(NOISE, FACTORS, n_bins=1)
