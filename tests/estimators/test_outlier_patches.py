"""Patches, local outlier factors, thresholds and p-values of outlier detectors."""

import numpy as np
import pytest
import torch
from scipy.stats import false_discovery_control
from sklearn.covariance import LedoitWolf
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from sklearn_unsup import ConvOutlierDetector
from sklearn_unsup.datasets import make_shapes
from sklearn_unsup.estimators import _patch_statistics as statistics
from sklearn_unsup.estimators._neighbor_distances import (
    code_measures,
    fit_code_distribution,
)
from sklearn_unsup.networks import patch_features, principal_patches


@pytest.fixture(scope="module")
def textures():
    """Return stripes (300, 40, 32) of random phase, and copies with a faint scratch in one half."""
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 2 * np.pi, (300, 1, 1))
    images = np.sin(np.arange(32) / 2 + phase) + rng.normal(0, 0.3, (300, 40, 32))
    spoilt = images.copy()
    masks = np.zeros(images.shape, dtype=bool)
    for i, mask in enumerate(masks):
        row, column = 4 + i % 30, 3 + i % 20
        mask[row, column : column + 8] = True
    spoilt[masks] += 1.2
    return images.astype(np.float32), spoilt.astype(np.float32), masks


@pytest.fixture(scope="module")
def patches(textures):
    return ConvOutlierDetector(method="patches").fit(textures[0][:200])


# Patches


def test_small_faults_are_found_better_than_by_the_error_of_pca(textures, patches):
    images, spoilt, _ = textures
    new, is_common = np.concatenate([images[200:], spoilt[200:]]), np.arange(200) < 100
    pca = ConvOutlierDetector(PCA(8), method="reconstruction_error")
    pca.fit(images[:200].reshape(200, -1))
    ours, theirs = (
        roc_auc_score(is_common, scores)
        for scores in (patches.score_samples(new), pca.score_samples(new.reshape(200, -1)))
    )
    assert ours > max(0.95, theirs)


def test_the_map_shows_where(textures, patches):
    _, spoilt, masks = textures
    maps = patches.anomaly_map(spoilt[200:])
    assert maps.shape == (100, 40, 32)
    assert maps.dtype == np.float32
    rows = np.unravel_index(maps.reshape(100, -1).argmax(axis=1), (40, 32))[0]
    assert np.median(np.abs(rows - masks[200:].any(axis=2).argmax(axis=1))) <= 3
    assert roc_auc_score(masks[200:].ravel(), maps.ravel()) > 0.9


def test_distances_are_those_of_a_normal_distribution_of_features():
    rng = np.random.RandomState(0)
    X, new = rng.normal(size=(300, 30)), rng.normal(size=(20, 30))
    layout = ((5, 6), None)
    reference = statistics.fit_patch_statistics(X, layout)
    kind = "plain"

    def features(rows):
        images = torch.tensor(rows.reshape(-1, 1, 5, 6), dtype=torch.float32)
        mean, scale = reference["channel_mean"][0], reference["channel_scale"][0]
        filters, patches = (
            list(torch.from_numpy(reference[f"{kind}_{name}"])) for name in ("filters", "patches")
        )
        found = patch_features((images - mean) / scale, filters, patches, (5, 6))
        return found.double().flatten(2).numpy()  # (n, d, places)

    common, others = features(X), features(new)
    covariances = [np.cov(common[:, :, j].T, bias=True) for j in range(30)]
    mean_covariance = np.mean(covariances, axis=0)
    d = len(mean_covariance)
    distances = np.empty((20, 30))
    for j, covariance in enumerate(covariances):
        shrunk = 0.95 * covariance + 0.05 * mean_covariance
        shrunk += 1e-3 * np.trace(mean_covariance) / d * np.eye(d)
        deviations = others[:, :, j] - common[:, :, j].mean(axis=0)
        squares = np.einsum("ni,ij,nj->n", deviations, np.linalg.inv(shrunk), deviations)
        distances[:, j] = np.sqrt(squares)
    measures = statistics.patch_measures(new, layout, reference)
    expected = np.sqrt(np.square(distances).mean(axis=1))
    np.testing.assert_allclose(measures[:, 2], expected, rtol=1e-3)


def test_training_rows_are_measured_as_if_they_had_been_left_out():
    X = load_digits().data[:80]
    layout = ((8, 8), None)
    measures = statistics.patch_measures(X, layout, statistics.fit_patch_statistics(X, layout))
    found = []
    for i in range(6):
        reference = statistics.fit_patch_statistics(np.delete(X, i, axis=0), layout)
        found.append(statistics.patch_measures(X[i : i + 1], layout, reference)[0])
    np.testing.assert_allclose(measures[:6], found, rtol=0.08)
    shifted = statistics.patch_measures(
        X + 0.01, layout, statistics.fit_patch_statistics(X, layout)
    )  # which are not recognised
    assert np.median(measures / shifted) > 1.1


def test_principal_patches_are_those_of_all_patches():
    """Of stripes along one axis, patches vary along that axis alone."""
    images = torch.randn(50, 1, 1, 16, generator=torch.Generator().manual_seed(0))
    filters, means = principal_patches(images.expand(50, 1, 16, 16), 5, torch.Generator())
    assert [tuple(each.shape) for each in filters] == [(5, 1, 5, 5)] * 3
    assert [tuple(each.shape) for each in means] == [(1, 5, 5)] * 3
    for kernel in filters:
        torch.testing.assert_close(kernel.flatten(1).norm(dim=1), torch.ones(5))
    torch.testing.assert_close(
        filters[0], filters[0][:, :, :1].expand(5, 1, 5, 5), atol=0.02, rtol=0
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 1), (1, 300), (2, 9, 7), (200, 3, 2)])
def test_images_of_any_shape_have_patches(shape):
    X = np.random.RandomState(0).normal(size=(12, *shape))
    detector = ConvOutlierDetector(method="patches", image_shape=shape, channel_axis=None)
    if len(shape) == 3:
        detector.set_params(channel_axis=0 if shape[0] == 2 else 2)
    scores = detector.fit(X).score_samples(np.concatenate([X, X + 50]))
    assert scores[:12].min() > scores[12:].max()
    space = [side for axis, side in enumerate(shape) if axis != detector.channel_axis]
    assert detector.anomaly_map(X).shape == (12, *space)


def test_colours_of_other_units_count_alike():
    X = make_shapes(200, 16, n_channels=3, random_state=0).images
    scale = np.array([1, 1e3, 1e-2])
    detector = ConvOutlierDetector(method="patches")
    for spoilt in range(3):
        new = X.copy()
        new[:100, 4:12, 4:12, spoilt] = 1 - new[:100, 4:12, 4:12, spoilt]
        plain = detector.fit(X[100:]).score_samples(new)
        scaled = detector.fit(X[100:] * scale + [0, 1e6, 5]).score_samples(
            new * scale + [0, 1e6, 5]
        )
        is_common = np.arange(200) >= 100
        assert roc_auc_score(is_common, plain) > 0.8
        assert roc_auc_score(is_common, scaled) > 0.8


def test_training_rows_of_another_dtype_have_the_same_scores():
    X = load_digits().data[:100] / 255
    detector = ConvOutlierDetector(method="patches").fit(X)
    expected = detector.score_samples(X)
    np.testing.assert_allclose(detector.score_samples(X.astype("f4")), expected, atol=1e-3)


@pytest.mark.parametrize("constant", [False, True])
def test_a_coloured_stain_on_grey_images_is_found(constant):
    rng = np.random.default_rng(0)
    X = np.repeat(load_digits().images[:300, :, :, None] / 16, 3, axis=-1)
    X += rng.normal(0, 0.01, X.shape)
    stain = [0.6, -0.3, -0.3]
    if constant:
        X[..., 2], stain = 0, [0, 0, 1]
    new = X[200:250].copy()
    new[:, 2:6, 2:6] += stain
    detector = ConvOutlierDetector(method="patches").fit(X[:200])
    assert (detector.predict(new) == -1).mean() > 0.9
    assert (detector.predict(X[250:]) == -1).mean() <= 0.1


def test_a_fitted_detector_has_what_it_was_fitted_for(digits):
    detector = ConvOutlierDetector(PCA(4), method="patches").fit(digits)
    detector.set_params(method="reconstruction_error")
    assert hasattr(detector, "anomaly_map")
    assert not hasattr(detector, "error_map")
    detector.fit(digits)
    assert not hasattr(detector, "anomaly_map")
    assert hasattr(detector, "error_map")


def test_rows_held_out_are_checked_before_training(digits):
    class Never(PCA):
        def fit(self, X, y=None):
            raise RuntimeError("trained")

    detector = ConvOutlierDetector(Never(2))
    with pytest.raises(ValueError, match=r"X_val is not valid: .*NaN"):
        detector.fit(digits, X_val=np.full((3, 64), np.nan))
    with pytest.raises(ValueError, match="X_val has 60 features, and X has 64"):
        detector.fit(digits, X_val=digits[:, :60])


def test_patches_need_no_estimator(textures, patches):
    assert patches.estimator_ is None
    assert patches.n_features_in_ == 40 * 32
    assert not hasattr(patches, "error_map")
    images = textures[0]
    rows = ConvOutlierDetector(method="patches", image_shape=(40, 32))
    found = rows.fit(images[:200].reshape(200, -1)).score_samples(images.reshape(300, -1))
    np.testing.assert_array_equal(found, patches.score_samples(images))
    with pytest.raises(ValueError, match=r"X has 64 features.*expecting 1280 features"):
        rows.predict(np.zeros((2, 64)))
    with pytest.raises(ValueError, match=r"images of shape \(8, 8\).*fitted.*\(40, 32\)"):
        patches.predict(np.zeros((2, 8, 8)))
    with pytest.raises(TypeError, match="save_weights"):
        patches.save_weights("nowhere")


def test_the_layout_is_that_of_the_estimator(small):
    X = np.random.default_rng(0).normal(size=(30, 90)).astype(np.float32)
    autoencoder = small(image_shape=(6, 5, 3))
    assert ConvOutlierDetector(autoencoder).fit(X).anomaly_map(X).shape == (30, 6, 5)
    with pytest.raises(ValueError, match=r"image_shape=\(6, 6\) makes 36 values, but X has 90"):
        ConvOutlierDetector(PCA(2), image_shape=(6, 6)).fit(X)


def test_maps_are_for_methods_with_patches():
    detector = ConvOutlierDetector(method="nearest_neighbors")
    with pytest.raises(AttributeError, match="has no attribute 'anomaly_map'") as found:
        detector.anomaly_map  # noqa: B018
    assert "needs patches, and method='nearest_neighbors'" in str(found.value.__cause__)
    assert hasattr(ConvOutlierDetector(), "anomaly_map")


# Local outlier factors


def test_local_outlier_factors_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    codes = np.concatenate([rng.normal(size=(200, 3)), rng.normal(8, 0.1, size=(100, 3))])
    new = rng.normal(2, 4, size=(50, 3))
    reference = fit_code_distribution(codes)
    scale = codes.std(axis=0)
    theirs = LocalOutlierFactor(n_neighbors=20, novelty=True).fit(codes / scale)
    expected = -theirs.score_samples(new / scale)
    np.testing.assert_allclose(code_measures(new, reference)[:, 1], expected, rtol=0.1)
    inside = code_measures(codes, reference)[:, 1]
    np.testing.assert_allclose(inside, -theirs.negative_outlier_factor_, rtol=0.1)


def test_mahalanobis_distances_of_codes_leave_a_training_code_out():
    codes = np.random.default_rng(0).normal(size=(40, 3)) @ np.diag([1, 2, 3])
    found = code_measures(codes, fit_code_distribution(codes))[:, 0]
    scaled = codes / codes.std(axis=0)
    for i in range(5):
        others = LedoitWolf().fit(np.delete(scaled, i, axis=0))
        assert found[i] == pytest.approx(
            np.sqrt(others.mahalanobis(scaled[i : i + 1])[0]), rel=0.05
        )


def test_equal_codes_are_common_and_have_a_finite_factor():
    codes = np.zeros((60, 2))
    codes[50:] = np.random.default_rng(0).normal(size=(10, 2))
    factors = code_measures(codes, fit_code_distribution(codes))[:, 1]
    assert np.isfinite(factors).all()
    np.testing.assert_allclose(factors[:50], 1, rtol=1e-6)


# Thresholds and p-values


def test_by_default_few_images_of_one_kind_are_outliers(textures):
    images, spoilt, _ = textures
    worse = 2 * spoilt[:10] - images[:10]
    mixed = np.concatenate([images[:190], worse])
    detector = ConvOutlierDetector(method="patches")
    assert (detector.fit(images[:200]).predict(images[200:]) == -1).mean() <= 0.05
    found = detector.fit_predict(mixed) == -1
    assert found[190:].mean() >= 0.8
    assert found[:190].mean() <= 0.05


def test_the_default_threshold_is_tukeys_fence(digits):
    detector = ConvOutlierDetector(PCA(8), method="reconstruction_error").fit(digits)
    low, high = np.percentile(detector.score_samples(digits), [25, 75])
    assert detector.offset_ == pytest.approx(low - 1.5 * (high - low))


def test_p_values_of_common_images_are_uniform():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3500, 6, 6))
    detector = ConvOutlierDetector(method="patches").fit(X[:500], X_val=X[500:1500])
    p_values = detector.outlier_p_values(X[1500:])
    for level in (0.05, 0.2, 0.5):
        assert (p_values <= level).mean() == pytest.approx(level, abs=0.02 + 0.05 * level)
    assert p_values.min() == 1 / 1001
    spoilt = X[1500:1600] + 9 * (np.arange(36).reshape(6, 6) == 14)
    adjusted = false_discovery_control(
        detector.outlier_p_values(np.concatenate([spoilt, X[1600:]]))
    )
    is_false = np.flatnonzero(adjusted <= 0.2) >= 100
    assert (adjusted <= 0.2).sum() > 20
    assert is_false.mean() <= 0.4  # 0.2 on average


def test_p_values_are_ranks_among_the_rows_held_out(digits):
    frozen = FrozenEstimator(PCA(8).fit(digits))
    detector = ConvOutlierDetector(frozen, method="reconstruction_error")
    detector.fit(digits[:100], X_val=digits[100:150])
    scores = detector.score_samples(digits)
    expected = [(1 + (scores[100:150] <= score).sum()) / 51 for score in scores]
    np.testing.assert_allclose(detector.outlier_p_values(digits), expected)
    detector.fit(digits)
    with pytest.raises(AttributeError, match="has no attribute 'outlier_p_values'") as found:
        detector.outlier_p_values(digits)
    assert "fit(X, X_val=held_out)" in str(found.value.__cause__)
