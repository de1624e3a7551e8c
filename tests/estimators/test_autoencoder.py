"""What a ConvAutoencoder learns, against baselines and formulas."""

import warnings

import numpy as np
import pytest
from example_networks import LinearDecoder, LinearEncoder
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.datasets import make_shapes


@pytest.fixture(scope="module")
def split():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X.astype(np.float32), y, test_size=0.25, random_state=0)


@pytest.fixture(scope="module")
def learnt(split):
    return ConvAutoencoder(8, max_epochs=12, random_state=0, device="cpu").fit(split[0])


def test_it_explains_more_of_new_digits_than_pca_of_the_same_width(learnt, split):
    X_test = split[1]
    pca = PCA(8, random_state=0).fit(split[0])
    explained = r2_score(
        X_test,
        pca.inverse_transform(pca.transform(X_test)),
        multioutput="variance_weighted",
    )
    assert 1 - learnt.score(X_test) < 0.75 * (1 - explained)


def test_it_warns_if_pca_explains_more_and_says_how_much(split):
    X = split[0]
    with pytest.warns(ConvergenceWarning, match=r"explains 0\.\d+ .* PCA .* 0\.\d+.*max_epochs"):
        short = ConvAutoencoder(8, max_epochs=1, random_state=0, device="cpu").fit(X)
    assert 0 < short.pca_comparison_["explained"] < short.pca_comparison_["explained_by_pca"]
    explained = PCA(8).fit(X).explained_variance_ratio_.sum()
    assert short.pca_comparison_["explained_by_pca"] == pytest.approx(explained, abs=0.03)
    assert short.pca_comparison_["explained"] == pytest.approx(short.score(X), abs=0.03)


def test_it_does_not_warn_if_it_explains_more_or_is_not_asked(split, learnt):
    assert learnt.pca_comparison_["explained"] > learnt.pca_comparison_["explained_by_pca"]
    with warnings.catch_warnings(action="error"):
        learnt._warn_of_failure()
        silent = ConvAutoencoder(8, max_epochs=1, device="cpu", compare_with_pca=False)
        silent.fit(split[0])
        as_many = ConvAutoencoder(64, max_epochs=1, device="cpu").fit(split[0])
        chunk = ConvAutoencoder(8, device="cpu").partial_fit(split[0])
        constant = ConvAutoencoder(8, max_epochs=1, device="cpu").fit(np.ones((30, 64)))
    for each in (silent, as_many, chunk, constant):
        assert not hasattr(each, "pca_comparison_")


class WatchEpochs:
    """Asks for the fitted estimator after each epoch."""

    max_propagation_depth = None

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        pass


def test_the_comparison_runs_once_and_its_failure_loses_nothing(split, monkeypatch):
    calls = []

    def fail(self, rows):
        calls.append(len(rows))
        raise MemoryError("too large to compare")

    monkeypatch.setattr(ConvAutoencoder, "_compare_with_pca", fail)
    autoencoder = ConvAutoencoder(8, max_epochs=3, random_state=0, device="cpu")
    with pytest.raises(MemoryError, match="too large to compare"):
        autoencoder.set_callbacks(WatchEpochs()).fit(split[0])
    assert calls == [len(split[0])]
    assert autoencoder.n_iter_ == 3
    assert autoencoder.score(split[1]) > 0.3


def test_few_images_are_learnt_better_with_translations():
    shapes = make_shapes(500, image_size=16, random_state=0).data
    X, X_test = shapes[:100], shapes[100:]
    params = {"hidden_channels": (16, 32), "max_epochs": 60, "random_state": 0, "device": "cpu"}
    scores = [
        ConvAutoencoder(16, max_translation=share, gaussian_fraction=0, **params)
        .fit(X)
        .score(X_test)
        for share in (0.0, 1 / 8)
    ]
    assert scores[1] > scores[0] + 0.03


def test_few_images_are_overfit_less_with_gaussian_images(split):
    X, X_test = split[0][:150], split[1]
    params = {"hidden_channels": (32, 64), "max_epochs": 50, "random_state": 0, "device": "cpu"}
    scores = [
        ConvAutoencoder(16, gaussian_fraction=fraction, **params).fit(X).score(X_test)
        for fraction in (0.0, "auto")
    ]
    assert scores[1] > scores[0] + 0.02


def test_it_does_not_warn_where_pca_is_exact():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 16))
    with warnings.catch_warnings(action="error"):
        autoencoder = ConvAutoencoder(
            3, hidden_channels=(16,), max_epochs=60, random_state=0, device="cpu"
        ).fit(X)
    assert autoencoder.pca_comparison_["explained_by_pca"] == pytest.approx(1)


def test_chunks_are_not_changed_by_default():
    X = make_shapes(60, image_size=16, random_state=0).data
    params = {"hidden_channels": (8,), "random_state": 0, "device": "cpu"}
    chunk = ConvAutoencoder(4, **params).partial_fit(X)
    params |= {"max_translation": 0, "gaussian_fraction": 0}
    unchanged = ConvAutoencoder(4, **params).partial_fit(X)
    np.testing.assert_array_equal(chunk.transform(X), unchanged.transform(X))


def test_score_is_r2_weighted_by_variance(learnt, split):
    X_test = split[1]
    reconstructed, varies = learnt.reconstruct(X_test), X_test.std(axis=0) > 0
    constant = (
        ((X_test - reconstructed)[:, ~varies] ** 2).sum() / X_test.var(axis=0).sum() / len(X_test)
    )
    expected = r2_score(
        X_test[:, varies], reconstructed[:, varies], multioutput="variance_weighted"
    )
    assert learnt.score(X_test) == pytest.approx(expected - constant, abs=1e-6)
    assert type(learnt.score(X_test)) is float


def test_score_samples_are_negative_mean_squared_errors(learnt, split):
    X_test = split[1]
    expected = -np.mean((X_test - learnt.reconstruct(X_test).astype(np.float64)) ** 2, axis=1)
    np.testing.assert_allclose(learnt.score_samples(X_test), expected)
    assert learnt.score_samples(X_test).dtype == np.float64


def test_score_of_constant_x_follows_r2(small):
    X = np.full((5, 64), 2.0)
    estimator = small().fit(X + np.random.RandomState(0).normal(size=X.shape))
    assert estimator.score(X) == 0.0


def test_a_linear_autoencoder_finds_the_subspace_of_pca(split):
    X = split[0]
    linear = ConvAutoencoder(
        3,
        encoder=LinearEncoder,
        decoder=LinearDecoder,
        max_epochs=60,
        learning_rate=0.02,
        weight_decay=0,
        device="cpu",
        random_state=0,
    ).fit(X)
    explained = PCA(3, random_state=0).fit(X).explained_variance_ratio_.sum()
    assert linear.score(X) == pytest.approx(explained, abs=0.005)
    assert linear.score(X) <= explained + 1e-6


def test_samples_look_like_digits_more_than_noise_does(learnt, split):
    """Their own reconstruction error is near that of digits, not that of shuffled pixels."""
    X_test = split[1]
    shuffled = np.random.default_rng(0).permuted(X_test, axis=1)
    real, drawn, noise = (
        -np.median(learnt.score_samples(rows)) for rows in (X_test, learnt.sample(400, 0), shuffled)
    )
    assert drawn < 1.5 * real < 0.5 * noise


def test_samples_have_the_mean_and_variance_of_x(learnt, split):
    samples = learnt.sample(2000, random_state=0)
    np.testing.assert_allclose(samples.mean(axis=0), split[0].mean(axis=0), atol=0.8)
    assert samples.var(axis=0).sum() == pytest.approx(split[0].var(axis=0).sum(), rel=0.25)


def test_a_denoising_autoencoder_removes_more_noise(split):
    X_train, X_test = split[0][:300], split[1]
    noisy = X_test + np.random.RandomState(0).normal(0, 4, size=X_test.shape).astype(np.float32)
    params = {"n_components": 32, "max_epochs": 15, "random_state": 0, "device": "cpu"}
    errors = [
        np.mean(
            (ConvAutoencoder(**params, noise_level=level).fit(X_train).reconstruct(noisy) - X_test)
            ** 2
        )
        for level in (0.0, 1.0)
    ]
    assert errors[1] < 0.9 * errors[0]


def test_an_activity_penalty_gives_smaller_codes(small, digits):
    sizes = [
        np.abs(small(l1_activity=weight, max_epochs=10).fit_transform(digits)).mean()
        for weight in (0.0, 0.5)
    ]
    assert sizes[1] < 0.5 * sizes[0]


@pytest.mark.parametrize("loss", ["absolute_error", "binary_cross_entropy"])
def test_other_losses_learn_too(split, loss):
    params = {"max_epochs": 4, "random_state": 0, "device": "cpu"}
    estimator = ConvAutoencoder(8, loss=loss, **params).fit(split[0])
    assert estimator.score(split[1]) > 0.6  # the mean image: 0


def test_binary_cross_entropy_gives_values_in_the_range_of_x(small, digits):
    X = digits * 3 - 7
    estimator = small(loss="binary_cross_entropy").fit(X)
    images = estimator.sample(50, 0)
    assert images.min() >= X.min() - 1e-4
    assert images.max() <= X.max() + 1e-4


def test_codes_do_not_depend_on_the_neighbours(fitted, digits):
    codes = fitted.transform(digits)
    np.testing.assert_array_equal(fitted.transform(digits[17:18]), codes[17:18])
    order = np.random.RandomState(0).permutation(len(digits))
    np.testing.assert_allclose(fitted.transform(digits[order]), codes[order], rtol=1e-6, atol=1e-6)


def test_names_of_codes(fitted, digits):
    assert list(fitted.get_feature_names_out()[:2]) == ["convautoencoder0", "convautoencoder1"]
    frame = (
        ConvAutoencoder(2, max_epochs=1, device="cpu")
        .set_output(transform="pandas")
        .fit_transform(digits)
    )
    assert list(frame.columns) == ["convautoencoder0", "convautoencoder1"]


def test_the_notebook_display_shows_a_fitted_estimator(fitted):
    html = fitted._repr_html_()
    assert "ConvAutoencoder" in html
    assert "n_components" in html
