import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_unsup import ConvAutoencoder, ConvOutlierDetector

METHODS = ["combined", "reconstruction_error"]


@pytest.fixture
def detector(fitted, digits):
    """Build a detector on a fitted autoencoder; keyword arguments override."""
    return lambda **params: ConvOutlierDetector(FrozenEstimator(fitted), **params).fit(digits)


def test_a_strange_digit_is_found_better_than_by_an_isolation_forest():
    X, y = load_digits(return_X_y=True)
    areas = []
    for digit in (3, 8):
        inliers = X[y == digit]
        train, test = inliers[::2], np.vstack([inliers[1::2], X[y != digit]])
        is_inlier = np.arange(len(test)) < len(inliers[1::2])
        autoencoder = ConvAutoencoder(8, device="cpu", random_state=0).fit(train)
        areas.append(
            [
                roc_auc_score(is_inlier, model.fit(train).score_samples(test))
                for model in (
                    ConvOutlierDetector(FrozenEstimator(autoencoder)),
                    IsolationForest(random_state=0),
                )
            ]
        )
    ours, forest = np.mean(areas, axis=0)
    assert ours > max(forest, 0.95)


def test_the_error_is_that_of_the_reconstruction(detector, fitted, digits):
    model = detector(method="reconstruction_error")
    np.testing.assert_allclose(model.score_samples(digits), fitted.score_samples(digits))


def test_combined_is_the_larger_of_two_deviations(detector, fitted, digits):
    codes = fitted.transform(digits).astype(np.float64)
    codes = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    inverse = np.linalg.inv(LedoitWolf().fit(codes).covariance_)
    distances = [mahalanobis(row, np.zeros(codes.shape[1]), inverse) for row in codes]
    deviations = []
    for measure in (distances, np.sqrt(-fitted.score_samples(digits))):
        low, middle, high = np.percentile(measure, [25, 50, 75])
        deviations.append((measure - middle) / (high - low))
    expected = -np.maximum(*deviations)
    np.testing.assert_allclose(detector().score_samples(digits), expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("contamination", [0.02, 0.1, 0.5])
def test_as_many_outliers_as_asked_for(detector, digits, contamination, method):
    model = detector(contamination=contamination, method=method)
    assert (model.predict(digits) == -1).sum() == 200 * contamination
    decision = model.decision_function(digits)
    np.testing.assert_array_equal(decision, model.score_samples(digits) - model.offset_)
    np.testing.assert_array_equal(decision < 0, model.predict(digits) == -1)


def test_the_error_map_shows_where(detector, digits):
    spoilt = digits[:20].copy()
    spoilt[:, 9] += 40  # row 1, column 1
    maps = detector().error_map(spoilt)
    assert (maps.argmax(axis=1) == 9).all()
    scores = detector(method="reconstruction_error").score_samples(spoilt)
    np.testing.assert_allclose(-maps.mean(axis=1), scores)


def test_the_error_map_has_the_layout_of_x(small):
    X = np.random.default_rng(0).integers(256, size=(30, 6, 5, 3), dtype=np.uint8)
    model = ConvOutlierDetector(small()).fit(X)
    assert model.error_map(X).shape == X.shape
    np.testing.assert_allclose(
        model.error_map(X), np.square(X.astype(float) - model.estimator_.reconstruct(X))
    )
    assert model.predict(X).shape == (30,)


@pytest.mark.parametrize("method", METHODS)
def test_outliers_among_the_training_rows_are_found(method, digits):
    X = digits.copy()
    X[:10] = np.random.default_rng(0).permuted(X[:10], axis=1)  # pixels in disorder
    autoencoder = ConvAutoencoder(4, hidden_channels=(8, 16), max_epochs=15, device="cpu")
    model = ConvOutlierDetector(autoencoder, contamination=0.05, method=method, random_state=0)
    assert (model.fit_predict(X)[:10] == -1).sum() >= 9


@pytest.mark.parametrize(
    "reducer", [PCA(4), make_pipeline(StandardScaler(), PCA(4))], ids=["PCA", "Pipeline"]
)
def test_any_transformer_with_an_inverse_will_do(reducer, digits):
    model = ConvOutlierDetector(reducer, method="reconstruction_error").fit(digits)
    reconstructed = reducer.fit(digits).inverse_transform(reducer.transform(digits))
    expected = -np.square(digits - reconstructed).mean(axis=1)
    np.testing.assert_allclose(model.score_samples(digits), expected, rtol=1e-4)


def test_the_random_state_reaches_what_has_none(small, digits):
    def scores(inner, outer):
        model = ConvOutlierDetector(small(random_state=inner), random_state=outer)
        return model.fit(digits).score_samples(digits)

    np.testing.assert_array_equal(scores(None, 0), scores(None, 0))
    assert (scores(None, 0) != scores(None, 1)).any()
    np.testing.assert_array_equal(scores(7, 0), scores(7, 1))


def test_the_estimator_that_was_given_is_left_alone(small, digits):
    autoencoder = small()
    ConvOutlierDetector(autoencoder).fit(digits)
    assert not hasattr(autoencoder, "network_")


def test_it_is_searched_and_pickled(small, digits):
    grid = {"estimator__n_components": [1, 4]}
    y = np.where(np.arange(200) < 20, -1, 1)
    X = digits.copy()
    X[:20] = 16 - X[:20]
    search = GridSearchCV(
        ConvOutlierDetector(small()), grid, scoring="roc_auc", cv=[(np.arange(20, 200), range(200))]
    )
    search.fit(X, y)
    best = search.best_estimator_
    assert search.best_score_ > 0.9
    copied = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(copied.score_samples(X), best.score_samples(X))


def test_method_and_contamination_set_after_fit_wait_for_the_next(detector, digits):
    model = detector()
    before = model.decision_function(digits)
    model.set_params(method="reconstruction_error", contamination=0.3)
    np.testing.assert_array_equal(model.decision_function(digits), before)


def test_names_of_features_are_kept_while_x_has_them(small, digits):
    table = pd.DataFrame(digits, columns=[f"pixel{i}" for i in range(64)])
    model = ConvOutlierDetector(small()).fit(table)
    assert list(model.feature_names_in_) == list(table.columns)
    assert model.n_features_in_ == 64
    assert not hasattr(model.fit(digits), "feature_names_in_")


def test_what_cannot_decode_is_refused(digits):
    with pytest.raises(ValueError, match=r"'estimator' parameter .* 'inverse_transform'"):
        ConvOutlierDetector(IsolationForest()).fit(digits)


def test_a_failed_fit_leaves_the_detector_as_it_was(detector, digits):
    model = detector()
    scores = model.score_samples(digits)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full_like(digits, np.nan))
    np.testing.assert_array_equal(model.score_samples(digits), scores)
