"""What a ConvVAE learns, against mathematics and baselines."""

import copy
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import torch
from example_networks import LinearDecoder, LinearEncoder
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sklearn_unsup import ConvVAE
from sklearn_unsup._data import binarize_by_row
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.estimators import _code_density, _scores


@pytest.fixture(scope="module")
def split():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X.astype(np.float32), y, test_size=0.25, random_state=0)


@pytest.fixture(scope="module")
def learnt(split):
    return ConvVAE(8, max_epochs=6, random_state=0, device="cpu").fit(split[0])


@pytest.fixture(scope="module")
def binary(split):
    params = {"likelihood": "bernoulli", "binarize": "static", "max_epochs": 6}
    return ConvVAE(8, **params, random_state=0, device="cpu").fit(split[0] / 16)


@pytest.fixture(scope="module")
def linear():
    """A linear VAE of six components, on rows drawn from a probabilistic PCA of three."""
    rng = np.random.RandomState(0)
    loadings = rng.normal(size=(3, 16)) * [[3], [2], [1.5]]
    X = rng.normal(size=(2000, 3)) @ loadings + 0.7 * rng.normal(size=(2000, 16)) + 5
    params = {"encoder": LinearEncoder, "decoder": LinearDecoder}
    params |= {"learning_rate": 0.02, "optimizer": "adam"}
    vae = ConvVAE(6, **params, max_epochs=40, random_state=0, device="cpu").fit(X)
    return vae, X, PCA(3).fit(X)


# Against mathematics


def test_the_bound_of_a_linear_vae_reaches_the_likelihood_of_probabilistic_pca(linear):
    """Lucas et al. 2019, "Don't Blame the ELBO!": its maximum is that of probabilistic PCA."""
    vae, X, pca = linear
    best = pca.score(X)  # the maximum of the likelihood: the residual in 13 directions is one
    for n in (1, 20):
        scores = vae.score_samples(X, n_importance_samples=n)
        # what drawing codes adds is independent between rows
        error = np.std(scores - pca.score_samples(X)) / np.sqrt(len(X))
        assert best - 0.05 < scores.mean() < best + 3 * error
    assert vae.noise_variance_ == pytest.approx(pca.noise_variance_, rel=0.02)


def test_components_that_are_not_needed_are_inactive(linear):
    vae, _, _ = linear
    assert vae.n_active_units_ == 3
    assert sorted(vae.kl_per_component_ > 0.1) == [False] * 3 + [True] * 3


def test_bounds_grow_with_the_number_of_importance_samples(learnt, binary, split):
    for vae, X in ((learnt, split[1]), (binary, split[1] / 16)):
        bounds = [vae.score_samples(X, n).mean() for n in (1, 3, 10, 30)]
        assert np.all(np.diff(bounds) > 0)


def test_scores_are_log_densities_in_the_units_of_x(small_vae, digits):
    """Of Y = a X + b the density is that of X, divided by a for each feature."""
    plain, scaled = small_vae().fit(digits), small_vae().fit(digits * 8 - 3)
    # The noise of a row comes from its values, so the two differ by the error of their noise.
    expected = plain.score_samples(digits, 30).mean() - 64 * np.log(8)
    assert scaled.score_samples(digits * 8 - 3, 30).mean() == pytest.approx(expected, abs=0.5)
    assert scaled.noise_variance_ == pytest.approx(64 * plain.noise_variance_, rel=0.01)


def test_the_variance_of_the_noise_is_what_is_not_explained(learnt, split):
    codes = learnt.transform(split[0])
    squared_error = np.mean((learnt.inverse_transform(codes) - split[0]) ** 2)
    assert squared_error < learnt.noise_variance_ < 2 * squared_error


# Against baselines


def test_new_digits_are_more_probable_than_under_probabilistic_pca(learnt, split):
    X_train, X_test = split[:2]
    pca = PCA(8, random_state=0).fit(X_train)
    assert learnt.score(X_test) > pca.score(X_test) + 5


def test_few_digits_are_overfit_less_with_gaussian_images(split):
    X, X_test = split[0][:60], split[1]
    params = {"hidden_channels": (64,), "max_epochs": 80, "random_state": 0, "device": "cpu"}
    bounds = [
        ConvVAE(8, gaussian_fraction=fraction, **params).fit(X).score(X_test)
        for fraction in (0.0, "auto")
    ]
    assert bounds[1] > bounds[0] + 20


def test_new_binary_digits_are_more_probable_than_under_independent_pixels(binary, split):
    X_train, X_test = split[0] / 16, split[1] / 16
    p = X_train.mean(axis=0).clip(1e-3, 1 - 1e-3)
    baseline = np.mean(np.sum(X_test * np.log(p) + (1 - X_test) * np.log(1 - p), axis=1))
    assert binary.score(X_test) > baseline + 1


def test_a_linear_classifier_reads_digits_from_codes_better_than_from_pca(learnt, split):
    X_train, X_test, y_train, y_test = split
    accuracy = [
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        .fit(reduce.transform(X_train), y_train)
        .score(reduce.transform(X_test), y_test)
        for reduce in (learnt, PCA(8, random_state=0).fit(X_train))
    ]
    assert accuracy[0] > accuracy[1]


def test_shuffled_pixels_are_less_probable_than_digits(learnt, split):
    shuffled = np.random.default_rng(0).permuted(split[1], axis=1)
    assert learnt.score_samples(shuffled).max() < np.quantile(learnt.score_samples(split[1]), 0.05)


def test_a_search_over_widths_maximises_the_bound(small_vae, split):
    search = GridSearchCV(small_vae(max_epochs=5), {"n_components": [1, 8]}, cv=2)
    search.fit(split[0][:600])
    assert search.best_params_ == {"n_components": 8}
    assert search.best_score_ < 0  # in nats


# Scores


def test_a_score_is_a_function_of_the_row(learnt, split):
    X = split[1]
    for n in (1, 70):
        scores = learnt.score_samples(X[:130], n)
        assert scores.dtype == np.float64
        np.testing.assert_array_equal(learnt.score_samples(X[:130], n), scores)
        np.testing.assert_allclose(learnt.score_samples(X[128:130], n), scores[128:], rtol=1e-6)
        np.testing.assert_allclose(learnt.score_samples(X[129::-1], n), scores[::-1], rtol=1e-6)
    assert learnt.score(X) == pytest.approx(learnt.score_samples(X).mean(), rel=1e-12)
    assert type(learnt.score(X)) is float


def test_the_error_of_a_score_shrinks_with_the_number_of_rows(learnt, split):
    """Each row has its own noise: another seed changes the mean less than it changes a row."""
    draws = []
    for seed in range(12):
        other = copy.copy(learnt)
        other._row_seed = seed
        draws.append(other.score_samples(split[1][:100]))
    of_a_row, of_the_mean = np.std(draws, axis=0).mean(), np.std(np.mean(draws, axis=1))
    assert of_the_mean < 0.25 * of_a_row  # 0.1, were there infinitely many seeds


def test_transform_is_the_mean_of_the_posterior(learnt, split):
    images = torch.from_numpy(split[1][:64]).reshape(-1, 1, 8, 8)
    with torch.inference_mode():
        mean, _ = learnt.network_.posterior(images)
    np.testing.assert_allclose(learnt.transform(split[1][:64]), mean.numpy(), atol=1e-5)


def test_divergences_are_means_over_x(learnt, split):
    images = torch.from_numpy(split[0]).reshape(-1, 1, 8, 8)
    with torch.inference_mode():
        mean, log_variance = learnt.network_.posterior(images)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(torch.zeros(8), torch.ones(8))
    kl = torch.distributions.kl_divergence(posterior, prior).mean(0)
    np.testing.assert_allclose(learnt.kl_per_component_, kl.numpy(), rtol=1e-4)


def test_each_block_of_importance_samples_has_noise_of_its_own(learnt, split, monkeypatch):
    expected = learnt.score_samples(split[1][:50], 20)
    monkeypatch.setattr(_scores, "IMPORTANCE_BLOCK", 1)
    found = learnt.score_samples(split[1][:50], 20)
    assert found.mean() == pytest.approx(expected.mean(), abs=0.5)
    assert found.mean() > learnt.score_samples(split[1][:50]).mean() + 1


@pytest.mark.parametrize("n", [0, 2.5])
def test_a_wrong_number_of_importance_samples_is_named(learnt, split, n):
    with pytest.raises((ValueError, TypeError), match="n_importance_samples"):
        learnt.score_samples(split[1], n_importance_samples=n)


# Binary images


@pytest.mark.filterwarnings("ignore:X holds values")
@pytest.mark.parametrize("method", ["fit", "transform", "score_samples"])
def test_x_outside_of_the_unit_interval_is_an_error_for_bernoulli(binary, small_vae, split, method):
    vae = small_vae(likelihood="bernoulli") if method == "fit" else binary
    with pytest.raises(ValueError, match=r"from 0 to 16.*likelihood='bernoulli'.*\[0, 1\]"):
        getattr(vae, method)(split[1])


def test_binarize_without_bernoulli_is_an_error(small_vae, digits):
    with pytest.raises(ValueError, match="Set likelihood='bernoulli'"):
        small_vae(binarize="static").fit(digits)


def test_static_binarization_draws_once_and_dynamic_anew(small_vae, digits):
    def rows_of_each_epoch(binarize, gaussian_fraction=0):
        epochs = []

        class Record(Callback):
            def on_train_begin(self, net, **kwargs):
                net.module_.encoder.register_forward_pre_hook(
                    lambda _, inputs: epochs[-1].extend(x.numpy().tobytes() for x in inputs[0])
                )

            def on_epoch_begin(self, net, **kwargs):
                epochs.append([])

        vae = small_vae(likelihood="bernoulli", binarize=binarize, callbacks=[Record()])
        vae.set_params(gaussian_fraction=gaussian_fraction).fit(digits / 16)
        offset = vae.network_.scaling.offset.numpy().ravel()
        values = np.frombuffer(b"".join(epochs[0]), np.float32).reshape(-1, 64)
        pixels = values * vae.network_.scaling.scale.item() + offset
        assert set(np.unique(pixels.round(3))) == {0.0, 1.0}
        return [sorted(epoch[:200]) for epoch in epochs]  # after the last, codes are looked at

    first, second = rows_of_each_epoch("static")
    assert first == second
    first, second = rows_of_each_epoch("dynamic")
    assert not set(first) & set(second)
    rows_of_each_epoch("static", gaussian_fraction=0.5)  # Gaussian images are binary as well


def test_grey_rows_are_scored_as_the_binary_rows_drawn_from_them(binary, split):
    X = split[1] / 16
    drawn = binarize_by_row(X, binary._row_seed)
    likelihoods = binary.score_samples(X, 50), binary.score_samples(drawn, 50)
    assert np.mean(likelihoods[0]) == pytest.approx(np.mean(likelihoods[1]), abs=0.2)
    assert np.corrcoef(*likelihoods)[0, 1] > 0.99  # their noise differs


def test_low_contrast_does_not_harm_binary_images(small_vae, digits):
    X = 0.5 + 0.001 * (digits / 16 - 0.5)
    for binarize in ("static", "dynamic"):
        vae = small_vae(likelihood="bernoulli", binarize=binarize, max_epochs=5).fit(X)
        assert vae.score(X) == pytest.approx(64 * np.log(0.5), abs=1)


def test_the_rounding_of_a_scaler_is_let_through(small_vae, digits):
    X = np.full((5, 64), 1.0000000000000002)
    X[0] = 0
    assert np.isfinite(small_vae(likelihood="bernoulli").fit(X).score(X))


@pytest.mark.parametrize("binarize", [None, "static", "dynamic"])
def test_every_kind_of_binarization_learns(small_vae, digits, binarize):
    vae = small_vae(likelihood="bernoulli", binarize=binarize, max_epochs=15).fit(digits / 16)
    assert vae.history_[-1]["train_loss"] < vae.history_[0]["train_loss"] - 0.5
    assert not hasattr(vae, "noise_variance_")


# Sampling


def test_samples_have_the_mean_of_x_and_are_repeatable(learnt, split):
    for prior in ("normal", "mixture"):
        learnt.set_params(prior=prior)
        samples = learnt.sample(2000, random_state=0)
        np.testing.assert_array_equal(samples, learnt.sample(2000, random_state=0))
        np.testing.assert_allclose(samples.mean(axis=0), split[0].mean(axis=0), atol=1.5)


def test_codes_of_the_mixture_follow_the_aggregated_posterior(learnt, split):
    """The variance of the codes is that of the posteriors' means and the mean of their own."""
    images = torch.from_numpy(split[0]).reshape(-1, 1, 8, 8)
    with torch.inference_mode():
        mean, log_variance = learnt.network_.posterior(images)
    expected = np.cov(mean.numpy().T) + np.diag(log_variance.exp().mean(0).numpy())
    mixture = learnt._fitted_mixture()
    centre = mixture["weights"] @ mixture["means"]
    shifts = mixture["means"] - centre
    found = np.einsum("i,ijk->jk", mixture["weights"], mixture["covariances"])
    found += np.einsum("i,ij,ik->jk", mixture["weights"], shifts, shifts)
    np.testing.assert_allclose(found, expected, atol=0.1)
    np.testing.assert_allclose(np.trace(found), np.trace(expected), rtol=0.03)


def test_threads_that_draw_at_once_fit_one_mixture(learnt, monkeypatch):
    model, fits, original = copy.deepcopy(learnt), [], _code_density.fit_code_mixture

    def slow(*arguments):
        fits.append(1)
        time.sleep(0.05)
        return original(*arguments)

    monkeypatch.setattr(_code_density, "fit_code_mixture", slow)
    model.fit(model.sample(100, random_state=0))
    with ThreadPoolExecutor(4) as threads:
        samples = list(threads.map(lambda _: model.sample(3, random_state=0), range(4)))
    assert len(fits) == 1
    for sample in samples:
        np.testing.assert_array_equal(sample, samples[0])


def test_drawn_pixels_have_the_noise_of_the_likelihood(learnt, binary):
    means = learnt.sample(500, random_state=0)
    drawn = learnt.sample(500, random_state=0, likelihood_noise=True)
    assert (drawn - means).var() == pytest.approx(learnt.noise_variance_, rel=0.05)
    means = binary.sample(3000, random_state=0)
    drawn = binary.sample(3000, random_state=0, likelihood_noise=True)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert means.min() >= 0
    assert means.max() <= 1
    np.testing.assert_allclose(drawn.mean(axis=0), means.mean(axis=0), atol=0.04)


def test_a_mixture_asked_for_too_late_is_an_error(small_vae, digits):
    vae = small_vae().fit(digits)
    vae.set_params(prior="normal").fit(digits).set_params(prior="mixture")
    with pytest.raises(ValueError, match="Call fit again"):
        vae.sample(3)


@pytest.mark.parametrize("n", [0, -1, 1.5])
def test_a_wrong_number_of_samples_is_named(learnt, n):
    with pytest.raises((ValueError, TypeError), match="n_samples"):
        learnt.sample(n)


# Training


def test_history_has_the_parts_of_the_bound(small_vae, digits):
    vae = small_vae(early_stopping=True, beta=2.0).fit(digits)
    for row in vae.history_:
        for side in ("train", "valid"):
            expected = row[f"{side}_reconstruction"] + 2 * row[f"{side}_kl"]
            assert row[f"{side}_loss"] == pytest.approx(expected, rel=1e-5)


def test_the_training_loss_is_minus_the_score_without_calibration(small_vae, digits):
    vae = small_vae(max_epochs=20).fit(digits)
    white = vae.network_.likelihood.variance.log() * 32  # of one variance for all frequencies
    calibrated = (
        vae.network_.likelihood.spectrum * vae.network_.likelihood.variance
    ).log().sum() / 2
    gain = float(white - calibrated)
    assert gain > 2
    assert vae.history_[-1]["train_loss"] == pytest.approx(gain - vae.score(digits), abs=1.5)


def test_validation_uses_the_same_noise_in_each_epoch(small_vae, digits):
    vae = small_vae(early_stopping=True, learning_rate=1e-12, max_epochs=3).fit(digits)
    assert len({row["valid_loss"] for row in vae.history_}) == 1


class RecordWarmUp(Callback):
    def on_train_begin(self, net, **kwargs):
        self.shares = []

    def on_batch_end(self, net, training, **kwargs):
        self.shares.append(float(net.module_.warm_up))


def test_the_warm_up_rises_over_its_epochs_and_goes_on_in_partial_fit(small_vae, digits):
    params = {"beta_warmup_epochs": 2, "batch_size": 50, "callbacks": [RecordWarmUp()]}
    (record,) = small_vae(**params, max_epochs=3).fit(digits).callbacks_
    rise = [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875]
    np.testing.assert_allclose(record.shares, [*rise, 1, 1, 1, 1])
    found = []
    vae = small_vae(**params)
    for _ in range(3):
        found += vae.partial_fit(digits).callbacks_[0].shares
    np.testing.assert_allclose(found, [*rise, 1, 1, 1, 1])


def test_a_warm_up_ends_with_the_fit(small_vae, digits):
    vae = small_vae(beta_warmup_epochs=10, warm_start=True).fit(digits)
    assert vae.history_[-1]["train_loss"] < sum(
        vae.history_[-1][f"train_{part}"] for part in ("reconstruction", "kl")
    )
    last = vae.set_params(beta_warmup_epochs=0).fit(digits).history_[-1]
    assert last["train_loss"] == pytest.approx(last["train_reconstruction"] + last["train_kl"])


def test_early_stopping_waits_for_the_warm_up(small_vae, digits):
    params = {"early_stopping": True, "n_iter_no_change": 2, "learning_rate": 1e-12}
    vae = small_vae(**params, beta_warmup_epochs=5, max_epochs=20).fit(digits)
    assert vae.n_iter_ == 7
    assert small_vae(**params, max_epochs=20).fit(digits).n_iter_ == 3


def test_an_outlier_does_not_throw_the_training_off(small_vae, digits):
    X = digits.copy()
    X[0] *= 3000
    vae = small_vae(max_epochs=5).fit(X)
    assert vae.noise_variance_ < 2 * X.var(axis=0).mean()


def test_a_larger_beta_leaves_less_divergence_and_free_bits_keep_more(small_vae, digits):
    def kl(max_epochs=20, **params):
        return small_vae(max_epochs=max_epochs, **params).fit(digits).kl_per_component_.sum()

    assert kl(8, beta=5.0) < 0.8 * kl(8)
    assert kl(beta=20.0, free_bits=0.5) > 1.5 > kl(8, beta=20.0)


def test_posterior_collapse_is_a_warning_that_names_what_to_change(small_vae, digits):
    with pytest.warns(ConvergenceWarning, match="Lower beta, set beta_warmup_epochs or free_bits"):
        vae = small_vae(beta=1e4, max_epochs=10).fit(digits)
    assert vae.n_active_units_ == 0
    assert vae.kl_per_component_.max() < 0.01


def test_beta_of_zero_is_a_warning(small_vae, digits):
    with pytest.warns(UserWarning, match="beta=0 leaves the divergence"):
        small_vae(beta=0).fit(digits)


def test_a_usual_fit_warns_of_nothing(small_vae, digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vae = small_vae(max_epochs=15).fit(digits)
    assert vae.n_active_units_ > 0


def test_what_was_learnt_survives_joblib(small_vae, digits, tmp_path):
    vae = small_vae().fit(digits)
    joblib.dump(vae, tmp_path / "vae.joblib")
    loaded = joblib.load(tmp_path / "vae.joblib")
    np.testing.assert_array_equal(loaded.score_samples(digits, 5), vae.score_samples(digits, 5))
    np.testing.assert_array_equal(loaded.sample(5, random_state=0), vae.sample(5, random_state=0))


# Looking inside


def test_interpolations_begin_and_end_at_the_reconstructions(small_vae):
    images = load_digit_images().images[:100]
    vae = small_vae().fit(images)
    a, b = images[:3], images[3:6]
    for path in ("linear", "spherical"):
        found = vae.interpolate(a, b, n_steps=7, path=path)
        assert found.shape == (3, 7, 8, 8)
        np.testing.assert_allclose(found[:, 0], vae.reconstruct(a), atol=1e-4)
        np.testing.assert_allclose(found[:, -1], vae.reconstruct(b), atol=1e-4)


def test_the_middle_of_an_interpolation(learnt, split):
    a, b = split[1][:5], split[1][5:10]
    z_a, z_b = (learnt.transform(X).astype(np.float64) for X in (a, b))
    linear = learnt.interpolate(a, b, n_steps=3)[:, 1]
    np.testing.assert_allclose(linear, learnt.inverse_transform((z_a + z_b) / 2), atol=1e-3)
    cosine = np.sum(z_a * z_b, axis=1) / np.linalg.norm(z_a, axis=1) / np.linalg.norm(z_b, axis=1)
    middle = (z_a + z_b) / (2 * np.cos(np.arccos(cosine) / 2))[:, np.newaxis]
    spherical = learnt.interpolate(a, b, n_steps=3, path="spherical")[:, 1]
    np.testing.assert_allclose(spherical, learnt.inverse_transform(middle), atol=1e-3)


def test_an_image_is_interpolated_with_itself(learnt, split):
    found = learnt.interpolate(split[1][:2], split[1][:2], n_steps=3, path="spherical")
    np.testing.assert_allclose(found[:, 1], learnt.reconstruct(split[1][:2]), atol=1e-3)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_steps": 1}, "n_steps"),
        ({"path": "curved"}, r"path='curved': expected one of \['linear', 'spherical'\]"),
        ({"X_b": np.zeros((3, 64))}, "X_a has 2 samples and X_b has 3"),
    ],
)
def test_wrong_interpolations_are_named(learnt, split, params, message):
    params = {"X_a": split[1][:2], "X_b": split[1][2:4], **params}
    with pytest.raises(ValueError, match=message):
        learnt.interpolate(**params)


def test_a_traversal_changes_one_component(learnt, split):
    row, values = split[1][0], [-2.0, 0.0, 2.0]
    code = learnt.transform(row[np.newaxis])
    codes = np.repeat(code, 3, axis=0)
    codes[:, 5] = values
    found = learnt.traverse(row, 5, values)
    np.testing.assert_array_equal(found, learnt.inverse_transform(codes))
    np.testing.assert_array_equal(learnt.traverse(row[np.newaxis], 5, values), found)
    itself = learnt.traverse(row, 5, code[:, 5])
    np.testing.assert_allclose(itself, learnt.reconstruct(row[np.newaxis]), atol=1e-4)


def test_a_traversal_takes_one_image_in_its_own_shape(small_vae):
    images = load_digit_images().images[:100]
    vae = small_vae().fit(images)
    assert vae.traverse(images[0], 0, [0.0, 1.0]).shape == (2, 8, 8)
    assert vae.traverse(images[:1], 0, [0.0, 1.0]).shape == (2, 8, 8)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"component": 8}, "component"),
        ({"values": [np.nan]}, "NaN"),
        ({"values": [[1.0, 2.0], [3.0, 4.0]]}, "1d array"),
        ({"X_row": np.zeros((2, 64))}, "2 samples: expected one image"),
    ],
)
def test_wrong_traversals_are_named(learnt, split, params, message):
    params = {"X_row": split[1][0], "component": 0, "values": [0.0], **params}
    with pytest.raises(ValueError, match=message):
        learnt.traverse(**params)
