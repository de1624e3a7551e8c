import numpy as np
import pytest
import torch

from sklearn_unsup.networks import (
    Batch,
    NeighborViews,
    build_clustering,
    cluster_losses,
    fit_head,
    initialise,
    random_head,
)


def build(n_components=6, n_clusters=3, method="information", pretrain="self_supervised"):
    sizes = (1, 8, 8), n_components, n_clusters, (4,), (5,), None
    network = build_clustering(*sizes, method, pretrain)
    initialise(network, torch.Generator().manual_seed(0))
    return network


def entropy(p):
    return -(p * np.log(p)).sum(axis=-1)


def softmax(logits):
    weights = np.exp(logits)
    return weights / weights.sum(axis=1, keepdims=True)


def test_cluster_information_follows_its_formula():
    """Hu et al. 2017: entropies of clusters, and the cross-entropy of views."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 20, 4))
    p, q, r = map(softmax, logits)
    consistency = -(p * np.log(q) + p * np.log(r)).sum(axis=1).mean()
    expected = consistency + 0.5 * entropy(p).mean() - 2 * entropy(p.mean(axis=0))
    found = cluster_losses.cluster_information(*torch.tensor(logits))
    assert found["loss"].item() == pytest.approx(expected)
    assert found["cluster_entropy"].item() == pytest.approx(entropy(p.mean(axis=0)))
    assert found["view_cross_entropy"].item() == pytest.approx(consistency)


def test_the_image_is_the_target_of_its_views():
    """The cross-entropy changes the prediction of views alone."""
    logits = torch.zeros(8, 3, requires_grad=True)
    view = torch.randn(8, 3, requires_grad=True)
    weights = {"conditional_weight": 0.0, "marginal_weight": 0.0}
    cluster_losses.cluster_information(logits, view, **weights)["loss"].backward()
    assert logits.grad is None or not logits.grad.any()
    assert view.grad.any()


def test_neighbor_consistency_follows_its_formula():
    """Van Gansbeke et al. 2020, eq. 2."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 20, 4))
    p, q = map(softmax, logits)
    expected = -np.log((p * q).sum(axis=1)).mean() - 2 * entropy(p.mean(axis=0))
    found = cluster_losses.neighbor_consistency(*torch.tensor(logits))
    assert found.item() == pytest.approx(expected)


def test_a_head_learns_the_groups_that_neighbours_form():
    generator = torch.Generator().manual_seed(0)
    groups = torch.arange(200) % 4
    codes = 3 * torch.eye(4)[groups] + 0.5 * torch.randn(200, 4, generator=generator)
    neighbors = torch.stack([(groups == group).nonzero()[:5, 0] for group in groups])
    agreements = []
    for _ in range(8):  # some starts split one group and join two
        head = random_head(4, 4, generator)
        labels = fit_head(head, codes, neighbors, generator)
        assert (labels == head(codes).argmax(1)).all()
        joint = np.zeros((4, 4))
        np.add.at(joint, (groups.numpy(), labels.numpy()), 1)
        agreements.append(joint.max(axis=0).sum() / 200)
    assert max(agreements) == 1


def test_a_batch_of_clusters_has_images_their_views_and_neighbours():
    landmarks = torch.arange(10, dtype=torch.float32)[:, None].repeat(1, 4) * 10  # (10, 4)
    images = torch.arange(3, dtype=torch.float32)[:, None, None, None].repeat(1, 1, 2, 2)
    given = torch.tensor([[1, 2], [3, 4], [5, 6]])

    def to_images(rows):
        return rows.reshape(-1, 1, 2, 2)

    views = NeighborViews(lambda images, generator: images + 0.5, landmarks, to_images)
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(20):
        found = views(Batch(images, given), generator).images  # (9, 1, 2, 2)
        torch.testing.assert_close(found[:3], images)
        torch.testing.assert_close(found[3:6], images + 0.5)
        neighbors = found[6:, 0, 0, 0] - 0.5
        for own, value in zip(given, neighbors, strict=True):
            assert value / 10 in own
        seen |= set(neighbors.tolist())
    assert seen == {10, 20, 30, 40, 50, 60}


def test_a_network_trains_features_first_and_then_clusters():
    network = build()
    images = torch.randn(12, 1, 8, 8)
    assert set(network.training_loss(Batch(images))) == {"loss"}
    network.learns_clusters = True
    found = network.training_loss(Batch(images))
    assert set(found) == {"loss", "cluster_entropy", "view_cross_entropy"}
    logits = network.logits(network.encode(images)).chunk(3)
    torch.testing.assert_close(found["loss"], cluster_losses.cluster_information(*logits)["loss"])


def test_self_training_follows_its_formula():
    """Xie et al. 2016, eq. 2 and 3; the target has no gradient."""
    rng = np.random.default_rng(0)
    logits, views = rng.normal(size=(2, 20, 4))
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    q, r = softmax(logits), softmax(views)
    p = q**2 / shares
    p /= p.sum(axis=1, keepdims=True)
    expected = (p * np.log(p / r)).sum(axis=1).mean()
    images = torch.tensor(logits, requires_grad=True)
    changed = torch.tensor(views, requires_grad=True)
    found = cluster_losses.self_training(images, changed, torch.tensor(shares))
    assert found.item() == pytest.approx(expected)
    found.backward()
    assert images.grad is None
    np.testing.assert_allclose(changed.grad, (r - p) / len(r), atol=1e-8)


def test_centres_give_the_clusters_of_students_distribution():
    """Xie et al. 2016, eq. 1, with one degree of freedom."""
    rng = np.random.default_rng(0)
    codes, centers = rng.normal(size=(6, 3)), rng.normal(size=(4, 3))
    network = build(method="idec", n_components=3, n_clusters=4)
    network.start_clusters(torch.zeros(3), torch.ones(3), torch.tensor(centers), 2.0)
    squares = np.square(codes[:, None] - centers).sum(axis=2)
    q = 1 / (1 + 2 * squares)
    q /= q.sum(axis=1, keepdims=True)
    found = network.logits(torch.tensor(codes, dtype=torch.float32)).softmax(1)
    np.testing.assert_allclose(found.detach(), q, rtol=1e-5)


def test_a_decoder_goes_on_learning_while_clusters_are_learnt():
    """Guo et al. 2017, eq. 6: the reconstruction error, and a tenth of the clusters' loss."""
    network = build(method="idec", pretrain="autoencoder").eval()
    images = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    views = images.flip(3)
    network.learns_clusters = True
    found = network.training_loss(Batch(torch.cat([images, views])))
    error = (network.decode(network.encode(images)) - images).square().mean()
    logits = (network.logits(network.encode(each)) for each in (images, views))
    clusters = cluster_losses.self_training(*logits, torch.full((3,), 1 / 3))
    torch.testing.assert_close(found["reconstruction"], error)
    torch.testing.assert_close(found["loss"], error + 0.1 * clusters)
