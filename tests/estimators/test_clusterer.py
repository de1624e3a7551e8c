import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from sklearn_unsup import ConvAutoencoder, ConvClusterer, ConvSelfSupervisedEncoder
from sklearn_unsup.datasets import make_shapes
from sklearn_unsup.displays import ClusterDisplay
from sklearn_unsup.estimators import _cluster_training as training
from sklearn_unsup.estimators._clusters import (
    Neighborhood,
    mutual_information,
    neighbor_agreement,
    without_own,
)

SMALL = {"hidden_channels": (8, 16), "n_components": 16, "projector_layer_sizes": (16,)}
SMALL |= {"batch_size": 64, "device": "cpu", "random_state": 0}


def small(n_clusters=3, **params):
    return ConvClusterer(n_clusters, **{**SMALL, **params})


@pytest.fixture(scope="module")
def stripes():
    """Stripes in three directions, with noise, at random phases: (300, 12, 12), and their kind."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    across, down = np.meshgrid(np.arange(12), np.arange(12))
    along = np.stack([across, down, across + down])[y]
    phases = rng.uniform(0, 2 * np.pi, size=(300, 1, 1))
    images = np.sin(along * 1.2 + phases) + 0.3 * rng.normal(size=(300, 12, 12))
    return images, y


@pytest.fixture(scope="module")
def fitted(stripes):
    return small(max_epochs=8).fit(stripes[0])


def test_kinds_of_images_are_found_that_k_means_does_not_find(fitted, stripes):
    """k-means of pixels and of PCA codes group stripes by their phases."""
    images, y = stripes
    rows = images.reshape(300, -1)
    kmeans = KMeans(3, n_init=5, random_state=0)
    of_pixels = adjusted_rand_score(y, kmeans.fit_predict(rows))
    of_pca = adjusted_rand_score(y, make_pipeline(PCA(6, random_state=0), kmeans).fit_predict(rows))
    ours = adjusted_rand_score(y, fitted.labels_)
    assert ours > max(0.95, of_pixels + 0.3, of_pca + 0.3)


def test_new_images_are_assigned(fitted, stripes):
    images, y = stripes
    np.testing.assert_array_equal(fitted.predict(images), fitted.labels_)
    rng = np.random.default_rng(1)
    noisy = images + 0.1 * rng.normal(size=images.shape)
    assert adjusted_rand_score(y, fitted.predict(noisy)) > 0.9
    probabilities = fitted.predict_proba(noisy)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), fitted.predict(noisy))
    assert fitted.labels_.dtype == fitted.predict(images).dtype == np.int32


def test_centres_are_mean_codes(fitted, stripes):
    codes = fitted.transform(stripes[0])
    shares = fitted.predict_proba(stripes[0])
    expected = shares.T @ codes / shares.sum(axis=0)[:, None]
    np.testing.assert_allclose(fitted.cluster_centers_, expected, rtol=1e-4, atol=1e-5)


def test_the_score_prefers_a_trained_model(fitted, stripes):
    images, _ = stripes
    untrained = small(max_epochs=1, refinement_epochs=0, learning_rate=1e-9).fit(images)
    assert untrained.score(images) < fitted.score(images) <= np.log(3)
    assert fitted.score(images) == fitted.score(images)


def test_equal_images_get_equal_labels_whatever_their_order(stripes):
    images = np.concatenate([stripes[0][:60], stripes[0][:60]])
    labels = small(max_epochs=2).fit_predict(images)
    np.testing.assert_array_equal(labels[:60], labels[60:])


def test_the_refinement_is_left_out_if_it_does_not_help(stripes, monkeypatch):
    """A refinement that destroys the clusters is found by the agreement of neighbours."""
    images, _ = stripes
    expected = small(max_epochs=4, refinement_epochs=0).fit(images)

    def destroy(self, network, *arguments):
        for parameter in network.head.parameters():
            parameter.data.normal_(generator=None).mul_(100)

    monkeypatch.setattr(training.ClusterTrainingMixin, "_refine", destroy)
    with pytest.warns(ConvergenceWarning, match=r"did not help.*neighbours share a cluster in 0\."):
        found = small(max_epochs=4).fit(images)
    np.testing.assert_array_equal(found.labels_, expected.labels_)
    assert set(vars(found)) == set(vars(expected))


def test_history_tells_the_phases(fitted):
    phases = [row["phase"] for row in fitted.history_]
    assert phases == ["features"] * 8 + ["clusters"] * 8
    last = fitted.history_[-1]
    assert 0 < last["train_cluster_entropy"] <= np.log(3) + 1e-6
    assert last["train_view_cross_entropy"] < fitted.history_[8]["train_view_cross_entropy"]


def test_sizes_need_not_be_equal(stripes):
    """One kind has a tenth of the images of another."""
    images, y = stripes
    chosen = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:50]])
    chosen = np.concatenate([chosen, np.flatnonzero(y == 2)[:25]])
    model = small(max_epochs=16, random_state=3)
    assert adjusted_rand_score(y[chosen], model.fit_predict(images[chosen])) > 0.8


def test_outliers_among_the_images_do_not_hide_the_kinds(stripes):
    images, y = stripes
    noise = np.random.default_rng(1).normal(size=(15, 12, 12))
    labels = small(max_epochs=8).fit_predict(np.concatenate([images, 3 * noise]))
    assert adjusted_rand_score(y, labels[:300]) > 0.9


@pytest.mark.parametrize("n_clusters", [1, 2, 100])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_few_and_many_clusters(n_clusters, stripes):
    """100 are more than there are rows in a batch."""
    model = small(n_clusters, max_epochs=1).fit(stripes[0])
    assert model.predict_proba(stripes[0]).shape == (300, n_clusters)
    assert model.n_clusters_ == len(np.unique(model.labels_)) <= n_clusters
    assert np.isfinite(model.cluster_centers_).all()


def test_too_few_rows_are_refused_before_the_training(stripes):
    model = small(8)
    with pytest.raises(ValueError, match=r"n_samples=5: ConvClusterer with n_clusters=8 expects"):
        model.fit(stripes[0][:5])
    assert not hasattr(model, "labels_")


def test_constant_images_share_a_cluster():
    model = small(2, max_epochs=1)
    with pytest.warns(ConvergenceWarning):
        model.fit(np.ones((20, 8, 8)))
    assert len(set(model.labels_)) == model.n_clusters_ == 1
    assert np.isfinite(model.predict_proba(np.ones((3, 8, 8)))).all()


def test_there_is_no_partial_fit(stripes):
    assert not hasattr(small(), "partial_fit")
    with pytest.raises(AttributeError, match="compares all rows"):
        small().partial_fit(stripes[0])


def test_a_pickle_has_the_clusters(fitted, stripes, tmp_path):
    images, _ = stripes
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.labels_, fitted.labels_)
    fitted.save_weights(tmp_path / "weights")
    loaded = clone(fitted).load_weights(tmp_path / "weights")
    np.testing.assert_array_equal(loaded.predict(images), fitted.labels_)
    np.testing.assert_array_equal(loaded.cluster_centers_, fitted.cluster_centers_)


def test_it_is_searched_displayed_and_stands_in_a_pipeline(fitted, stripes):
    images, _ = stripes
    display = ClusterDisplay.from_estimator(fitted, images, n_images=1)
    codes = fitted.transform(images)
    for row, cluster in zip(display.images, range(3), strict=True):  # nearest to the mean code
        members = np.flatnonzero(fitted.labels_ == cluster)
        distances = np.linalg.norm(codes[members] - codes[members].mean(axis=0), axis=1)
        np.testing.assert_array_equal(row[0, ..., 0], images[members[distances.argmin()]])
    grid = {"refinement_epochs": [0, 1]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = GridSearchCV(small(max_epochs=1), grid, cv=2).fit(images)
        assert np.isfinite(search.best_score_)
        pipe = make_pipeline(small(max_epochs=1), KMeans(3, n_init=2, random_state=0))
        assert pipe.fit_predict(images.reshape(300, -1)).shape == (300,)


def test_early_stopping_holds_rows_out_in_both_phases(stripes):
    model = small(max_epochs=2, early_stopping=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(stripes[0])
    assert all("valid_loss" in row for row in model.history_)


def test_colour_is_clustered_too():
    images = make_shapes(120, image_size=16, n_channels=3, random_state=0).images
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = small(3, max_epochs=1).fit_predict(images)
    assert labels.shape == (120,)


def test_clusters_suit_features_that_were_interrupted(stripes):
    """With warm_start, clusters of the earlier features need not be those of the present ones."""

    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    images, y = stripes
    model = small(max_epochs=8, warm_start=True).fit(images)
    n_epochs = model.n_iter_
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[Interrupt()]).fit(images)
    assert model.n_iter_ == n_epochs + 1
    np.testing.assert_array_equal(model.predict(images), model.labels_)
    assert adjusted_rand_score(y, model.labels_) > 0.9


# Other methods and encoders.


def test_self_training_makes_clusters_certain_and_keeps_what_is_found(stripes):
    """As it moves codes to the centres, the entropy of the clusters of images decreases."""
    images, y = stripes
    before = small(method="idec", max_epochs=8, refinement_epochs=0).fit(images)
    after = small(method="idec", max_epochs=8).fit(images)
    entropies = [
        -(p * np.log(np.maximum(p, 1e-30))).sum(axis=1).mean()
        for p in (model.predict_proba(images) for model in (before, after))
    ]
    assert entropies[1] < entropies[0]
    scores = [adjusted_rand_score(y, model.labels_) for model in (before, after)]
    assert scores[1] >= scores[0] - 0.02
    np.testing.assert_array_equal(after.predict(images), after.labels_)


def test_centres_of_an_autoencoder_are_images(stripes):
    images, _ = stripes
    model = small(method="idec", pretrain="autoencoder", max_epochs=30).fit(images)
    centers = model.inverse_transform(model.cluster_centers_)
    assert centers.shape == (3, 12, 12)
    distances = np.linalg.norm(model.transform(images)[:, None] - model.cluster_centers_, axis=2)
    np.testing.assert_array_equal(distances.argmin(axis=1), model.labels_)
    errors = np.square(model.reconstruct(images) - images)
    assert errors.mean() < 0.8 * images.var()


def test_what_decodes_is_there_for_autoencoders_only(fitted, stripes):
    assert not hasattr(fitted, "inverse_transform")
    assert not hasattr(small(), "reconstruct")
    assert hasattr(small(pretrain="autoencoder"), "reconstruct")
    with pytest.raises(AttributeError) as found:
        fitted.interpolate(*stripes[0][:2])
    assert "pretrain='autoencoder'" in str(found.value.__cause__)


ENCODER = {name: value for name, value in SMALL.items() if name != "projector_layer_sizes"}


@pytest.mark.parametrize("kind", [ConvSelfSupervisedEncoder, ConvAutoencoder])
def test_a_fitted_encoder_is_clustered_as_it_is(kind, stripes, tmp_path):
    images, _ = stripes
    encoder = kind(**ENCODER, max_epochs=4).fit(images)
    weights = {k: v.clone() for k, v in encoder.network_.state_dict().items()}
    model = small(pretrain=encoder, refinement_epochs=0).fit(images)
    np.testing.assert_array_equal(model.transform(images), encoder.transform(images))
    assert model.history_ == []
    for again in (
        pickle.loads(pickle.dumps(model)),
        small(pretrain=FrozenEstimator(encoder), refinement_epochs=0).fit(images),
        small(pretrain=encoder).load_weights(model.save_weights(tmp_path / "w") and tmp_path / "w"),
    ):
        np.testing.assert_array_equal(again.predict(images), model.labels_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        refined = small(pretrain=encoder, max_epochs=2, warm_start=True).fit(images)
        assert [row["phase"] for row in refined.fit(images).history_] == ["clusters"] * 4
        search = GridSearchCV(
            small(pretrain=FrozenEstimator(encoder)), {"refinement_epochs": [0, 1]}, cv=2
        ).fit(images)
    assert np.isfinite(search.best_score_)
    for name, value in encoder.network_.state_dict().items():
        torch.testing.assert_close(value, weights[name])


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (ConvSelfSupervisedEncoder(), "ConvSelfSupervisedEncoder that is not fitted.*FrozenEstim"),
        (ConvSelfSupervisedEncoder(8, hidden_channels=(8, 16)), "n_components=8.*has 16: set n_c"),
        (ConvAutoencoder(16, hidden_channels=(8, 16), hidden_layer_sizes=(9,)), "hidden_layer_siz"),
        (ConvAutoencoder(16, hidden_channels=(8,)), r"hidden_channels=\(8,\).*set hidden_channels"),
        (PCA(2), "pretrain is PCA: expected 'self_supervised'.*a fitted ConvSelf"),
    ],
)
def test_an_encoder_that_does_not_fit_is_refused(encoder, message, stripes):
    images, _ = stripes
    if hasattr(encoder, "hidden_channels") and encoder.hidden_channels != "auto":
        encoder.set_params(max_epochs=1, device="cpu").fit(images)
    model = small(pretrain=encoder)
    with pytest.raises(ValueError, match=message):
        model.fit(images)
    assert not hasattr(model, "labels_")


def test_an_encoder_of_other_images_is_refused(stripes):
    encoder = ConvSelfSupervisedEncoder(**ENCODER, max_epochs=1).fit(stripes[0][:, :8, :8])
    with pytest.raises(ValueError, match=r"image_shape_=\(1, 8, 8\)"):
        small(pretrain=encoder).fit(stripes[0])
    with pytest.raises(ValueError, match=r"standard deviation of 1e\+03.*the same units"):
        small(pretrain=encoder).fit(1000 * stripes[0][:, :8, :8] / stripes[0].std())


def test_another_encoder_starts_another_training(stripes):
    """With warm_start, a model goes on from its own network."""
    images, _ = stripes
    first, second = (
        ConvSelfSupervisedEncoder(**{**ENCODER, "random_state": seed}, max_epochs=1).fit(images)
        for seed in (0, 1)
    )
    model = small(pretrain=first, refinement_epochs=0, warm_start=True).fit(images)
    labels = model.labels_
    for other in (second, "self_supervised"):
        with pytest.raises(ValueError, match=r"pretrain is not what.*warm_start=False"):
            model.set_params(pretrain=other).fit(images)
    np.testing.assert_array_equal(model.set_params(pretrain=first).fit(images).labels_, labels)


# The parts.


def test_neighbours_are_the_nearest_others():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(40, 5)).astype(np.float32)
    neighborhood = Neighborhood(codes, torch.device("cpu"))
    found = neighborhood.nearest(torch.tensor(codes)).numpy().astype(int)
    others = without_own(found, np.arange(40))
    assert others.shape == (40, 20)
    standardised = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    directions = standardised / np.linalg.norm(standardised, axis=1, keepdims=True)
    similarities = directions @ directions.T
    np.fill_diagonal(similarities, -np.inf)
    np.testing.assert_array_equal(others, np.argsort(-similarities, axis=1)[:, :20])


def test_codes_of_an_autoencoder_keep_their_proportions():
    """Directions of little variance are noise there, and must not be enlarged."""
    codes = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32) * [10, 0.1]
    found = Neighborhood(codes.astype(np.float32), torch.device("cpu"), isotropic=True).codes
    centred = codes - codes.mean(axis=0)
    np.testing.assert_allclose(found / found.std(), centred / centred.std(), rtol=1e-4, atol=1e-6)


def test_agreement_is_a_mean_over_clusters():
    labels = np.array([0, 0, 0, 1])
    neighbors = np.array([[1], [0], [3], [2]])
    assert neighbor_agreement(labels, neighbors, 2) == pytest.approx((2 / 3 + 0) / 2)


def test_mutual_information_of_clusters():
    """Equal and even clusters have the entropy log 2, and independent ones none."""
    p = np.eye(2)[[0, 1, 0, 1]]
    assert mutual_information(p, p) == pytest.approx(np.log(2))
    assert mutual_information(p, np.eye(2)[[0, 0, 1, 1]]) == pytest.approx(0)


def test_more_training_does_not_lose_clusters(stripes):
    """With warm_start, the clusters follow the features."""
    images, y = stripes
    model = small(max_epochs=4, refinement_epochs=1, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = [adjusted_rand_score(y, model.fit(images).labels_) for _ in range(3)]
    assert found[-1] >= max(found) - 0.05
    assert len(model.history_) == 15


def test_an_interrupted_refinement_is_compared_too(stripes):
    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            if "cluster_entropy" in str(net.history[-1]):
                raise KeyboardInterrupt

    images, _ = stripes
    params = {"max_epochs": 4, "learning_rate": 1.0}  # far too much for the refinement
    model = small(callbacks=[Interrupt()], **params)
    with pytest.raises(KeyboardInterrupt):
        model.fit(images)
    np.testing.assert_array_equal(model.predict(images), model.labels_)
    features = small(refinement_epochs=0, **params).fit(images)
    np.testing.assert_array_equal(model.labels_, features.labels_)
