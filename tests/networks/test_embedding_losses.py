"""Losses of neighbour embeddings: the formulas of the papers, pair by pair."""

import math

import pytest
import torch

from sklearn_unsup.networks import NeighborPairs, embedding_losses
from sklearn_unsup.networks._network import Batch


@pytest.fixture
def positions():
    return torch.randn(8, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def pairs(positions):
    """Return the squared distances of neighbours, and those of all ordered pairs."""
    b = len(positions) // 2
    near = [float((positions[i] - positions[i + b]).square().sum()) for i in range(b)]
    every = [
        [float((p - q).square().sum()) for j, q in enumerate(positions) if i != j]
        for i, p in enumerate(positions)
    ]
    return near, every


def test_umap_is_the_cross_entropy_of_neighbours_and_other_pairs(positions):
    a, b = 1.6, 0.9
    near, every = pairs(positions)

    def similarity(squared):
        return 1 / (1 + a * squared**b)

    attraction = sum(-math.log(similarity(d)) for d in near) / len(near)
    others = [-math.log(1 - similarity(d)) for row in every for d in row]
    parts = embedding_losses.umap(positions, a, b, negative_sample_rate=5.0)
    assert float(parts["attraction"]) == pytest.approx(attraction, rel=1e-3)
    assert float(parts["repulsion"]) == pytest.approx(5 * sum(others) / len(others), rel=1e-3)
    assert float(parts["loss"]) == pytest.approx(float(parts["attraction"] + parts["repulsion"]))


def test_info_nce_finds_the_neighbour_among_the_others_of_the_batch(positions):
    near, every = pairs(positions)
    near = near + near  # each image of a pair looks for the other
    expected = [
        -math.log(1 / (1 + d) / sum(1 / (1 + other) for other in row))
        for d, row in zip(near, every, strict=True)
    ]
    loss = float(embedding_losses.info_nce(positions)["loss"])
    assert loss == pytest.approx(sum(expected) / len(expected))


def test_tsne_normalises_by_all_pairs_of_the_batch(positions):
    near, every = pairs(positions)
    normaliser = sum(1 / (1 + d) for row in every for d in row)
    expected = [-math.log(1 / (1 + d) / normaliser) for d in near]
    loss = float(embedding_losses.tsne(positions)["loss"])
    assert loss == pytest.approx(sum(expected) / len(expected))


@pytest.mark.parametrize("objective", ["umap", "info_nce", "tsne"])
def test_equal_positions_have_finite_gradients(objective):
    positions = torch.zeros(6, 2, requires_grad=True)
    options = {"a": 1.6, "b": 0.9} if objective == "umap" else {}
    getattr(embedding_losses, objective)(positions, **options)["loss"].backward()
    assert torch.isfinite(positions.grad).all()


def test_pairs_hold_neighbours_by_weight_and_classes_by_target_weight():
    landmarks = torch.arange(6.0).reshape(6, 1).numpy()
    n, view = 4000, lambda images, generator: images
    images = torch.zeros(n, 1, 1, 1)
    given = torch.tensor([[1.0, 2.0, 3.0, 1.0, 0.0]]).repeat(n, 1)  # neighbours 1, 2; class 0
    given[0, -1] = -1

    def shares(**options):
        pairs = NeighborPairs(landmarks, lambda rows: rows[:, :, None, None], view, **options)
        batch = pairs(Batch(images, given), torch.Generator().manual_seed(0))
        assert (batch.images[:n] == 0).all()
        return torch.bincount(batch.images[n:].flatten().long(), minlength=6) / n, batch.images[n]

    found, _ = shares()
    assert found[[1, 2]].tolist() == pytest.approx([0.75, 0.25], abs=0.03)
    classes = [torch.tensor([3, 5]), torch.tensor([4])]
    found, _ = shares(classes=classes, target_weight=0.6)
    expected = [0.0, 0.3, 0.1, 0.3, 0.0, 0.3]
    assert found.tolist() == pytest.approx(expected, abs=0.03)
    found, unlabelled = shares(classes=classes, target_weight=1.0)
    assert found[[3, 5]].sum() == pytest.approx(1 - 1 / n)
    assert float(unlabelled) in (1.0, 2.0)
