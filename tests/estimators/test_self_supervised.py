"""Self-supervised features: what they are worth, views, score, collapse."""

import warnings

import numpy as np
import pytest
import torch
from every_model import SMALL_ENCODER
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EarlyStopping
from stopping import Stop

from sklearn_unsup import ConvAutoencoder, ConvSelfSupervisedEncoder, TrainingCheckpoint
from sklearn_unsup.estimators._random_views import CustomView
from sklearn_unsup.estimators._view_information import SHRINKAGE, gaussian_information
from sklearn_unsup.networks import SELF_SUPERVISED_OBJECTIVES

QUICK = {"device": "cpu", "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def waves():
    """Return waves (600, 64): sines, squares and saw teeth."""
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 1, (600, 1)) + rng.uniform(3, 5, (600, 1)) * np.linspace(0, 1, 64)
    y = np.arange(600) % 3
    forms = [np.sin(2 * np.pi * phase), np.sign(np.sin(2 * np.pi * phase)), 2 * (phase % 1) - 1]
    X = rng.uniform(0.5, 1, (600, 1)) * np.choose(y[:, None], forms)
    return X + rng.normal(0, 0.1, X.shape), y


def small(**params):
    return ConvSelfSupervisedEncoder(**{**SMALL_ENCODER, "projector_layer_sizes": (8,), **params})


def probe(model, X, y, n):
    """Return the accuracy of a linear classifier of codes, trained on the first n rows."""
    codes = model.transform(X)
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return linear.fit(codes[:n], y[:n]).score(codes[n:], y[n:])


@pytest.mark.parametrize("objective", sorted(SELF_SUPERVISED_OBJECTIVES))
def test_codes_of_two_views_become_neighbours(digits, objective):
    X, _ = digits
    params = {"n_components": 32, "objective": objective, **QUICK}
    encoder = ConvSelfSupervisedEncoder(max_epochs=25, **params).fit(X[:600])
    untrained = ConvSelfSupervisedEncoder(max_epochs=1, learning_rate=1e-9, **params).fit(X[:600])
    found = []
    for model in (encoder, untrained):
        first, second = (model.transform(encoder.draw_views(X[600:900], seed)) for seed in (0, 1))
        nearest = NearestNeighbors(n_neighbors=1, metric="cosine").fit(first - first.mean(axis=0))
        which = nearest.kneighbors(second - second.mean(axis=0), return_distance=False)[:, 0]
        found.append((which == np.arange(300)).mean())
    assert found[0] > max(2 * found[1], 10 / 300)


def test_few_labels_are_enough_for_a_linear_classifier(digits):
    """Ten labels a class: better than on PCA codes and on those of an autoencoder."""
    X, y = (each[:1000] for each in digits)
    encoder = ConvSelfSupervisedEncoder(64, max_epochs=12, **QUICK).fit(X)
    accuracies = [
        probe(model, X, y, 100)
        for model in (
            encoder,
            PCA(32, random_state=0).fit(X),
            ConvAutoencoder(32, max_epochs=6, **QUICK).fit(X),
        )
    ]
    assert accuracies[0] > max(accuracies[1:])


def test_codes_of_signals_tell_waveforms_apart(waves):
    """Waves of random phase, period and amplitude: PCA codes hardly tell them apart."""
    X, y = waves
    encoder = ConvSelfSupervisedEncoder(32, image_shape=(1, 64), max_epochs=15, **QUICK).fit(X)
    ours, linear = (probe(model, X, y, 400) for model in (encoder, PCA(32).fit(X)))
    assert ours > linear + 0.15


# Views.


def brighter(images, generator):
    images += torch.rand(len(images), 1, 1, 1, generator=generator)  # in place, on purpose
    return images


def test_views_are_drawn_before_and_after_fit_in_the_layout_of_X(digits):
    X = np.repeat(digits[0][:40].reshape(-1, 8, 8, 1), 3, axis=3).astype(np.uint8)
    encoder = small(views="photographs")
    before = encoder.draw_views(X, 0)
    assert before.shape == X.shape
    assert before.dtype == np.float32
    assert before.min() >= X.min()
    assert before.max() <= X.max()
    assert not hasattr(encoder, "network_")
    np.testing.assert_array_equal(encoder.fit(X).draw_views(X, 0), before)
    assert not np.array_equal(encoder.draw_views(X, 1), before)


def test_each_image_gets_a_view_of_its_own(digits):
    X = np.repeat(digits[0][:1], 50, axis=0)
    assert len(np.unique(small(views="drawings").draw_views(X, 0), axis=0)) == 50


def test_views_of_a_users_function_are_those_of_training(digits):
    X = digits[0][:40].astype(np.float32)
    original = X.copy()
    encoder = small(views=brighter).fit(X)
    np.testing.assert_array_equal(X, original)
    shifts = encoder.draw_views(X, 0) - X
    np.testing.assert_allclose(shifts, shifts[:, :1].repeat(64, 1), atol=1e-5)
    assert encoder.history_[-1]["train_loss"] != small().fit(X).history_[-1]["train_loss"]


def test_a_users_function_gets_a_copy():
    images = torch.rand(4, 1, 8, 8)
    before = images.clone()
    views = CustomView(brighter)(images, torch.Generator())
    assert torch.equal(images, before)
    assert not torch.equal(views, before)


def crop(images, generator):
    return images[:, :, 1:]


def double(images, generator):
    return images.double()


def nothing(images, generator):
    return None


def no_generator(images):
    return images


def divide(images, generator):
    return images / 0


@pytest.mark.parametrize(
    ("views", "error", "message"),
    [
        (crop, ValueError, r"returns shape .*7, 8.*expected"),
        (double, TypeError, r"float64, expected a float32"),
        (nothing, TypeError, r"returns NoneType, expected"),
        (no_generator, ValueError, r"views=.* fails for images .*TypeError"),
        (divide, ValueError, r"views=.* not finite"),
        (lambda images, generator: images, ValueError, r"views=.* cannot be pickled"),
        ("paintings", ValueError, r"'views' parameter .*photographs"),
    ],
)
def test_views_that_cannot_be_used_are_named(digits, views, error, message):
    with pytest.raises(error, match=message):
        small(views=views).fit(digits[0][:40])


def with_global_noise(images, generator):
    return images + torch.rand(images.shape)


def test_views_that_draw_from_torchs_global_state_can_be_repeated(digits, tmp_path):
    X = digits[0][:40]
    state = torch.random.get_rng_state()
    params = {"views": with_global_noise, "max_epochs": 4}
    whole = small(**params).fit(X)
    np.testing.assert_array_equal(whole.draw_views(X, 0), whole.draw_views(X, 0))
    assert not np.array_equal(whole.draw_views(X, 0), whole.draw_views(X, 1))
    callbacks = [TrainingCheckpoint(tmp_path)]
    with pytest.raises(InterruptedError):
        small(**params, callbacks=[Stop(3), *callbacks]).fit(X)
    resumed = small(**params, callbacks=[*callbacks]).fit(X)
    np.testing.assert_array_equal(resumed.transform(X), whole.transform(X))
    assert torch.equal(torch.random.get_rng_state(), state)


# Training and score.


def test_the_history_has_the_score_of_validation_rows(digits):
    X = digits[0]
    encoder = small(max_epochs=3, early_stopping=True, n_components=8).fit(X[:300], X_val=X[300:])
    assert [sorted(row) for row in encoder.history_] == [
        ["duration", "epoch", "score", "train_loss", "valid_loss"]
    ] * 3
    best = int(np.argmin([row["valid_loss"] for row in encoder.history_]))
    few = encoder._view_information(encoder._validate(X[300:]), 299)
    assert encoder.history_[best]["score"] == few


def test_the_score_is_the_information_of_gaussian_codes():
    """Codes around means: half the log of one plus the ratio of variances, for each component."""
    rng = np.random.default_rng(0)
    between, within = np.array([9.0, 4.0, 1.0]), np.array([1.0, 1.0, 1.0])
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    means = rng.normal(size=(20_000, 3)) * np.sqrt(between)
    codes = (means + rng.normal(size=(4, 20_000, 3)) * np.sqrt(within)) @ rotation
    shrunk = within + SHRINKAGE * within.mean()
    expected = 0.5 * np.log1p(between / shrunk).sum()
    assert gaussian_information(codes) == pytest.approx(expected, rel=0.01)
    assert gaussian_information(7 * codes + 5) == pytest.approx(expected, rel=0.01)
    assert gaussian_information(rng.normal(size=(4, 20_000, 3))) < 0.05


def test_training_raises_the_score(digits):
    X = digits[0]
    trained = ConvSelfSupervisedEncoder(32, max_epochs=12, **QUICK).fit(X[:900])
    untrained = ConvSelfSupervisedEncoder(32, max_epochs=1, learning_rate=1e-9, **QUICK).fit(X)
    assert trained.score(X[900:]) > 1.3 * untrained.score(X[900:])
    assert trained.score(X[900:]) == trained.score(X[900:])
    assert trained.history_[-1]["score"] > trained.history_[0]["score"]


def test_models_of_different_views_are_compared_by_the_same(digits):
    X = digits[0][:300]
    one, other = (small(views=views, learning_rate=1e-9).fit(X) for views in ("auto", brighter))
    assert one.score(X) == pytest.approx(other.score(X), rel=0.1)


def test_a_score_needs_two_images(digits):
    encoder = small().fit(digits[0][:40])
    with pytest.raises(ValueError, match=r"n_samples=1, .*expects at least 2 samples"):
        encoder.score(digits[0][:1])


@pytest.mark.parametrize(
    ("n", "params", "message"),
    [(1, {}, r"n_samples=1: .*at least 2"), (40, {"batch_size": 1}, r"batch_size=1, .*at least 2")],
)
def test_there_is_nothing_to_learn_from_one_image(digits, n, params, message):
    with pytest.raises(ValueError, match=message):
        small(**params).fit(digits[0][:n])


def test_early_stopping_can_watch_the_score(digits):
    watch = EarlyStopping("score", patience=2, lower_is_better=False)
    encoder = small(max_epochs=50, callbacks=[watch], learning_rate=1e-9).fit(digits[0][:100])
    assert encoder.n_iter_ < 50


@pytest.mark.parametrize(
    "params",
    [
        {"regularization": 0},
        {"objective": "barlow_twins", "regularization": 0},
        {"objective": "simclr", "temperature": 100.0},
    ],
)
def test_a_collapse_is_warned_of(digits, params):
    encoder = ConvSelfSupervisedEncoder(64, max_epochs=10, **QUICK, **params)
    with pytest.warns(ConvergenceWarning, match=r"has collapsed: .* projections is"):
        encoder.fit(digits[0])


class OneCode(torch.nn.Module):
    """Give each image the same code."""

    def __init__(self, image_shape, n_outputs):
        super().__init__()
        self.code = torch.nn.Parameter(torch.ones(1, n_outputs))

    def forward(self, images):
        return self.code.expand(len(images), -1)


@pytest.mark.filterwarnings("ignore:X is constant")
def test_an_encoder_that_sees_nothing_is_warned_of(digits):
    with pytest.warns(ConvergenceWarning, match="the codes of all images are the same"):
        small(encoder=OneCode).fit(digits[0][:100])


@pytest.mark.parametrize("objective", sorted(SELF_SUPERVISED_OBJECTIVES))
def test_small_batches_and_bfloat16_learn(digits, objective):
    X, params = digits[0][:400], {"batch_size": 8, "precision": "bfloat16"}
    encoder = ConvSelfSupervisedEncoder(32, objective=objective, max_epochs=4, **QUICK, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        encoder.fit(X)
    losses = [row["train_loss"] for row in encoder.history_]
    assert losses[-1] < losses[0]
    assert encoder.effective_rank_ > 8
