"""Whether generated images lack a kind of image."""

import re
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from sklearn_unsup import ConvGAN
from sklearn_unsup.estimators import _generation
from sklearn_unsup.metrics import density_coverage

pytestmark = pytest.mark.filterwarnings("ignore:The generator has collapsed")  # of one epoch


@pytest.fixture(scope="module")
def two_kinds():
    """Faint digits and, as one image of eight, bright ones: 1,200 rows."""
    X = load_digits().data
    bright = np.arange(1200) % 8 == 0
    return np.where(bright[:, None], 16 - 0.3 * X[:1200], 0.3 * X[:1200]).astype(np.float32), bright


class Replay(nn.Module):
    """A generator that draws one of the given rows, by the first number of its noise."""

    def __init__(self, rows, image_shape, n_inputs):
        super().__init__()
        self.register_buffer("rows", torch.as_tensor(rows, dtype=torch.float32))
        self.weight = nn.Parameter(torch.zeros(()))
        self.image_shape = image_shape

    def forward(self, codes):
        share = torch.special.ndtr(codes[:, 0])  # uniform
        index = (share * len(self.rows)).long().clamp(max=len(self.rows) - 1)
        return self.rows[index].unflatten(1, self.image_shape) + 0 * self.weight


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_generator_that_has_lost_a_kind_warns(two_kinds, is_lost):
    X, bright = two_kinds
    rows = X[~bright] if is_lost else np.random.default_rng(0).permutation(X)
    generator = partial(Replay, rows / 8 - 1)
    gan = ConvGAN(
        2, generator=generator, hidden_channels=(4,), max_epochs=1, device="cpu", random_state=0
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gan.fit(X)
    messages = [str(w.message) for w in caught if w.category is ConvergenceWarning]
    assert [bool(re.search("no generated image is like 1[0-9]%", m)) for m in messages] == (
        [True] if is_lost else []
    )


def test_the_history_tells_what_is_missing(small_gan, digits):
    gan = small_gan(max_epochs=2).fit(digits)
    assert all(0 <= row["valid_missing"] <= 1 for row in gan.history_)
    assert all(0 <= row["valid_coverage"] <= 1 for row in gan.history_)


def test_a_missing_kind_is_named(small_gan, digits):
    gan = small_gan(max_epochs=1).fit(digits)
    quality = {"valid_coverage": 0.9, "valid_diversity": 0.9, "train_discriminator_accuracy": 0.7}
    gan.history_, gan.best_epoch_ = [{**quality, "valid_missing": 12 / 150}], 1
    with pytest.warns(ConvergenceWarning, match=r"A kind of image is missing: .* like 8% of X"):
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
