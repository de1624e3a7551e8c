"""What a ConvGAN learns, how it watches itself, and what its transform is good for."""

import io
import warnings
from itertools import product

import joblib
import numpy as np
import pytest
import torch
from every_model import slow_unless
from example_networks import (
    ConstantGenerator,
    LinearEncoder,
    classic_discriminator,
    classic_generator,
)
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from skorch.callbacks import Callback

from sklearn_unsup import ConvGAN, TrainingDivergedError
from sklearn_unsup.datasets import make_shapes
from sklearn_unsup.metrics import density_coverage

pytestmark = pytest.mark.filterwarnings(
    "ignore:The generator has collapsed", "ignore:A kind of image is missing"
)
OBJECTIVES = ["non_saturating", "hinge", "wasserstein_gp", "least_squares"]


@pytest.fixture(scope="module")
def split():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X.astype(np.float32), y, test_size=0.25, random_state=0)


@pytest.fixture(scope="module")
def learnt(split):
    """The defaults but for the number of epochs, on digits."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing to warn of
        return ConvGAN(16, max_epochs=12, random_state=0, device="cpu").fit(split[0])


@pytest.fixture(scope="module")
def adversarial(split):
    """Codes learnt in the game itself."""
    gan = ConvGAN(16, code="adversarial", max_epochs=10, random_state=0, device="cpu")
    return gan.fit(split[0])


def one_nn(gan, split):
    X, X_test, y, y_test = split
    return KNeighborsClassifier(1).fit(gan.transform(X), y).score(gan.transform(X_test), y_test)


# Generating


def test_samples_are_more_like_digits_than_those_of_a_gaussian(learnt, split):
    X, X_test, *_ = split
    gaussian = PCA().fit(X)
    scores = np.random.RandomState(0).normal(size=(len(X_test), 64))
    drawn = gaussian.inverse_transform(scores * np.sqrt(gaussian.explained_variance_))
    coverage = density_coverage(X_test, learnt.sample(len(X_test), random_state=0))[1]
    assert coverage > 1.5 * density_coverage(X_test, drawn)[1]


def test_samples_are_digits_that_were_not_seen(learnt, split):
    """Not copies: as far from their nearest training digit as held-out digits are."""
    X, X_test, *_ = split
    nearest = KNeighborsClassifier(1).fit(X, np.zeros(len(X)))
    drawn = nearest.kneighbors(learnt.sample(len(X_test), random_state=0))[0]
    assert np.median(drawn) > 0.7 * np.median(nearest.kneighbors(X_test)[0])


def test_samples_stay_in_the_range_of_x_in_any_units(small_gan, digits):
    plain = small_gan().fit(digits)
    scaled = small_gan().fit(digits * 1000 - 3000)
    drawn = plain.sample(20, random_state=0)
    assert digits.min() <= drawn.min() <= drawn.max() <= digits.max()
    np.testing.assert_allclose(scaled.sample(20, random_state=0), drawn * 1000 - 3000, atol=20)


@pytest.mark.parametrize("objective", slow_unless("non_saturating".__eq__, OBJECTIVES))
def test_the_generator_covers_all_kinds_of_a_mixture_of_templates(objective):
    """Four kinds: each sample is counted for the nearest one, if it is near."""
    templates = make_shapes(4, image_size=12, random_state=20).data
    X = np.repeat(templates, 150, axis=0)
    X = X + 0.05 * np.random.RandomState(0).normal(size=X.shape)
    n_critic = 3 if objective == "wasserstein_gp" else 1
    gan = ConvGAN(
        8,
        objective=objective,
        n_critic=n_critic,
        hidden_channels=(16, 32),
        batch_size=32,
        max_epochs=15 if n_critic == 1 else 30,
        device="cpu",
        random_state=0,
    ).fit(X)
    drawn = gan.sample(400, random_state=0)
    distances = np.linalg.norm(drawn[:, None] - templates, axis=2)
    between = np.linalg.norm(templates[:, None] - templates, axis=2)
    near = distances.min(axis=1) < 0.5 * between[between > 0].min()
    shares = np.bincount(distances.argmin(axis=1)[near], minlength=4) / len(drawn)
    assert near.mean() > 0.6
    assert shares.min() > 0.08  # of 0.25


def test_the_classic_fully_connected_pair_learns():
    X = make_shapes(300, image_size=28, random_state=0).images
    networks = {"generator": classic_generator, "discriminator": classic_discriminator}
    params = {"code": "regression", "encoder": LinearEncoder, "learning_rate": 2e-4}
    gan = ConvGAN(100, **networks, **params, max_epochs=1, device="cpu", random_state=0)
    before = gan.fit(X).score(X)
    assert gan.inverse_transform(np.zeros((2, 100))).shape == (2, 28, 28)
    assert gan.set_params(max_epochs=8).fit(X).score(X) > before / 2


def test_noise_is_a_code(small_gan, digits):
    gan = small_gan().fit(digits)
    codes = np.random.RandomState(0).normal(size=(3, 4))
    images = gan.inverse_transform(codes)
    assert images.shape == (3, 64)
    assert len(np.unique(images, axis=0)) == 3


# Transforming


def test_codes_tell_digits_apart(learnt, adversarial, split):
    """Those of untrained convolutions have 0.89 already."""
    features = ConvGAN(code="discriminator", max_epochs=3, random_state=0, device="cpu")
    assert one_nn(learnt, split) > 0.94
    assert one_nn(adversarial, split) > 0.75
    assert one_nn(features.fit(split[0]), split) > 0.97


def test_the_encoder_reads_the_noise_off_generated_images(learnt):
    noise = np.random.RandomState(0).normal(size=(500, 16))
    read = learnt.transform(learnt.inverse_transform(noise))
    assert np.square(read - noise).mean() < 0.7  # 1: nothing read


def test_a_code_is_of_an_image_and_generates_one_like_it(learnt, adversarial, split):
    X = split[1]
    assert np.square(learnt.reconstruct(X) - X).mean() < 0.5 * X.var(axis=0).mean()
    error = np.square(adversarial.reconstruct(X) - X).mean()
    assert error < 0.7 * np.square(adversarial.reconstruct(X) - np.roll(X, 1, axis=0)).mean()


def test_discriminator_features_have_names_and_no_way_back(small_gan, digits):
    gan = small_gan(code="discriminator").set_output(transform="pandas")
    features = gan.fit_transform(digits)
    n = 8 * 4 * 4 + 16 * 2 * 2  # stages of 4 x 4 and 2 x 2
    assert features.shape == (200, n)
    assert list(features.columns) == [f"convgan{i}" for i in range(n)]
    assert (features.to_numpy() > 0).any()
    for method in ("inverse_transform", "reconstruct", "interpolate", "traverse"):
        assert not hasattr(gan, method)
    assert gan.sample(2).shape == (2, 64)
    with pytest.raises(ValueError, match="custom discriminator="):
        small_gan(code="discriminator", discriminator=LinearEncoder).fit(digits)
    with pytest.raises(ValueError, match="encoder= would not be used"):
        small_gan(code="discriminator", encoder=LinearEncoder).fit(digits)


# Health


def test_history_has_both_losses_and_the_quality(small_gan, digits):
    gan = small_gan(r1_penalty=0.1, code="regression").fit(digits)
    train = ("discriminator_loss", "discriminator_accuracy", "gradient_penalty")
    train += ("generator_loss", "energy_distance", "code_error")
    keys = {f"train_{name}" for name in train}
    keys |= {
        "valid_distance",
        "valid_coverage",
        "valid_diversity",
        "valid_missing",
        "epoch",
        "duration",
    }
    assert all(set(row) == keys for row in gan.history_)
    assert all(type(value) in (int, float) for row in gan.history_ for value in row.values())
    assert all(0 <= row["train_discriminator_accuracy"] <= 1 for row in gan.history_)


def test_the_discriminator_takes_n_critic_turns_for_one_of_the_generator(small_gan, digits):
    gan = small_gan(n_critic=3, max_epochs=2, validation_fraction=0.2).fit(digits)
    assert float(gan.network_.n_averaged) == 4  # 2 epochs of 5 batches: turns 0, 3, 6 and 9


class Spoil(Callback):
    """Let the generator forget everything at the end of the training."""

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 7:
            with torch.no_grad():
                for part in (net.module_.generator, net.module_.average):
                    for parameter in part.parameters():
                        parameter.zero_()


def test_the_best_epoch_is_the_least_distance_whatever_tol_says(small_gan, digits):
    gan = small_gan(max_epochs=6, tol=10.0, learning_rate=2e-3).fit(digits)
    distances = [row["valid_distance"] for row in gan.history_]
    assert gan.best_epoch_ == int(np.argmin(distances)) + 1 > 1


@pytest.mark.parametrize("restore_best", [True, False])
def test_the_best_generator_is_kept(small_gan, digits, restore_best):
    params = {"max_epochs": 8, "callbacks": [Spoil()], "restore_best": restore_best}
    gan = small_gan(**params, learning_rate=2e-3).fit(digits)
    distances = [row["valid_distance"] for row in gan.history_]
    best = int(np.argmin(distances)) + 1
    assert best < 7
    assert gan.best_epoch_ == (best if restore_best else 8)
    spread = gan.sample(50, random_state=0).std(axis=0).mean()
    assert spread > 1 if restore_best else spread < 1


def test_early_stopping_watches_the_distance(small_gan, digits):
    params = {"early_stopping": True, "n_iter_no_change": 2, "learning_rate": 2e-3}
    gan = small_gan(**params, max_epochs=50, callbacks=[Spoil()]).fit(digits)
    assert gan.n_iter_ == gan.best_epoch_ + 2 < 10


def test_held_out_rows_are_not_trained_on(small_gan, digits):
    seen = []

    class Record(Callback):
        def on_batch_begin(self, net, batch, **kwargs):
            seen.append(batch.images.flatten(1).numpy())

    small_gan(validation_fraction=0.2, max_epochs=1, callbacks=[Record()]).fit(digits)
    assert len(np.concatenate(seen)) == 160


def test_a_healthy_training_does_not_warn(learnt):
    assert learnt.history_[learnt.best_epoch_ - 1]["valid_coverage"] > 0.5
    assert 0.5 < learnt.history_[-1]["train_discriminator_accuracy"] < 0.95


def test_collapse_is_named(small_gan, digits):
    with pytest.warns(ConvergenceWarning, match="nearly identical"):
        small_gan(decoder=ConstantGenerator, max_epochs=5).fit(digits)


def test_images_like_few_of_x_are_named(small_gan, digits):
    with pytest.warns(ConvergenceWarning, match=r"like few of X's \(coverage 0"):
        small_gan(learning_rate=1e-9).fit(digits)


def test_a_discriminator_that_has_won_is_named(small_gan, digits):
    params = {"decoder": ConstantGenerator, "learning_rate": 0.01, "r1_penalty": 0.0}
    params["energy_weight"] = 0.0
    with pytest.warns(ConvergenceWarning, match="discriminator has won"):
        small_gan(**params, max_epochs=30, optimizer="sgd").fit(digits)


def test_divergence_is_an_error_and_nothing_is_lost(small_gan, digits):
    gan = small_gan().fit(digits)
    before = gan.sample(3, random_state=0)
    gan.set_params(learning_rate=1e30, r1_penalty=0.0)
    with pytest.raises(TrainingDivergedError, match="Lower learning_rate"):
        gan.fit(digits)
    np.testing.assert_array_equal(gan.sample(3, random_state=0), before)


def test_too_few_rows_to_hold_some_out_are_named(small_gan, digits):
    with pytest.raises(ValueError, match="n_samples=3: ConvGAN holds out rows"):
        small_gan().fit(digits[:3])
    assert small_gan().fit(digits[:4]).sample(2).shape == (2, 64)


@pytest.mark.parametrize("value", [3.0, 0.0])
def test_constant_images_are_generated(small_gan, value):
    gan = small_gan().fit(np.full((30, 16), value))
    assert np.abs(gan.sample(5) - value).max() < 1


# Going on


def test_partial_fit_goes_on(small_gan, digits):
    gan = small_gan(learning_rate=2e-3)
    scores = [gan.partial_fit(digits).score(digits) for _ in range(8)]
    assert gan.n_iter_ == gan.best_epoch_ == 8
    assert scores[-1] > 0.7 * scores[0]
    reference = small_gan(learning_rate=2e-3)
    loaded = joblib.load(_dumped(reference.partial_fit(digits)))
    np.testing.assert_array_equal(
        loaded.partial_fit(digits).sample(3, 0), reference.partial_fit(digits).sample(3, 0)
    )


def _dumped(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return file


def test_a_warm_start_goes_on_and_refuses_another_game(small_gan, digits):
    gan = small_gan(warm_start=True).fit(digits).fit(digits)
    assert gan.n_iter_ == 4
    with pytest.raises(ValueError, match="objective='hinge' differs"):
        gan.set_params(objective="hinge").fit(digits)


@pytest.mark.filterwarnings("ignore:X holds values")
def test_a_range_beyond_that_of_the_first_chunk_is_named(small_gan, digits):
    gan = small_gan().partial_fit(digits)
    with pytest.raises(ValueError, match="beyond which nothing can be generated"):
        gan.partial_fit(digits * 2)


# Scoring


def test_the_score_is_the_relative_frechet_distance_of_features(learnt, split):
    X = split[1]
    assert learnt.score(X) == learnt.score(X) <= 0
    assert isinstance(learnt.score(X), float)
    assert -1 < learnt.score(X)  # better than the mean image
    assert learnt.score(X) > learnt.score(np.random.default_rng(0).permuted(X, axis=0))


def test_a_search_prefers_the_better_generator(split):
    gan = ConvGAN(16, learning_rate=2e-3, hidden_channels=(16, 32), device="cpu", random_state=0)
    X = split[0][:400]
    search = GridSearchCV(gan, {"max_epochs": [1, 8]}, cv=2).fit(X)
    assert search.best_params_ == {"max_epochs": 8}
    coverage = [
        density_coverage(split[1], model.sample(len(split[1]), random_state=0))[1]
        for model in (search.best_estimator_, gan.set_params(max_epochs=1).fit(X))
    ]
    assert coverage[0] > coverage[1]


def test_a_score_needs_two_rows_and_there_is_none_of_a_row(learnt, split):
    with pytest.raises(ValueError, match="n_samples=1"):
        learnt.score(split[1][:1])
    assert not hasattr(learnt, "score_samples")


@pytest.mark.parametrize(
    ("objective", "code"),
    slow_unless(
        lambda case: (case[1] == "regression") == (case[0] in ("non_saturating", "wasserstein_gp")),
        product(OBJECTIVES, ["regression", "adversarial"]),
    ),
)
def test_half_the_precision_learns_about_the_same(small_gan, digits, objective, code):
    params = {"objective": objective, "code": code, "learning_rate": 2e-3, "max_epochs": 6}
    exact, coarse = (
        small_gan(precision=precision, **params).fit(digits)
        for precision in ("float32", "bfloat16")
    )
    assert coarse.score(digits) == pytest.approx(exact.score(digits), abs=0.3)
    assert coarse.score(digits) > small_gan(**params | {"max_epochs": 1}).fit(digits).score(digits)


@pytest.mark.slow
@pytest.mark.parametrize("r1_penalty", [0.0, 0.02])
def test_compiled_losses_learn_the_same(small_gan, digits, r1_penalty):
    plain, compiled = (
        small_gan(compile=value, r1_penalty=r1_penalty).fit(digits) for value in (False, True)
    )
    np.testing.assert_allclose(compiled.sample(9, 0), plain.sample(9, 0), atol=0.5)


def test_the_average_starts_from_the_initial_weights_of_the_generator(digits):
    """A rate that learns nothing leaves both where they started."""
    params = {"hidden_channels": (4,), "learning_rate": 1e-12, "max_epochs": 1, "device": "cpu"}
    network = ConvGAN(2, random_state=0, **params).fit(digits).network_
    average = dict(network.average.named_parameters())
    for name, weight in network.generator.named_parameters():
        torch.testing.assert_close(average[name], weight, rtol=1e-5, atol=1e-6, check_stride=False)
