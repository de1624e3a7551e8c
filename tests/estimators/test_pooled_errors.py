import pickle

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from sklearn_unsup import ConvAutoencoder, ConvOutlierDetector
from sklearn_unsup.estimators import _pooled_errors
from sklearn_unsup.estimators._pooled_errors import structural_similarity


def fit(X, n_components=8, **params):
    estimator = PCA(n_components, random_state=0)
    return ConvOutlierDetector(estimator, method="reconstruction_error", **params).fit(X)


def test_structural_similarity_follows_its_formula():
    """Wang et al. 2004, Eq. 13, with moments in a Gaussian window."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(2, 1, 9, 7))
    b = a + rng.normal(size=a.shape)

    def moment(u, v):
        window = (0, 0, 1.5, 1.5)
        means = gaussian_filter(u, window), gaussian_filter(v, window)
        return means, gaussian_filter(u * v, window) - means[0] * means[1]

    (mean_a, mean_b), covariance = moment(a, b)
    variance_a, variance_b = moment(a, a)[1], moment(b, b)[1]
    c1, c2 = 0.01**2, 0.03**2
    expected = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    expected /= (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    np.testing.assert_allclose(structural_similarity(a, b), expected)
    np.testing.assert_allclose(structural_similarity(a, a), 1)


@pytest.mark.parametrize("pooling", ["max", 0.99])
@pytest.mark.parametrize("error", ["squared_error", "structural_similarity"])
def test_small_faults_are_found_better_by_the_largest_error(error, pooling):
    """Textures of stripes, with one small spot in some; the noise differs between places."""
    rng = np.random.default_rng(0)
    noise = np.where(np.arange(24) < 12, 0.1, 1.0)[:, None]
    phases = rng.uniform(0, 2 * np.pi, size=(260, 1, 1))
    images = np.sin(np.arange(24) / 2 + phases) + noise * rng.normal(size=(260, 24, 24))
    train, test = images[:200], images[200:]
    is_outlier = np.arange(60) < 30
    test[:30, 3:5, 10:12] += 1.5
    rows, image_shape = train.reshape(200, -1), (24, 24)
    area = {
        each: roc_auc_score(
            is_outlier,
            -fit(rows, 4, error=error, pooling=each, image_shape=image_shape).score_samples(
                test.reshape(60, -1)
            ),
        )
        for each in ("mean", pooling)
    }
    assert area[pooling] > max(0.9, area["mean"] + 0.05)


def test_shapes_are_told_apart_by_structural_similarity(digits):
    """Of digits whose strokes are broken, or are only darker, it finds the broken ones."""
    broken, darker = digits[:50].copy(), digits[:50] * 0.8
    broken.reshape(-1, 8, 8)[:, 3:5] = 0
    detector = fit(digits, error="structural_similarity")
    assert (detector.score_samples(broken) < detector.score_samples(darker)).mean() > 0.9


def test_similarity_maps_have_the_layout_of_x():
    X = np.random.default_rng(0).integers(256, size=(40, 6, 5, 3), dtype=np.uint8)
    autoencoder = ConvAutoencoder(4, hidden_channels=(4,), max_epochs=2, random_state=0)
    params = {"method": "reconstruction_error", "error": "structural_similarity"}
    detector = ConvOutlierDetector(autoencoder, **params).fit(X)
    maps = detector.error_map(X)
    assert maps.shape == X.shape
    assert maps.min() >= 0
    assert maps.max() <= 2
    np.testing.assert_allclose(-maps.mean(axis=(1, 2, 3)), detector.score_samples(X))


@pytest.mark.parametrize("pooling", ["max", 0.5])
@pytest.mark.parametrize("error", ["squared_error", "structural_similarity"])
def test_scores_depend_neither_on_units_nor_on_blocks(error, pooling, digits, monkeypatch):
    detector = fit(digits, pooling=pooling, error=error)
    scores = detector.score_samples(digits)
    other = fit(digits * 256 + 128, pooling=pooling, error=error)
    found = other.score_samples(digits * 256 + 128)
    np.testing.assert_allclose(found, scores, atol=1e-3)
    again = pickle.loads(pickle.dumps(detector))
    monkeypatch.setattr(_pooled_errors, "BLOCK_SIZE", 64 * 7)
    np.testing.assert_allclose(again.score_samples(digits), scores, rtol=1e-12)
    blockwise = fit(digits, pooling=pooling, error=error)
    np.testing.assert_allclose(blockwise.score_samples(digits), scores, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("image_shape", [(1, 64), (2, 1, 32), (8, 8), (4, 4, 4)])
def test_signals_and_channels_are_pooled_too(image_shape, digits):
    spoilt = digits[:20].copy()
    spoilt[:, 30] += 60
    axis = 0 if len(image_shape) == 3 else None
    for error in ("squared_error", "structural_similarity"):
        params = {"image_shape": image_shape, "channel_axis": axis, "error": error}
        detector = fit(digits, pooling="max", **params)
        assert (detector.score_samples(spoilt) < detector.score_samples(digits[:20])).all()


@pytest.mark.parametrize("error", ["squared_error", "structural_similarity"])
@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")  # of PCA
def test_constant_images_have_finite_scores(error):
    X = np.ones((20, 64))
    for pooling in ("mean", "max"):
        detector = fit(X, 1, error=error, pooling=pooling)
        scores = detector.score_samples(X + np.eye(64)[:20])
        assert np.isfinite(scores).all()
        assert (scores[1:] < detector.score_samples(X)[1:]).all()  # PCA's component is pixel 0


def test_weight_files_keep_how_errors_are_pooled(digits, tmp_path):
    network = ConvAutoencoder(4, hidden_channels=(4,), max_epochs=2, random_state=0)
    params = {"method": "reconstruction_error", "pooling": 0.9, "error": "structural_similarity"}
    detector = ConvOutlierDetector(network, **params).fit(digits)
    detector.save_weights(tmp_path / "weights")
    other = ConvOutlierDetector(network, **params).load_weights(tmp_path / "weights")
    np.testing.assert_array_equal(other.score_samples(digits), detector.score_samples(digits))
    for name, value in {"error": "squared_error", "pooling": "max"}.items():
        other = ConvOutlierDetector(network, **{**params, name: value})
        with pytest.raises(ValueError, match=f"{name} is '{value}', but .* was .*{params[name]}"):
            other.load_weights(tmp_path / "weights")


def test_errors_of_rounding_are_not_standardised(digits):
    detector = fit(digits, 30, pooling="max")
    exact = ConvOutlierDetector(PCA(), method="reconstruction_error", pooling="max").fit(digits)
    assert np.abs(exact.score_samples(digits)).max() < 0.1 < detector.score_samples(digits).std()


def test_black_and_white_images_have_scores(digits):
    for error in ("squared_error", "structural_similarity"):
        detector = fit(digits > 8, error=error, pooling="max")
        assert np.isfinite(detector.score_samples(digits > 8)).all()
