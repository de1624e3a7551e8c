import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_unsup import (
    ConvAutoencoder,
    ConvOutlierDetector,
    ConvSelfSupervisedEncoder,
    ConvVAE,
    CorruptedModelError,
)
from sklearn_unsup._data import _lazy_rows as lazy_rows
from sklearn_unsup.datasets import NpyFiles
from sklearn_unsup.estimators import _anomaly_maps, _pooled_errors, _reconstruction_errors
from sklearn_unsup.estimators._neighbor_distances import (
    code_measures,
    fit_code_distribution,
)
from sklearn_unsup.estimators._patch_statistics import fit_patch_statistics, patch_measures

METHODS = ["combined", "patches", "reconstruction_error"]


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
        autoencoder = ConvAutoencoder(8, max_epochs=40, device="cpu", random_state=0).fit(train)
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


def test_combined_is_the_largest_of_six_deviations(detector, fitted, digits):
    """Of the logarithm of a measure from its median, in interquartile ranges."""
    reference = fit_patch_statistics(digits, ((8, 8), None))
    patches = patch_measures(digits, ((8, 8), None), reference)
    codes = fitted.transform(digits).astype(np.float64)
    distribution, new = fit_code_distribution(codes), digits[::-1] + 2
    errors, new_errors = (np.sqrt(-fitted.score_samples(rows)) for rows in (digits, new))
    measures = np.column_stack([patches, code_measures(codes, distribution), errors])
    new_codes = fitted.transform(new).astype(np.float64)
    found = patch_measures(new, ((8, 8), None), reference)
    found = np.column_stack([found, code_measures(new_codes, distribution), new_errors])
    deviations = []
    for common, values in zip(measures.T, found.T, strict=True):
        low, middle, high = np.percentile(np.log(common), [25, 50, 75])
        deviations.append((np.log(values) - middle) / max(high - low, 0.05))
    expected = -np.max(deviations, axis=0)
    np.testing.assert_allclose(detector().score_samples(new), expected, atol=0.03)  # for the floor


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("contamination", [0.02, 0.1, 0.5])
def test_as_many_outliers_as_asked_for(detector, digits, contamination, method):
    model = detector(contamination=contamination, method=method)
    assert (model.predict(digits) == -1).sum() == 200 * contamination
    decision = model.decision_function(digits)
    np.testing.assert_array_equal(decision, model.score_samples(digits) - model.offset_)
    np.testing.assert_array_equal(decision < 0, model.predict(digits) == -1)


@pytest.mark.filterwarnings("ignore:X holds values")
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


def test_what_has_no_codes_is_refused(digits):
    with pytest.raises(ValueError, match=r"'estimator' parameter .* 'transform'"):
        ConvOutlierDetector(IsolationForest()).fit(digits)


# Codes that cannot be decoded.


def test_without_reconstructions_the_distance_to_the_nearest_codes_counts(digits):
    encoder = ConvSelfSupervisedEncoder(8, max_epochs=2, device="cpu", random_state=0).fit(digits)
    params = {"contamination": 0.1, "method": "nearest_neighbors"}
    model = ConvOutlierDetector(FrozenEstimator(encoder), **params).fit(digits)
    codes, new = encoder.transform(digits), encoder.transform(digits + 3)
    scale = codes.std(axis=0)
    distances = np.sort(cdist(new / scale, codes / scale), axis=1)[:, :5].mean(axis=1)
    np.testing.assert_allclose(model.score_samples(digits + 3), -distances, rtol=1e-4)
    distances = np.sort(cdist(codes / scale, codes / scale), axis=1)[:, 1:6].mean(axis=1)
    np.testing.assert_allclose(model.score_samples(digits), -distances, rtol=1e-4)
    assert (model.predict(digits) == -1).sum() == 20
    assert not hasattr(model, "error_map")
    assert hasattr(ConvOutlierDetector(), "error_map")


@pytest.mark.parametrize("last", [lambda model: model, lambda model: make_pipeline(PCA(9), model)])
def test_a_method_that_needs_reconstructions_is_refused_without(digits, last):
    encoder = last(ConvSelfSupervisedEncoder())
    model = ConvOutlierDetector(encoder, method="reconstruction_error")
    with pytest.raises(ValueError, match=r"ConvSelfSupervisedEncoder has no inv.*'combined'"):
        model.fit(digits)


def test_neighbours_are_a_method_for_what_reconstructs_too(digits):
    model = ConvOutlierDetector(PCA(10), method="nearest_neighbors").fit(digits)
    scores = model.score_samples(np.vstack([digits, 16 - digits]))
    assert roc_auc_score(np.arange(400) < 200, scores) > 0.95
    assert model.error_map(digits[:2]).shape == (2, 64)


def test_a_component_that_hardly_varies_does_not_decide(digits):
    codes = np.random.default_rng(0).normal(size=(200, 3)) * [1e-4, 1, 1]
    model = ConvOutlierDetector(FunctionTransformer(), method="nearest_neighbors").fit(codes)
    odd, far = model.score_samples([[0.01, 0, 0], [0, 9, 0]])
    assert far < odd


def test_another_image_than_the_only_one_is_an_outlier(digits):
    model = ConvOutlierDetector(FunctionTransformer(), method="nearest_neighbors")
    assert list(model.fit(digits[:1]).predict(digits[:2])) == [1, -1]


def test_equal_images_are_common(digits):
    pca = FrozenEstimator(PCA(2).fit(digits))
    model = ConvOutlierDetector(pca, method="nearest_neighbors")
    same = np.tile(digits[:1], (30, 1))
    assert (model.fit(same).score_samples(same) == 0).all()
    assert np.isfinite(model.score_samples(digits)).all()


def test_a_failed_fit_leaves_the_detector_as_it_was(detector, digits):
    model = detector()
    scores = model.score_samples(digits)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full_like(digits, np.nan))
    np.testing.assert_array_equal(model.score_samples(digits), scores)


def tiles_with_noise(share, n=400):
    """Digits, of which a share is blank, and eight images of noise at the end."""
    rng = np.random.default_rng(0)
    X = np.zeros((n, 64))
    X[int(n * share) : -8] = load_digits().data[: n - int(n * share) - 8] / 16
    X[-8:] = rng.random((8, 64))
    return X


@pytest.mark.parametrize("share", [0.5, 0.74, 0.76, 0.9, 0.97])
@pytest.mark.parametrize("method", METHODS)
def test_scores_do_not_depend_on_the_units_of_x(share, method):
    X = tiles_with_noise(share)
    scores, labels = {}, {}
    for unit in (1, 255, 1e-3):
        model = ConvOutlierDetector(PCA(4), method=method, contamination=8 / len(X)).fit(unit * X)
        scores[unit] = model.score_samples(unit * X)
        labels[unit] = model.predict(unit * X)
        if method == "reconstruction_error":
            scores[unit] /= unit**2
    for unit in (255, 1e-3):
        np.testing.assert_allclose(scores[unit], scores[1], rtol=1e-3, atol=1e-3)
        np.testing.assert_array_equal(labels[unit], labels[1])


@pytest.mark.parametrize(
    ("share", "method"), [(0.3, "patches"), (0.5, "patches"), (0.76, "combined"), (0.9, "combined")]
)
def test_noise_is_found_among_many_identical_images_in_any_units(share, method, small):
    X = tiles_with_noise(share)
    for unit in (1, 255, 1e-3):
        params = {"method": method, "contamination": 16 / len(X)}
        model = ConvOutlierDetector(small(max_epochs=10), **params).fit(unit * X)
        assert (model.predict(unit * X)[-8:] == -1).sum() >= 7


class Codes(TransformerMixin, BaseEstimator):
    """The codes of a fitted transformer, which cannot be mapped back."""

    def __init__(self, transformer):
        self.transformer = transformer

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return self.transformer.transform(X)


@pytest.mark.parametrize("unit", [1e-3, 1, 255])
def test_a_perfect_reconstruction_leaves_the_rest_to_judge_by(unit):
    rng = np.random.default_rng(0)
    plane = unit * rng.normal(size=(200, 3)) @ rng.normal(size=(3, 64))
    pca = PCA(3).fit(plane)
    scores = ConvOutlierDetector(FrozenEstimator(pca)).fit(plane).score_samples(plane)
    without = ConvOutlierDetector(Codes(FrozenEstimator(pca))).fit(plane)
    decided = scores < -0.1  # errors are about 0
    np.testing.assert_allclose(scores[decided], without.score_samples(plane)[decided])
    assert decided.mean() > 0.5


@pytest.mark.filterwarnings("ignore:invalid value encountered")  # PCA's share of no variance
@pytest.mark.parametrize("value", [0, 0.1, 300])
def test_constant_images_are_all_alike(value):
    X = np.full((50, 16), float(value))
    model = ConvOutlierDetector(PCA(2), contamination=0.1).fit(X)
    np.testing.assert_allclose(model.score_samples(X), 0, atol=1e-9)


@pytest.mark.parametrize("output", ["pandas", "polars"])
@pytest.mark.parametrize("by", ["config", "set_output"])
def test_scores_are_arrays_whatever_transformers_give(output, by, small, digits):
    frame = pytest.importorskip(output).DataFrame(pd.DataFrame(digits).rename(columns=str))
    for estimator in (
        small(max_epochs=1),
        PCA(4),
        make_pipeline(StandardScaler(), small(max_epochs=1)),
    ):
        expected = ConvOutlierDetector(estimator).fit(digits)
        scores, labels = expected.score_samples(digits), expected.predict(digits)
        model = ConvOutlierDetector(clone(estimator))
        output_of_all = output if by == "config" else "default"
        if by == "set_output":
            model.estimator.set_output(transform=output)
        with config_context(transform_output=output_of_all):
            for X in (digits, frame):
                found = model.fit(X).score_samples(X)
                assert type(found) is np.ndarray
                assert found.dtype == np.float64
                np.testing.assert_allclose(found, scores, atol=1e-4)
                np.testing.assert_array_equal(model.predict(X), labels)
                assert type(model.decision_function(X)) is np.ndarray
                assert type(model.error_map(X)) is np.ndarray


def test_steps_of_a_pipeline_see_the_output_that_the_user_set(digits):
    seen = []

    class Step(PCA):
        def transform(self, X):
            seen.append(type(X))
            return super().transform(X)

    pipe = make_pipeline(StandardScaler().set_output(transform="pandas"), Step(4))
    ConvOutlierDetector(pipe).fit(digits).score_samples(digits)
    assert set(seen) == {pd.DataFrame}


class InterruptedPCA(PCA):
    def __init__(self, n_components=None, *, when="after"):
        super().__init__(n_components)
        self.when = when

    def fit(self, X, y=None):
        if self.when == "halfway":
            self.mean_ = X.mean(axis=0)
        if self.when == "after":
            super().fit(X)
        raise KeyboardInterrupt


def test_an_interrupted_fit_keeps_what_its_estimator_keeps(digits):
    model = ConvOutlierDetector(InterruptedPCA(4))
    with pytest.raises(KeyboardInterrupt):
        model.fit(digits)
    expected = ConvOutlierDetector(PCA(4)).fit(digits).predict(digits)
    np.testing.assert_array_equal(model.predict(digits), expected)


@pytest.mark.parametrize("when", ["before", "halfway"])
def test_a_fit_that_was_interrupted_too_early_changes_nothing(when, digits):
    model = ConvOutlierDetector(PCA(4)).fit(digits)
    scores = model.score_samples(digits)
    model.set_params(estimator=InterruptedPCA(4, when=when))
    with pytest.raises(KeyboardInterrupt):
        model.fit(digits)
    np.testing.assert_array_equal(model.score_samples(digits), scores)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int16])
def test_images_on_a_disk_are_judged_as_those_in_memory(dtype, small, digits, tmp_path):
    images = digits.reshape(-1, 8, 8).astype(dtype)
    for i in range(2):
        np.save(tmp_path / f"{i}.npy", images[100 * i : 100 * i + 100])
    X = NpyFiles([tmp_path / "0.npy", tmp_path / "1.npy"])
    autoencoder = FrozenEstimator(small().fit(images))
    model, other = (ConvOutlierDetector(autoencoder).fit(each) for each in (X, images))
    np.testing.assert_allclose(model.score_samples(X), other.score_samples(images))
    np.testing.assert_allclose(model.error_map(X), other.error_map(images))


def test_images_on_a_disk_are_read_in_blocks(small, digits, monkeypatch):
    class Source:
        shape, dtype = (200, 8, 8), np.dtype(np.float64)
        largest = 0

        def __getitem__(self, which):
            rows = digits.reshape(-1, 8, 8)[which]
            self.largest = max(self.largest, len(rows))
            return rows

        def __len__(self):
            return 200

    monkeypatch.setattr(lazy_rows, "BLOCK_BYTES", 20 * 64 * 8)
    for module in (_anomaly_maps, _pooled_errors, _reconstruction_errors):
        monkeypatch.setattr(module, "BLOCK_SIZE", 20 * 64)
    source, autoencoder = Source(), FrozenEstimator(small().fit(digits.reshape(-1, 8, 8)))
    model = ConvOutlierDetector(autoencoder).fit(source)
    model.score_samples(source)
    assert model.error_map(source).shape == (200, 8, 8)
    assert source.largest <= 60  # the autoencoder reads some blocks ahead


# Files of weights.


def make(method="combined", **params):
    network = {"n_components": 4, "hidden_channels": (8, 16), "max_epochs": 2, "random_state": 0}
    return ConvOutlierDetector(ConvAutoencoder(**{**network, **params}), method=method)


@pytest.mark.parametrize("method", ["combined", "reconstruction_error", "nearest_neighbors"])
def test_weights_bring_all_that_was_learnt(digits, tmp_path, method):
    fitted = make(method).fit(digits).save_weights(tmp_path / "weights")
    loaded = make(method).load_weights(tmp_path / "weights")
    np.testing.assert_array_equal(
        loaded.decision_function(digits), fitted.decision_function(digits)
    )
    np.testing.assert_array_equal(loaded.error_map(digits[:3]), fitted.error_map(digits[:3]))
    assert vars(loaded).keys() == vars(fitted).keys()


def test_weights_of_another_detector_are_refused(digits, tmp_path):
    path = tmp_path / "weights"
    make().fit(digits).save_weights(path)
    detector = make("reconstruction_error").fit(digits)
    before = detector.score_samples(digits)
    for other, match in (
        (detector, "method is 'reconstruction_error'.*'combined'"),
        (make(n_components=3), "n_components=3 differs from 4"),
        (ConvOutlierDetector(ConvVAE(4)), "estimator is 'ConvVAE'.*'ConvAutoencoder'"),
    ):
        with pytest.raises(ValueError, match=match):
            other.load_weights(path)
    np.testing.assert_array_equal(detector.score_samples(digits), before)
    with pytest.raises(CorruptedModelError, match="it is of ConvOutlierDetector"):
        ConvAutoencoder(4).load_weights(path)


def test_what_has_no_weights_is_named(small, digits, tmp_path):
    with pytest.raises(TypeError, match="joblib or skops"):
        ConvOutlierDetector(PCA(2)).fit(digits).save_weights(tmp_path / "weights")
    assert not list(tmp_path.iterdir())
    ConvOutlierDetector(small()).fit(digits).save_weights(tmp_path / "weights")
    with pytest.raises(TypeError, match="joblib or skops"):
        ConvOutlierDetector(PCA(2)).load_weights(tmp_path / "weights")


def test_what_cannot_be_learnt_is_refused_before_anything_is(digits):
    class NeverFitted(PCA):
        def fit(self, X, y=None):
            raise AssertionError("was fitted")

    for method in ("combined", "nearest_neighbors", "reconstruction_error", "patches"):
        detector = ConvOutlierDetector(NeverFitted(2), method=method)
        with pytest.raises(ValueError, match=r"values as large as .*e\+201"):
            detector.fit(digits.astype(np.float64) * 1e200)
        with pytest.raises(ValueError, match=r"image_shape=\(5, 5\) makes 25 values, but X has 64"):
            detector.set_params(image_shape=(5, 5)).fit(digits)
