"""Maps of images: neighbours, new images, labels, graphs, the decoder."""

import pickle

import numpy as np
import pytest
import torch
from every_model import EVERY_MODEL
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsTransformer,
    RadiusNeighborsTransformer,
)
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from sklearn_unsup import ConvNeighborEmbedding
from sklearn_unsup.estimators import _neighbor_graph
from sklearn_unsup.estimators._neighbor_graph import (
    NeighborSearch,
    equal_weights,
    fit_kernel,
    fit_principal_components,
    from_sparse,
    memberships,
    similarities,
)
from sklearn_unsup.networks import Batch, MLPEncoder
from sklearn_unsup.networks.views import Compose


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def embedding(digits):
    return ConvNeighborEmbedding(max_epochs=25, random_state=0).fit(digits[0][:900])


def small(**params):
    return EVERY_MODEL["ConvNeighborEmbedding"](**params)


def test_new_images_are_placed_among_their_kind_and_positions_decode(digits, embedding):
    X, y = digits
    new = embedding.transform(X[900:])
    accuracy = KNeighborsClassifier(10).fit(embedding.embedding_, y[:900]).score(new, y[900:])
    linear = PCA(2).fit(X[:900])
    by_pca = KNeighborsClassifier(10).fit(linear.transform(X[:900]), y[:900])
    assert accuracy > by_pca.score(linear.transform(X[900:]), y[900:]) + 0.1
    errors = np.square(embedding.reconstruct(X[900:]) - X[900:]).sum()
    by_pca = np.square(linear.inverse_transform(linear.transform(X[900:])) - X[900:]).sum()
    assert errors < by_pca


def test_the_score_is_trustworthiness(digits, embedding):
    X = digits[0][900:]
    expected = trustworthiness(X, embedding.transform(X), n_neighbors=10)
    assert embedding.score(X) == pytest.approx(expected, abs=1e-4)
    assert embedding.score(X) > trustworthiness(X, PCA(2).fit_transform(X), n_neighbors=10)


def test_positions_are_the_same_after_fit_transform_and_a_pickle(digits, embedding):
    X = digits[0][:900]
    np.testing.assert_array_equal(embedding.embedding_, embedding.transform(X))
    copy = pickle.loads(pickle.dumps(embedding))
    np.testing.assert_array_equal(copy.transform(digits[0]), embedding.transform(digits[0]))
    np.testing.assert_array_equal(copy.embedding_, embedding.embedding_)
    again = small()
    np.testing.assert_array_equal(again.fit_transform(X[:60]), again.embedding_)


def test_history_has_both_phases(embedding):
    phases = [row["phase"] for row in embedding.history_]
    assert phases == ["map"] * 25 + ["decoder"] * 25
    assert {"attraction", "repulsion"} <= {name[6:] for name in embedding.history_[0]}


def test_what_was_learnt_before_an_interrupt_is_kept(digits):
    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            if net.module_.learns == "map" and len(net.history) == 2:
                raise KeyboardInterrupt

    model = small(max_epochs=3, callbacks=[Stop()])
    with pytest.raises(KeyboardInterrupt):
        model.fit(digits[0][:60])
    np.testing.assert_array_equal(model.embedding_, model.transform(digits[0][:60]))
    assert not hasattr(model, "inverse_transform")


def test_without_a_decoder_there_is_nothing_to_invert(digits):
    model = small(decoder_epochs=0)
    assert not hasattr(model, "inverse_transform")
    model.fit(digits[0][:60])
    assert {row["phase"] for row in model.history_} == {"map"}
    with pytest.raises(AttributeError) as raised:
        _ = model.reconstruct
    assert "decoder_epochs=0" in str(raised.value.__cause__)


def test_labels_pull_classes_together_where_they_are_asked_to(digits):
    X, y = digits[0][:300], digits[1][:300] % 2
    partly = np.where(np.arange(300) < 250, y, -1)
    params = {"max_epochs": 25, "decoder_epochs": 0, "n_neighbors": 10, "hidden_channels": (16, 32)}
    plain, ignored, pulled = (
        small(**params, target_weight=weight).fit(X, labels).transform(X)
        for weight, labels in [(0.0, None), (0.0, partly), (0.9, partly)]
    )
    np.testing.assert_array_equal(ignored, plain)

    def separation(positions):
        first, second = positions[y == 0], positions[y == 1]
        gap = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
        return gap / np.sqrt((first.var() + second.var()) / 2)

    assert separation(pulled) > separation(plain) + 0.5


def test_the_decoder_is_that_of_the_present_map(digits):
    X = digits[0][:60]
    model = small(warm_start=True).fit(X)
    assert hasattr(model, "inverse_transform")
    assert not hasattr(model.set_params(decoder_epochs=0).fit(X), "inverse_transform")
    assert hasattr(model.set_params(decoder_epochs=1).fit(X), "inverse_transform")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([None, *range(59)], "y has 1 missing labels, and target_weight=0.5 uses labels"),
        ([*range(59), np.nan], "y has 1 missing labels"),
        (np.linspace(0, 1, 60), "y holds numbers that are not whole"),
    ],
)
def test_what_is_no_label_is_an_error(digits, y, message):
    with pytest.raises(ValueError, match=message):
        small(target_weight=0.5).fit(digits[0][:60], y)


def test_unlabelled_is_minus_one_in_any_type(digits):
    X, y = digits[0][:60], digits[1][:60].copy()
    y[::3] = -1
    model = small(target_weight=0.5)
    expected = clone(model).fit(X, y).transform(X)
    for given in (y.astype(float), y.astype(str), list(y.astype(str)), y.astype(object)):
        np.testing.assert_array_equal(clone(model).fit(X, given).transform(X), expected)


def test_labels_may_be_text_and_must_be_given(digits):
    X, y = digits[0][:60], digits[1][:60]
    model = small(target_weight=0.5)
    numbers = clone(model).fit(X, y).transform(X)
    texts = clone(model).fit(X, np.array([f"digit {each}" for each in y])).transform(X)
    np.testing.assert_array_equal(texts, numbers)
    with pytest.raises(ValueError, match=r"target_weight=0.5 uses labels, and y is None"):
        clone(model).fit(X)
    with pytest.warns(UserWarning, match="no image has a label: y is not used"):
        unlabelled = clone(model).fit(X, np.full(60, -1)).transform(X)
    np.testing.assert_array_equal(unlabelled, small().fit(X).transform(X))


def test_neighbours_may_come_from_a_transformer_or_a_graph(digits):
    X = digits[0][:80]
    graph = KNeighborsTransformer(n_neighbors=2).fit_transform(X)
    by_image = small().fit(X).transform(X)
    for neighbors in (
        graph,
        KNeighborsTransformer(n_neighbors=2),
        make_pipeline(PCA(), KNeighborsTransformer(n_neighbors=2)),
    ):
        model = small(neighbors=neighbors).fit(X)
        np.testing.assert_allclose(model.transform(X), by_image, atol=1e-3)
    search = GridSearchCV(
        small(neighbors=KNeighborsTransformer()), {"neighbors__n_neighbors": [2, 3]}, cv=2
    )
    assert search.fit(X).best_params_["neighbors__n_neighbors"] in (2, 3)
    held_out = small(neighbors=KNeighborsTransformer(n_neighbors=2), early_stopping=True)
    assert "valid_loss" in held_out.fit(X, X_val=digits[0][80:100]).history_[0]


def test_a_transformer_gets_rows_whatever_the_layout_and_the_settings(digits):
    X = digits[0][:60]
    model = small(neighbors=KNeighborsTransformer(n_neighbors=2))
    expected = clone(model).fit(X).transform(X)
    with config_context(transform_output="pandas"):
        found = clone(model).fit(X.reshape(-1, 8, 8)).embedding_
    np.testing.assert_array_equal(found, expected)


def test_images_without_neighbours_are_named(digits):
    X = digits[0][:60]
    graph = KNeighborsTransformer(n_neighbors=2).fit_transform(X).tolil()
    graph[:3] = 0
    with pytest.warns(UserWarning, match="3 of 60 images have no neighbours in the graph"):
        assert np.isfinite(small(neighbors=graph, objective="infonce").fit_transform(X)).all()
    with pytest.raises(ValueError, match="60 of 60 images of X have no neighbours"):
        small(neighbors=csr_matrix((60, 60))).fit(X)
    with pytest.raises(ValueError, match="9 of 9 images of X_val have no neighbours"):
        neighbors = RadiusNeighborsTransformer(radius=40)
        small(neighbors=neighbors, early_stopping=True).fit(X, X_val=16 - X[:9])


@pytest.mark.parametrize(
    ("neighbors", "error", "message"),
    [
        (csr_matrix((5, 5)), ValueError, r"shape \(5, 5\): expected .* of shape \(60, 60\)"),
        (csr_matrix(np.eye(60) * 1j), TypeError, "a graph of complex128"),
        (csr_matrix(-np.eye(60)), ValueError, "below 0"),
        (PCA(2), TypeError, "gives ndarray: expected a sparse matrix"),
    ],
)
def test_what_is_not_a_graph_of_distances_is_an_error(digits, neighbors, error, message):
    with pytest.raises(error, match=message):
        small(neighbors=neighbors).fit(digits[0][:60])


def test_a_graph_has_no_neighbours_of_validation_rows(digits):
    X = digits[0][:60]
    graph = KNeighborsTransformer(n_neighbors=2).fit_transform(X)
    with pytest.raises(ValueError, match="X_val has no neighbours in the graph"):
        small(neighbors=graph, early_stopping=True).fit(X, X_val=X[:9])


def test_few_rows_have_few_neighbours_and_fit_says_so(digits):
    X = digits[0][:10]
    with pytest.warns(UserWarning, match="n_neighbors=15 is more than X with n_samples=10 has"):
        assert np.isfinite(small(n_neighbors=15).fit_transform(X)).all()
    with pytest.warns(UserWarning, match=r"perplexity=30.0, which needs 90 neighbours"):
        assert np.isfinite(small(objective="tsne").fit_transform(X)).all()
    with pytest.raises(ValueError, match=r"perplexity=30.0 needs 3 times as many"):
        graph = KNeighborsTransformer(n_neighbors=15)
        small(objective="tsne", neighbors=graph).fit(digits[0][:60])


def test_constant_and_repeated_images_are_mapped():
    X = np.repeat(np.eye(3, 64), 10, axis=0)
    assert np.isfinite(small(n_neighbors=5).fit_transform(X)).all()
    assert np.isfinite(small(n_neighbors=5).fit_transform(np.ones((20, 64)))).all()


def test_ten_dimensions_are_codes_for_a_mixture(digits):
    X, _ = digits
    pipe = make_pipeline(
        small(n_components=4, min_dist=0.0, decoder_epochs=0), GaussianMixture(3, random_state=0)
    )
    labels = pipe.fit(X[:100]).predict(X[100:150])
    assert labels.shape == (50,)


def test_neighbours_are_exact_and_leave_the_image_itself_out(digits, monkeypatch):
    X = digits[0][:200]

    def fit_codes(landmarks):
        return fit_principal_components(landmarks, lambda rows: rows.astype(np.float32), 0)

    search = NeighborSearch(X, fit_codes, 0)
    distances, indices = search.nearest(X, 4)
    every = np.linalg.norm(X[:, None] - X[None], axis=2) + np.diag(np.full(200, np.inf))
    np.testing.assert_allclose(distances, np.sort(every, axis=1)[:, :4], rtol=1e-4)
    new = search.nearest(X.copy(), 1)  # new images that happen to be the same
    np.testing.assert_allclose(new[0][:, 0], 0.0, atol=1e-3)
    monkeypatch.setattr(_neighbor_graph, "MAX_LANDMARKS", 50)
    search = NeighborSearch(X, fit_codes, 0)
    assert len(search.indices) == 50
    _, indices = search.nearest(X, 3)
    assert (search.indices[indices] != np.arange(200)[:, None]).all()


def test_weights_have_the_asked_for_sum_and_perplexity():
    distances = np.sort(np.random.default_rng(0).uniform(1, 3, (30, 20)), axis=1)
    weights = memberships(distances)
    np.testing.assert_allclose(weights[:, 0], 1.0)
    np.testing.assert_allclose(weights.sum(axis=1), np.log2(20), rtol=1e-4)
    shares = similarities(distances, 6.0)
    entropy = -(shares * np.log(shares)).sum(axis=1)
    np.testing.assert_allclose(np.exp(entropy), 6.0, rtol=1e-4)
    assert (np.diff(shares, axis=1) <= 0).all()


def test_a_sparse_graph_may_have_rows_of_different_lengths():
    dense = np.array([[0, 2.0, 1.0], [2.0, 0, 0], [0, 0, 0]])
    distances, indices = from_sparse(csr_matrix(dense), has_own=True)
    np.testing.assert_array_equal(distances, [[1, 2], [2, np.inf], [np.inf, np.inf]])
    np.testing.assert_array_equal(indices[0], [2, 1])
    assert indices[1, 0] == 0
    assert indices[2, 0] == 2  # it has only itself
    for weights in (memberships(distances), similarities(distances, 1.5), equal_weights(distances)):
        assert np.isfinite(weights).all()
        assert (weights[:, 0] > 0).all()


def test_the_kernel_is_that_of_umap():
    # umap.umap_.find_ab_params(1.0, 0.1)
    assert fit_kernel(0.1) == pytest.approx((1.577, 0.895), abs=1e-3)


def test_neighbours_of_views_are_those_of_features(digits):
    model = small(neighbors="views", objective="infonce").fit(digits[0][:60])
    assert [row["phase"] for row in model.history_] == ["features", "map", "decoder"]
    views = model.draw_views(digits[0][:5], random_state=0)
    assert not np.array_equal(views, digits[0][:5])
    with pytest.raises(ValueError, match="neighbors='views' learns features with the encoder of"):
        small(neighbors="views", encoder=MLPEncoder).fit(digits[0][:60])
    plain = small().fit(digits[0][:60])
    np.testing.assert_array_equal(plain.draw_views(digits[0][:5]), digits[0][:5])
    assert isinstance(plain._view(), Compose)


def test_noise_is_in_training_only(embedding):
    network, images = embedding.network_, embedding._to_images
    batch = Batch(images(torch.rand(8, 64) * 16))
    losses = [float(network.eval().training_loss(batch)["loss"].detach()) for _ in range(2)]
    assert losses[0] == losses[1]
