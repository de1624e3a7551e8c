"""Our estimators in scikit-learn's pipelines, searches and meta-estimators."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.stats import randint
from sklearn.base import clone
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering, KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE, Isomap, trustworthiness
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.metrics import clustering_accuracy, k_distance_curve

# Models that train for a moment have not learnt much, and warn of that.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Posterior collapse"),
    pytest.mark.filterwarnings("ignore:The generator has collapsed"),
    pytest.mark.filterwarnings("ignore:A kind of image is missing"),
]

ALL_X, ALL_Y = load_digits(return_X_y=True)
X, Y = ALL_X[:600], ALL_Y[:600]


@pytest.fixture(scope="session")
def learnt():
    """A ConvAutoencoder that has learnt all digits, frozen. Not to be changed."""
    autoencoder = ConvAutoencoder(10, noise_level=1.0, max_epochs=28, device="cpu", random_state=0)
    return FrozenEstimator(autoencoder.fit(ALL_X))


CLUSTERERS = {
    "KMeans": KMeans(10, n_init=5, random_state=0),
    "MiniBatchKMeans": MiniBatchKMeans(10, n_init=5, random_state=0),
    "GaussianMixture": GaussianMixture(10, reg_covar=1e-2, random_state=0),
    "AgglomerativeClustering": AgglomerativeClustering(10),
    "DBSCAN": DBSCAN(min_samples=4),
    "HDBSCAN": HDBSCAN(min_cluster_size=30, min_samples=3, copy=True),
}
EMBEDDINGS = {"TSNE": TSNE(random_state=0), "Isomap": Isomap(n_neighbors=15)}


@pytest.mark.parametrize("name", CLUSTERERS)
def test_every_model_feeds_every_clusterer(name, any_small):
    pipe = make_pipeline(any_small(), PCA(3), StandardScaler(), clone(CLUSTERERS[name]))
    labels = pipe.fit_predict(X[:200])
    assert labels.shape == (200,)
    if hasattr(pipe, "predict"):
        np.testing.assert_array_equal(pipe.predict(X[:70]), labels[:70])
    codes = pipe[:-1].transform(X[:200])
    np.testing.assert_allclose(codes.std(axis=0), 1, rtol=1e-3)


@pytest.mark.parametrize("name", CLUSTERERS)
def test_codes_cluster_better_than_pixels(name, learnt):
    def agreement(*steps):
        features = make_pipeline(*steps, StandardScaler()).fit_transform(ALL_X)
        clusterer = clone(CLUSTERERS[name])
        if name == "DBSCAN":
            clusterer.set_params(eps=k_distance_curve(features, n_neighbors=3)[1])
        return adjusted_rand_score(ALL_Y, clusterer.fit_predict(features))

    assert agreement(learnt) > agreement() + 0.05


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_every_model_feeds_every_map(name, any_small):
    pipe = make_pipeline(any_small(), clone(EMBEDDINGS[name]))
    embedded = pipe.fit_transform(X[:200])
    assert embedded.shape == (200, 2)
    assert np.ptp(embedded, axis=0).min() > 0


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_embeddings_of_codes_keep_neighbours(name, learnt):
    embedded = make_pipeline(learnt, clone(EMBEDDINGS[name])).fit_transform(X)
    assert embedded.shape == (600, 2)
    assert trustworthiness(learnt.transform(X), embedded) > 0.9


@pytest.mark.slow  # UMAP compiles itself; a quick pipeline with it is in docs/composition.rst
def test_umap_of_codes_clusters_better_than_the_codes(learnt):
    """The mixture alone, started once, is right about 0.75 to 0.88 of the codes, by seed."""
    umap = pytest.importorskip("umap", reason="the extra umap is not installed")
    mixture = clone(CLUSTERERS["GaussianMixture"])
    reducer = umap.UMAP(n_components=10, n_neighbors=10, min_dist=0, random_state=0, n_jobs=1)
    with_umap = make_pipeline(learnt, reducer, mixture).fit_predict(ALL_X)
    without = make_pipeline(learnt, clone(mixture)).fit_predict(ALL_X)
    assert clustering_accuracy(ALL_Y, with_umap) > max(clustering_accuracy(ALL_Y, without), 0.85)


def test_a_union_with_pca_is_both(small):
    union = FeatureUnion([("pca", PCA(2)), ("autoencoder", small())]).fit(X)
    codes = union.transform(X)
    np.testing.assert_array_equal(codes[:, 2:], small().fit_transform(X))
    assert list(union.get_feature_names_out()[1:3]) == [
        "pca__pca1",
        "autoencoder__convautoencoder0",
    ]


def test_a_block_of_image_columns_beside_a_table(small):
    table = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    table["age"], table["weight"] = Y + 20.0, Y * 2.0
    columns = ColumnTransformer(
        [
            ("image", small(image_shape=(8, 8)), [f"pixel{i}" for i in range(64)]),
            ("numbers", StandardScaler(), ["age", "weight"]),
        ]
    ).set_output(transform="pandas")
    out = columns.fit_transform(table)
    expected = small(image_shape=(8, 8)).fit_transform(X)
    np.testing.assert_array_equal(out.filter(like="image__").to_numpy(), expected)
    assert list(out.columns[-2:]) == ["numbers__age", "numbers__weight"]


def test_codes_of_all_images_help_with_few_labels(learnt):
    few = np.concatenate([np.flatnonzero(ALL_Y == digit)[:3] for digit in range(10)])
    others = np.setdiff1d(np.arange(len(ALL_Y)), few)

    def accuracy(*steps):
        classifier = make_pipeline(*steps, StandardScaler(), LogisticRegression())
        return classifier.fit(ALL_X[few], ALL_Y[few]).score(ALL_X[others], ALL_Y[others])

    assert accuracy(learnt) > accuracy() + 0.05


def test_every_search_tunes_a_pipeline(small):
    pipe = make_pipeline(StandardScaler(), small())
    for search in (
        GridSearchCV(pipe, {"convautoencoder__n_components": [1, 8]}, cv=2),
        RandomizedSearchCV(
            pipe,
            {"convautoencoder__n_components": randint(1, 3)},
            n_iter=2,
            cv=2,
            random_state=0,
        ),
    ):
        search.fit(X[:200])
        scores = search.cv_results_["mean_test_score"]
        assert np.isfinite(scores).all()
        assert search.best_score_ == scores.max()
        assert search.best_estimator_.transform(X).shape == (
            600,
            search.best_params_["convautoencoder__n_components"],
        )


def test_halving_spends_epochs_on_the_best(small):
    search = HalvingGridSearchCV(
        small(),
        {"n_components": [1, 4, 8]},
        resource="max_epochs",
        min_resources=2,
        max_resources=6,
        cv=2,
        random_state=0,
    ).fit(X[:200])
    assert search.n_resources_ == [2, 6]
    assert search.best_estimator_.n_iter_ == 6
    assert search.best_params_["n_components"] > 1


def test_validation_and_learning_curves(any_small):
    results = cross_validate(any_small(), X[:200], cv=2, return_train_score=True)
    assert np.isfinite(results["test_score"]).all()
    sizes, train, test = learning_curve(any_small(), X[:200], None, cv=2, train_sizes=[0.5, 1.0])
    assert train.shape == test.shape == (2, 2)
    np.testing.assert_array_equal(sizes, [50, 100])
    np.testing.assert_array_equal(test[1], results["test_score"])


def test_a_cached_transformer_is_not_trained_again(small, tmp_path):
    fits = [
        make_pipeline(small(), KMeans(k, random_state=0), memory=str(tmp_path)).fit(X)
        for k in (3, 4)
    ]
    durations = [[row["duration"] for row in fit[0].history_] for fit in fits]
    assert durations[0] == durations[1]  # of one training
    other = make_pipeline(small(n_components=5), KMeans(3), memory=str(tmp_path)).fit(X)
    assert other[0].transform(X).shape == (600, 5)


def test_names_pass_through_a_pipeline(small):
    table = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)], index=range(1000, 1600))
    pipe = make_pipeline(StandardScaler(), small(), PCA(2)).set_output(transform="pandas")
    out = pipe.fit_transform(table)
    assert list(out.columns) == ["pca0", "pca1"]
    assert list(out.index) == list(table.index)
    codes = pipe[:-1].transform(table)
    assert list(codes.columns) == [f"convautoencoder{i}" for i in range(4)]


def test_a_frozen_estimator_stays_as_it_was(fitted, digits):
    codes = fitted.transform(digits)
    frozen = make_pipeline(FrozenEstimator(fitted), PCA(2)).fit(digits[:50])
    np.testing.assert_array_equal(frozen[0].transform(digits), codes)
    assert clone(frozen)[0].estimator is fitted


def test_metadata_routing_leaves_models_as_they_are(any_small):
    search = GridSearchCV(any_small(), {"n_components": [2]}, cv=2, refit=False)
    plain = search.fit(X[:200]).cv_results_["mean_test_score"]
    with sklearn.config_context(enable_metadata_routing=True):
        routed = clone(search).fit(X[:200]).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(routed, plain)


def test_weights_are_routed_past_us_to_those_that_asked(small):
    weights = np.where(Y == 0, 100.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = LogisticRegression(C=1e-2).set_fit_request(sample_weight=True)
        pipe = make_pipeline(small(), classifier)
        weighted = clone(pipe).fit(X, Y, sample_weight=weights).predict(X)
        plain = pipe.fit(X, Y).predict(X)
    assert (weighted == 0).sum() > (plain == 0).sum()


def test_the_pipeline_of_imbalanced_learn(small):
    reason = "imbalanced-learn is not installed"
    pipeline = pytest.importorskip("imblearn.pipeline", reason=reason)
    over_sampling = pytest.importorskip("imblearn.over_sampling", reason=reason)
    rare = (Y == 8) & (np.arange(600) > 100)
    kept, y = X[~rare], Y[~rare]
    smote = over_sampling.SMOTE(k_neighbors=3, random_state=0)
    pipe = pipeline.make_pipeline(small(), smote, LogisticRegression(max_iter=500)).fit(kept, y)
    plain = make_pipeline(small(), LogisticRegression(max_iter=500)).fit(kept, y)
    assert (pipe.predict(X[rare]) == 8).mean() > (plain.predict(X[rare]) == 8).mean()
