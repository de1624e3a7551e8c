"""Self-supervision: an encoder that gives two views of an image similar codes."""

import torch

from sklearn_unsup.networks import losses
from sklearn_unsup.networks._network import Network
from sklearn_unsup.networks._parts import check_distinct, check_trainable
from sklearn_unsup.networks._scaling import Scaling

SELF_SUPERVISED_OBJECTIVES = {
    "vicreg": losses.vicreg,
    "simclr": losses.contrastive,
    "barlow_twins": losses.barlow_twins,
}


class SelfSupervisedNetwork(Network):
    """Encode images, and compare projections of the codes of two views of each image.

    Parameters
    ----------
    encoder : nn.Module
        Images (b, c, h, w) to codes (b, k).
    projector : nn.Module
        Codes (b, k) to projections (b, p), only used in training.
    image_shape : tuple of int
        ``(C, H, W)``.
    objective : callable
        ``objective(first, second) -> Tensor``, for projections (b, p) of two views.
    """

    def __init__(self, encoder, projector, image_shape, objective):
        super().__init__()
        check_distinct(encoder=encoder)
        check_trainable(encoder=encoder)
        self.encoder = encoder
        self.projector = projector
        self.scaling = Scaling(image_shape)
        self.objective = objective

    def encode(self, images):
        """Map images (b, c, h, w), in the user's units, to codes (b, k)."""
        return self.encoder(self.scaling(images))

    def project(self, images):
        """Map images (b, c, h, w), in the user's units, to projections (b, p)."""
        return self.projector(self.encode(images))

    @property
    def projection_width(self):
        """Width p of the projections."""
        return self.projector[-1].out_features

    def training_loss(self, batch, generator=None):
        """Return the loss of a batch of views: the first of each image, then the second of each."""
        projections = self.project(batch.images)  # (2b, p)
        with torch.autocast(projections.device.type, enabled=False):
            return {"loss": self.objective(*projections.float().chunk(2))}
