"""Clusters of images: a linear classifier of codes that is trained together with the encoder."""

from dataclasses import replace

import torch

from sklearn_unsup.networks import losses
from sklearn_unsup.networks._initialisation import initialise
from sklearn_unsup.networks._layers import Linear
from sklearn_unsup.networks._self_supervised import SelfSupervisedNetwork


class ClusteringNetwork(SelfSupervisedNetwork):
    """Encode images, and give a probability for each cluster.

    It is trained by self-supervision first, and by the information in clusters when
    `learns_clusters` is set.

    Parameters
    ----------
    encoder, projector, image_shape, objective
        As for `SelfSupervisedNetwork`.
    n_components, n_clusters : int
        Widths of the codes, and of the logits.
    """

    def __init__(self, encoder, projector, image_shape, objective, n_components, n_clusters):
        super().__init__(encoder, projector, image_shape, objective)
        self.head = Linear(n_components, n_clusters)
        self.register_buffer("code_mean", torch.zeros(n_components, dtype=torch.float32))
        self.register_buffer("code_scale", torch.ones(n_components, dtype=torch.float32))
        self.register_buffer("has_clusters", torch.zeros((), dtype=torch.bool))
        self.register_buffer("marginal_weight", torch.tensor(2.0, dtype=torch.float32))
        self.learns_clusters = False

    def logits(self, codes):
        """Return the logits (b, n_clusters) of codes (b, k)."""
        return self.head((codes - self.code_mean) / self.code_scale)

    def training_loss(self, batch, generator=None):
        """Return the loss of a batch.

        For clusters, it has the images themselves, then a view of each, then a view of a neighbour
        of each.
        """
        if not self.learns_clusters:
            return super().training_loss(batch, generator)
        logits = self.logits(self.encode(batch.images))  # (3b, n_clusters)
        with torch.autocast(logits.device.type, enabled=False):
            options = {"marginal_weight": self.marginal_weight}
            return losses.cluster_information(*logits.float().chunk(3), **options)

    @torch.no_grad()
    def start_clusters(self, mean, scale, weight, bias):
        """Set the standardisation of codes, and the weights of the head."""
        self.code_mean.copy_(mean)
        self.code_scale.copy_(scale)
        self.head.weight.copy_(weight)
        self.head.bias.copy_(bias)
        self.has_clusters.fill_(True)


def fit_head(
    head, codes, neighbors, generator, marginal_weight=2.0, batch_size=1024, learning_rate=1e-2
):
    """Train the linear head of clusters on codes that stay as they are.

    Parameters
    ----------
    head : nn.Linear
        Its weights are changed in place.
    codes : Tensor of shape (m, k)
        Standardised codes.
    neighbors : Tensor of int of shape (m, n_neighbors)
        Indices of the nearest codes of each.
    generator : torch.Generator
    marginal_weight : float
        Of the entropy of the sizes of clusters.

    Returns
    -------
    labels : Tensor of shape (m,)
    """
    n_steps = min(max(len(codes) // 4, 20), 600)
    optimizer = torch.optim.Adam(head.parameters(), learning_rate, weight_decay=1e-4)
    size = min(batch_size, len(codes))
    with torch.enable_grad():
        for _ in range(n_steps):
            rows = torch.randint(len(codes), (size,), generator=generator)
            which = torch.randint(neighbors.shape[1], (size,), generator=generator)
            logits = head(codes[torch.cat([rows, neighbors[rows, which]])])  # (2b, n_clusters)
            optimizer.zero_grad()
            losses.neighbor_consistency(*logits.chunk(2), marginal_weight).backward()
            optimizer.step()
    with torch.no_grad():
        return head(codes).argmax(1)


def random_head(n_components, n_clusters, generator):
    """Return a linear head with random weights."""
    head = Linear(n_components, n_clusters)
    initialise(head, generator)
    return head


class NeighborViews:
    """Images, a view of each, and a view of a random neighbour of each, as one batch.

    Parameters
    ----------
    view : callable
        ``view(images, generator) -> images``.
    landmarks : Tensor of shape (m, n_features)
        Rows among which the neighbours are.
    to_images : callable
        Maps rows (b, n_features) to images (b, c, h, w).
    """

    def __init__(self, view, landmarks, to_images):
        self.view, self.landmarks, self.to_images = view, landmarks, to_images

    def __call__(self, batch, generator):
        """Return a batch of three times as many images; `given` (b, k) are indices of landmarks."""
        b, k = batch.given.shape
        device = batch.images.device
        which = torch.randint(k, (b,), generator=generator, device=device)
        chosen = batch.given[torch.arange(b, device=device), which]  # (b,)
        rows = self.landmarks[chosen.to(self.landmarks.device)].to(device, torch.float32)
        views = self.view(torch.cat([batch.images, self.to_images(rows)]), generator)
        return replace(batch, images=torch.cat([batch.images, views]))  # (3b, c, h, w)
