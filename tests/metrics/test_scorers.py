import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.manifold import trustworthiness
from sklearn.metrics import mean_squared_error, silhouette_score
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_unsup import metrics
from sklearn_unsup.metrics import (
    evidence_bound_scorer,
    explained_variance_scorer,
    kernel_distance,
    make_unsupervised_scorer,
    neg_kernel_distance_scorer,
    silhouette_scorer,
)

READY = {name: getattr(metrics, name) for name in metrics.__all__ if name.endswith("_scorer")}
READY.pop("make_unsupervised_scorer")
BLOBS = make_blobs(300, n_features=5, centers=4, cluster_std=0.6, random_state=0)[0]


def test_explained_variance_is_that_of_pca_and_of_score(fitted, digits):
    pca = PCA(3).fit(digits)
    explained = explained_variance_scorer(pca, digits)
    assert explained == pytest.approx(pca.explained_variance_ratio_.sum())
    assert explained_variance_scorer(fitted, digits) == pytest.approx(fitted.score(digits))


def test_explained_variance_of_a_pipeline_is_in_the_units_of_x(digits):
    pipe = make_pipeline(StandardScaler(), PCA(3)).fit(digits)
    error = mean_squared_error(digits, pipe.inverse_transform(pipe.transform(digits)))
    expected = 1 - error / digits.var(axis=0).mean()
    assert explained_variance_scorer(pipe, digits) == pytest.approx(expected)


def test_images_are_scored_as_their_rows_are(small, digits):
    images = digits.reshape(-1, 8, 8)
    by_rows, by_images = small().fit(digits), small().fit(images)
    for scorer in (explained_variance_scorer, neg_kernel_distance_scorer):
        assert scorer(by_images, images) == scorer(by_rows, digits)


def test_the_bound_is_the_mean_of_the_scores(small_vae, digits):
    vae = small_vae().fit(digits)
    assert evidence_bound_scorer(vae, digits) == pytest.approx(vae.score(digits))


def test_the_kernel_distance_is_to_the_generated_rows(small_vae, digits):
    vae = small_vae().fit(digits)
    expected = -kernel_distance(digits, vae.sample(len(digits), random_state=0))
    assert neg_kernel_distance_scorer(vae, digits) == pytest.approx(expected)


def test_generated_rows_go_back_through_the_pipeline(small_vae, digits):
    pipe = make_pipeline(StandardScaler(), small_vae()).fit(digits)
    drawn = pipe[0].inverse_transform(pipe[1].sample(len(digits), random_state=0))
    expected = -kernel_distance(digits, drawn)
    assert neg_kernel_distance_scorer(pipe, digits) == pytest.approx(expected)


def test_the_silhouette_is_in_the_space_that_the_clusterer_saw():
    pipe = make_pipeline(PCA(2), KMeans(4, random_state=0)).fit(BLOBS)
    expected = silhouette_score(pipe[0].transform(BLOBS), pipe.predict(BLOBS))
    assert silhouette_scorer(pipe, BLOBS) == pytest.approx(expected)
    in_x = make_unsupervised_scorer(silhouette_score, response_method="predict")
    assert in_x(pipe, BLOBS) == pytest.approx(silhouette_score(BLOBS, pipe.predict(BLOBS)))


def test_the_silhouette_finds_the_number_of_clusters():
    pipe = make_pipeline(PCA(3), KMeans(n_init=5, random_state=0))
    grid = {"kmeans__n_clusters": [2, 3, 4, 5, 6]}
    search = GridSearchCV(pipe, grid, scoring=silhouette_scorer, cv=3).fit(BLOBS)
    assert search.best_params_ == {"kmeans__n_clusters": 4}


def test_a_clusterer_without_predict_is_searched_without_folds():
    grid = {"eps": [0.01, 0.1, 1.5, 100]}
    rows = np.arange(len(BLOBS))
    search = GridSearchCV(DBSCAN(), grid, scoring=silhouette_scorer, cv=[(rows, rows)])
    with pytest.warns(UserWarning, match="non-finite|failed"):  # eps=100: one cluster
        search.fit(BLOBS)
    assert search.best_params_ == {"eps": 1.5}


def test_a_clusterer_without_predict_is_not_scored_on_other_rows():
    with pytest.raises(ValueError, match=r"DBSCAN has no predict.*hand cv=\[\(rows, rows"):
        silhouette_scorer(DBSCAN(eps=1.5).fit(BLOBS), BLOBS[:100])


def test_noise_has_a_silhouette_of_zero():
    far = np.vstack([BLOBS, [[1e3] * 5, [-1e3] * 5]])
    model = DBSCAN(eps=1.5).fit(far)
    clustered = model.labels_ != -1
    clean = silhouette_score(far[clustered], model.labels_[clustered])
    assert 0 < clustered.sum() <= 300
    assert silhouette_scorer(model, far) == pytest.approx(clean * clustered.mean())


@pytest.mark.parametrize(("eps", "found"), [(1e-3, 0), (1e3, 1)])
def test_a_silhouette_of_less_than_two_clusters_is_refused(eps, found):
    with pytest.raises(ValueError, match=f"There are {found} clusters.*such as eps"):
        silhouette_scorer(DBSCAN(eps=eps).fit(BLOBS), BLOBS)


def test_an_error_is_negated_and_keywords_are_handed_on():
    pca = PCA(2).fit(BLOBS)
    codes = pca.transform(BLOBS)
    error = make_unsupervised_scorer(
        mean_squared_error, response_method="reconstruct", greater_is_better=False
    )
    assert error(pca, BLOBS) == -mean_squared_error(BLOBS, pca.inverse_transform(codes))
    trust = make_unsupervised_scorer(trustworthiness, response_method="transform", n_neighbors=9)
    assert trust(pca, BLOBS) == trustworthiness(BLOBS, codes, n_neighbors=9)


def test_several_scorers_in_one_validation(small_vae, digits):
    scoring = {name: READY[name] for name in READY if name != "silhouette_scorer"}
    results = cross_validate(small_vae(), digits, scoring=scoring, cv=2)
    for name in scoring:
        assert np.isfinite(results[f"test_{name}"]).all()


def test_labels_are_disregarded(fitted, digits):
    plain = explained_variance_scorer(fitted, digits)
    assert plain == explained_variance_scorer(fitted, digits, np.arange(200))


@pytest.mark.parametrize("scorer", READY.values(), ids=READY)
def test_a_scorer_pickles(scorer):
    assert repr(pickle.loads(pickle.dumps(scorer))) == repr(scorer)


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("explained_variance_scorer", "inverse_transform"),
        ("evidence_bound_scorer", "score_samples"),
        ("neg_kernel_distance_scorer", "sample"),
    ],
)
def test_an_estimator_that_cannot_be_scored_is_named(name, method):
    with pytest.raises(TypeError, match=f"needs an estimator with '{method}', which DBSCAN"):
        READY[name](DBSCAN().fit(BLOBS), BLOBS)


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="response_method='encode': expected one of"):
        make_unsupervised_scorer(kernel_distance, response_method="encode")
    with pytest.raises(ValueError, match="space='pixels': expected one of"):
        make_unsupervised_scorer(kernel_distance, response_method="sample", space="pixels")


MIXTURES = [
    GaussianMixture(3, random_state=5),
    BayesianGaussianMixture(n_components=3, random_state=np.random.RandomState(5)),
    KernelDensity(),
]


def searched(estimator, X):
    search = GridSearchCV(
        estimator, {}, cv=2, scoring=lambda estimator, X, y=None: estimator.score(X)
    )
    return search.fit(X)


@pytest.mark.parametrize("mixture", MIXTURES, ids=lambda model: type(model).__name__)
def test_mixtures_are_scored_with_the_same_samples_at_each_call(mixture):
    model = clone(mixture).fit(BLOBS)
    score = neg_kernel_distance_scorer(model, BLOBS)
    others = [model, FrozenEstimator(model), make_pipeline(model), searched(mixture, BLOBS)]
    assert [neg_kernel_distance_scorer(other, BLOBS) for other in others] == [score] * 4
    if isinstance(mixture, GaussianMixture):
        assert model.random_state == 5  # the copy was seeded, not the user's


@pytest.mark.parametrize("mixture", MIXTURES, ids=lambda model: type(model).__name__)
def test_mixtures_behind_a_reducer_are_scored_in_the_units_of_x(mixture):
    pipe = make_pipeline(StandardScaler(), PCA(4), clone(mixture)).fit(BLOBS)
    score = neg_kernel_distance_scorer(pipe, BLOBS)
    nested = make_pipeline(pipe[0], make_pipeline(pipe[1], FrozenEstimator(pipe[2])))
    for same in (FrozenEstimator(pipe), nested):
        assert neg_kernel_distance_scorer(same, BLOBS) == score
    if hasattr(pipe[-1], "n_components"):
        drawn = pipe[-1].set_params(random_state=0).sample(len(BLOBS))[0]
        expected = pipe[:-1].inverse_transform(drawn)
        assert score == -kernel_distance(BLOBS, expected)


def test_mixtures_are_searched():
    grid = {"n_components": [1, 4]}
    search = GridSearchCV(
        GaussianMixture(random_state=0), grid, scoring=neg_kernel_distance_scorer, cv=2
    ).fit(BLOBS)
    assert search.best_params_ == {"n_components": 4}


def test_a_model_that_cannot_be_seeded_is_named():
    class Sampler(BaseEstimator):
        def fit(self, X, y=None):
            return self

        def sample(self, n_samples):
            return np.zeros((n_samples, 5))

    with pytest.raises(TypeError, match=r"Sampler\(\) cannot be asked for the same samples"):
        neg_kernel_distance_scorer(Sampler(), BLOBS)


@pytest.mark.parametrize("output", ["pandas", "polars"])
@pytest.mark.parametrize("by", ["config", "set_output"])
@pytest.mark.parametrize("name", [*READY, "trust", "depth"])
def test_scores_do_not_depend_on_the_output_of_transformers(name, by, output, small, digits):
    extra = {
        "trust": make_unsupervised_scorer(trustworthiness, response_method="transform"),
        "depth": make_unsupervised_scorer(
            lambda codes, labels: codes[labels == 0].mean(),
            response_method="predict",
            space="codes",
        ),
    }
    last = {
        "silhouette_scorer": KMeans(3, n_init=1, random_state=0),
        "depth": KMeans(3, n_init=1, random_state=0),
        "neg_kernel_distance_scorer": GaussianMixture(2, random_state=0),
        "evidence_bound_scorer": KernelDensity(),
    }.get(name, PCA(2))
    scorer = {**READY, **extra}[name]
    pipe = make_pipeline(StandardScaler(), small(max_epochs=1), last)
    expected = scorer(clone(pipe).fit(digits), digits)
    frames = [digits, framed(digits, output)]
    for X in frames:
        model = clone(pipe)
        if by == "set_output":
            model[:-1].set_output(transform=output)
            found = scorer(model.fit(X), X)
        else:
            with config_context(transform_output=output):
                found = scorer(model.fit(X), X)
        assert found == pytest.approx(expected, rel=1e-5)


def framed(X, output):
    names = [f"p{i}" for i in range(X.shape[1])]
    if output == "pandas":
        return pytest.importorskip("pandas").DataFrame(X, columns=names)
    return pytest.importorskip("polars").DataFrame(X, schema=names)


def test_images_behind_a_frozen_pipeline_are_clustered_in_its_codes(small, digits):
    images = digits.reshape(-1, 8, 8)
    pipe = make_pipeline(small(max_epochs=1), KMeans(3, n_init=1, random_state=0)).fit(images)
    score = silhouette_scorer(pipe, images)
    for same in (FrozenEstimator(pipe), make_pipeline(pipe[0], make_pipeline(pipe[1]))):
        assert silhouette_scorer(same, images) == score
