"""Clusters of images: a linear classifier of codes that is trained together with the encoder."""

from dataclasses import replace

import torch
from torch import nn

from sklearn_unsup.networks import cluster_losses, losses
from sklearn_unsup.networks._autoencoder import Autoencoder
from sklearn_unsup.networks._initialisation import initialise
from sklearn_unsup.networks._layers import Linear
from sklearn_unsup.networks._self_supervised import SelfSupervisedNetwork

CLUSTER_WEIGHT = 0.1  # of the clusters beside the reconstruction: Guo et al. 2017, section 4.2
SHARES_RATE = 0.1  # of a step, in the moving average of the sizes of clusters


class ClusterHeadMixin:
    """Probabilities of clusters, for a network that encodes, and whose own loss learns features.

    The clusters are learnt when `learns_clusters` is set: by information or, with centres, by
    self-training. A network with `decode` learns to reconstruct images at the same time.
    """

    def _add_head(self, head, n_components):
        self.head = head
        self.register_buffer("code_mean", torch.zeros(n_components, dtype=torch.float32))
        self.register_buffer("code_scale", torch.ones(n_components, dtype=torch.float32))
        self.register_buffer("has_clusters", torch.zeros((), dtype=torch.bool))
        self.register_buffer("marginal_weight", torch.tensor(2.0, dtype=torch.float32))
        if self.has_centers:
            shares = torch.full((head.out_features,), 1 / head.out_features, dtype=torch.float32)
            self.register_buffer("cluster_shares", shares)
        self.learns_clusters = False

    @property
    def has_centers(self):
        """Whether clusters are learnt by self-training."""
        return isinstance(self.head, CenterHead)

    def logits(self, codes):
        """Return the logits (b, n_clusters) of codes (b, k)."""
        return self.head((codes - self.code_mean) / self.code_scale)

    @torch.no_grad()
    def centers(self):
        """Return the centres (n_clusters, k) of self-training, as codes."""
        return self.head.weight * self.code_scale + self.code_mean

    def training_loss(self, batch, generator=None):
        """Return the loss of a batch.

        For clusters, it has the images themselves, then a view of each and, for information, a view
        of a neighbour of each.
        """
        if not self.learns_clusters:
            return super().training_loss(batch, generator)
        codes = self.encode(batch.images)  # (2b or 3b, k)
        logits = self.logits(codes)
        with torch.autocast(logits.device.type, enabled=False):
            parts = self._cluster_loss(logits.float())
        if not hasattr(self, "decoder"):
            return parts
        b = len(codes) // (2 if self.has_centers else 3)
        error = self.loss(self.decoder(codes[:b]), self.scaling(batch.images[:b]))
        return {**parts, "loss": error + CLUSTER_WEIGHT * parts["loss"], "reconstruction": error}

    def _cluster_loss(self, logits):
        if not self.has_centers:
            return cluster_losses.cluster_information(
                *logits.chunk(3), marginal_weight=self.marginal_weight
            )
        images, views = logits.chunk(2)
        if self.training:
            with torch.no_grad():
                self.cluster_shares.lerp_(images.softmax(1).mean(0), SHARES_RATE)
        divergence = cluster_losses.self_training(images, views, self.cluster_shares)
        return {"loss": divergence, "cluster_divergence": divergence}

    @torch.no_grad()
    def start_clusters(self, mean, scale, centers, sharpness):
        """Set the standardisation of codes, and the head at the centres of k-means."""
        self.code_mean.copy_(mean)
        self.code_scale.copy_(scale)
        self.head.start(centers.to(self.code_mean.device), sharpness)
        self.has_clusters.fill_(True)


class ClusteringNetwork(ClusterHeadMixin, SelfSupervisedNetwork):
    """Encode images, and give a probability for each cluster; features are self-supervised.

    Parameters
    ----------
    encoder, projector, image_shape, objective
        As for `SelfSupervisedNetwork`.
    head : LinearHead or CenterHead
    n_components : int
        Width of the codes.
    """

    def __init__(self, encoder, projector, image_shape, objective, head, n_components):
        super().__init__(encoder, projector, image_shape, objective)
        self._add_head(head, n_components)


class ReconstructingClusteringNetwork(ClusterHeadMixin, Autoencoder):
    """Encode and decode images, and give a probability for each cluster.

    Parameters
    ----------
    encoder, decoder, image_shape
        As for `Autoencoder`, with the squared error.
    head : LinearHead or CenterHead
    n_components : int
        Width of the codes.
    """

    def __init__(self, encoder, decoder, image_shape, head, n_components):
        super().__init__(encoder, decoder, image_shape, loss=losses.squared_error)
        self._add_head(head, n_components)


class LinearHead(Linear):
    """Logits of clusters as linear functions of standardised codes."""

    @torch.no_grad()
    def start(self, centers, sharpness):
        """Give the clusters of k-means: the logits are squared distances, up to a constant."""
        self.weight.copy_(2 * sharpness * centers)
        self.bias.copy_(-sharpness * centers.square().sum(1))


class CenterHead(nn.Module):
    """Logits of clusters by Student's t-distribution around centres.

    Xie, Girshick & Farhadi 2016, "Unsupervised Deep Embedding for Clustering Analysis", eq. 1, with
    one degree of freedom.

    Parameters
    ----------
    n_components, n_clusters : int
    """

    def __init__(self, n_components, n_clusters):
        super().__init__()
        self.out_features = n_clusters
        self.weight = nn.Parameter(torch.zeros(n_clusters, n_components, dtype=torch.float32))
        self.register_buffer("sharpness", torch.ones((), dtype=torch.float32))

    def forward(self, codes):
        """Map codes (b, k) to logits (b, n_clusters)."""
        products = codes @ self.weight.T  # (b, n_clusters)
        squares = codes.square().sum(1, keepdim=True) + self.weight.square().sum(1)
        return -(self.sharpness * (squares - 2 * products).clamp_min(0)).log1p()

    @torch.no_grad()
    def start(self, centers, sharpness):
        """Set the centres, and the factor on squared distances."""
        self.weight.copy_(centers)
        self.sharpness.fill_(sharpness)


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
            cluster_losses.neighbor_consistency(*logits.chunk(2), marginal_weight).backward()
            optimizer.step()
    with torch.no_grad():
        return head(codes).argmax(1)


def random_head(n_components, n_clusters, generator):
    """Return a linear head with random weights."""
    head = LinearHead(n_components, n_clusters)
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
