"""Whether generated images lack a kind of image."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances

from sklearn_unsup.estimators import _generation
from sklearn_unsup.estimators._generation import missing_share
from sklearn_unsup.metrics import density_coverage

pytestmark = pytest.mark.filterwarnings("ignore:The generator has collapsed")  # of one epoch
X, Y = load_digits(return_X_y=True)


def missing(real, generated):
    return missing_share(real, pairwise_distances(real, generated))


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


@pytest.mark.parametrize("digit", [0, 6])
def test_a_class_that_is_never_drawn_is_missing(digit, rng):
    order = rng.permutation(len(X))
    real, drawn = order[:300], order[300:]
    drawn = drawn[Y[drawn] != digit][:300]
    share = missing(X[real], X[drawn] + rng.normal(size=(300, 64)))
    assert 0.04 <= share <= (Y[real] == digit).mean() + 0.05


@pytest.mark.parametrize("n", [20, 150, 900])
@pytest.mark.parametrize("noise", [0, 1, 3])
def test_nothing_is_missing_if_all_classes_are_drawn(n, noise, rng):
    order = rng.permutation(len(X))
    drawn = X[order[-n:]] + noise * rng.normal(size=(n, 64))
    assert missing(X[order[:n]], drawn) == 0
    assert missing(X[order[:n]], 0.8 * drawn + 1) == 0  # all of them a little off


@pytest.mark.parametrize("width", [0, 1e-6, 1e-2])
@pytest.mark.parametrize("n_dimensions", [5, 50])
def test_a_kind_of_nearly_identical_images_need_not_be_met_exactly(width, n_dimensions, rng):
    def draw(width):
        rows = rng.normal(size=(300, n_dimensions))
        rows[:100] = 5 + width * rows[:100]
        return rows

    assert missing(draw(width), draw(0.05) + 0.02) == 0
    lost = draw(0.05)
    lost[:100] = rng.normal(size=(100, n_dimensions))
    assert missing(draw(width), lost) > 0.2


def test_the_history_tells_what_is_missing(small_gan, digits):
    gan = small_gan(max_epochs=2).fit(digits)
    assert all(0 <= row["valid_missing"] <= 1 for row in gan.history_)
    assert all(0 <= row["valid_coverage"] <= 1 for row in gan.history_)


def test_a_missing_kind_is_named(small_gan, digits):
    gan = small_gan(max_epochs=1).fit(digits)
    quality = {"valid_coverage": 0.9, "valid_diversity": 0.9, "train_discriminator_accuracy": 0.7}
    gan.history_, gan.best_epoch_ = [{**quality, "valid_missing": 12 / 150}], 1
    with pytest.warns(ConvergenceWarning, match=r"A kind of image is missing: .* like 8% of the"):
        gan._warn_of_failure()
    gan.history_ = [quality]  # of an older version
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gan._warn_of_failure()


@pytest.mark.parametrize("objective", ["non_saturating", "wasserstein_gp"])
def test_a_critic_may_tell_all_images_apart(objective, small_gan, digits):
    gan = small_gan(max_epochs=1, objective=objective).fit(digits)
    quality = {"valid_coverage": 0.9, "valid_diversity": 0.9, "valid_missing": 0.0}
    gan.history_, gan.best_epoch_ = [{**quality, "train_discriminator_accuracy": 1.0}], 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gan._warn_of_failure()
    assert ["discriminator has won" in str(w.message) for w in caught] == (
        [] if objective == "wasserstein_gp" else [True]
    )


def test_coverage_is_that_of_the_metric(small_gan, digits, monkeypatch):
    sets = []
    monkeypatch.setattr(
        _generation, "frechet_distance", lambda *both: sets.append(both) or 0.0, raising=True
    )
    gan = small_gan(max_epochs=1).fit(digits)
    expected = density_coverage(*sets[0], n_neighbors=5)[1]
    assert gan.history_[0]["valid_coverage"] == pytest.approx(expected)
