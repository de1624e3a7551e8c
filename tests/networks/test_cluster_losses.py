import numpy as np
import pytest
import torch

from sklearn_unsup.networks import (
    Batch,
    NeighborViews,
    build_clustering,
    fit_head,
    initialise,
    losses,
    random_head,
)


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
    found = losses.cluster_information(*torch.tensor(logits))
    assert found["loss"].item() == pytest.approx(expected)
    assert found["cluster_entropy"].item() == pytest.approx(entropy(p.mean(axis=0)))
    assert found["view_cross_entropy"].item() == pytest.approx(consistency)


def test_the_image_is_the_target_of_its_views():
    """The cross-entropy changes the prediction of views alone."""
    logits = torch.zeros(8, 3, requires_grad=True)
    view = torch.randn(8, 3, requires_grad=True)
    weights = {"conditional_weight": 0.0, "marginal_weight": 0.0}
    losses.cluster_information(logits, view, **weights)["loss"].backward()
    assert logits.grad is None or not logits.grad.any()
    assert view.grad.any()


def test_neighbor_consistency_follows_its_formula():
    """Van Gansbeke et al. 2020, eq. 2."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 20, 4))
    p, q = map(softmax, logits)
    expected = -np.log((p * q).sum(axis=1)).mean() - 2 * entropy(p.mean(axis=0))
    found = losses.neighbor_consistency(*torch.tensor(logits))
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
    network = build_clustering((1, 8, 8), 6, 3, (4,), (5,), None)
    initialise(network, torch.Generator().manual_seed(0))
    images = torch.randn(12, 1, 8, 8)
    assert set(network.training_loss(Batch(images))) == {"loss"}
    network.learns_clusters = True
    found = network.training_loss(Batch(images))
    assert set(found) == {"loss", "cluster_entropy", "view_cross_entropy"}
    logits = network.logits(network.encode(images)).chunk(3)
    torch.testing.assert_close(found["loss"], losses.cluster_information(*logits)["loss"])
