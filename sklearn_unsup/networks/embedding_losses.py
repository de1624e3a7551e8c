"""Losses of neighbour embeddings: pure functions of positions, which return means over a batch.

A batch has the positions (2b, k) of b images, then those of a neighbour of each. All pairs of the
batch are negative samples. Damrich, Böhm, Hamprecht & Kobak 2023, "From t-SNE to UMAP with
contrastive learning", describe the three losses as one family.
"""

import torch
from torch.nn import functional as F

SMOOTHING = 1e-4  # of squared distances, below which pairs neither attract nor repel each other


def squared_distances(positions):
    """Return the squared Euclidean distances (n, n) of positions (n, k)."""
    squares = positions.square().sum(1)
    return (squares[:, None] + squares - 2 * positions @ positions.T).clamp_min(0)


def umap(positions, a, b, negative_sample_rate=5.0):
    """Cross-entropy of neighbours and of all pairs, with similarities 1 / (1 + a d**(2b)).

    McInnes, Healy & Melville 2018, "UMAP: Uniform Manifold Approximation and Projection for
    Dimension Reduction", section 3.2; as a loss of a batch: Sainburg, McInnes & Gentner 2021,
    "Parametric UMAP Embeddings for Representation and Semisupervised Learning", eq. 4. A pair of
    neighbours stands beside `negative_sample_rate` random ones.
    """
    attraction = F.softplus(_log_ratio(_neighbor_distances(positions), a, b)).mean()
    others = _off_diagonal(squared_distances(positions))
    repulsion = negative_sample_rate * F.softplus(-_log_ratio(others, a, b)).mean()
    return {"loss": attraction + repulsion, "attraction": attraction, "repulsion": repulsion}


def info_nce(positions):
    """Cross-entropy of finding the neighbour in the batch, with similarities 1 / (1 + d**2).

    Damrich et al. 2023, eq. 6: InfoNC-t-SNE. Self-supervision with this loss is t-SimCNE (Böhm,
    Berens & Kobak 2023, "Unsupervised Visualization of Image Datasets Using Contrastive Learning",
    eq. 4).
    """
    attraction = _neighbor_distances(positions).log1p().mean()
    others = _off_diagonal(squared_distances(positions))  # (2b, 2b - 1)
    repulsion = (-others.log1p()).logsumexp(1).mean()
    return {"loss": attraction + repulsion, "attraction": attraction, "repulsion": repulsion}


def tsne(positions):
    """Kullback-Leibler divergence of t-SNE, up to a constant, with similarities 1 / (1 + d**2).

    Van der Maaten 2009, "Learning a Parametric Embedding by Preserving Local Structure", eq. 3 and
    4, with one degree of freedom. The similarities are normalised by those of the batch.
    """
    attraction = _neighbor_distances(positions).log1p().mean()
    others = _off_diagonal(squared_distances(positions))
    repulsion = (-others.log1p()).flatten().logsumexp(0)
    return {"loss": attraction + repulsion, "attraction": attraction, "repulsion": repulsion}


def _neighbor_distances(positions):
    """Return the squared distance (b,) of each image and its neighbour."""
    first, second = positions.chunk(2)
    return (first - second).square().sum(1)


def _log_ratio(squared, a, b):
    """Return the logarithm of a d**(2b): minus the logit of the similarity."""
    return b * (squared + SMOOTHING).log() + torch.as_tensor(a).log().to(squared)


def _off_diagonal(matrix):
    """Return a matrix (n, n) without its diagonal, as (n, n - 1)."""
    n = len(matrix)
    return matrix.flatten()[1:].view(n - 1, n + 1)[:, :-1].reshape(n, n - 1)
