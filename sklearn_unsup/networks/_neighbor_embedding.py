"""Maps of images: an encoder whose codes keep neighbours together, and a decoder of the map."""

import torch
from torch.nn import functional as F

from sklearn_unsup.networks import losses
from sklearn_unsup.networks._network import Network
from sklearn_unsup.networks._parts import check_distinct, check_trainable
from sklearn_unsup.networks._scaling import Scaling


class NeighborEmbeddingNetwork(Network):
    """Map images to positions, and positions back to images.

    `learns` says what a training is of: "features" of two views of each image, the "map", or the
    "decoder", for positions that stay as they are. With a projector, features stay as they are
    while the map is learnt.

    Parameters
    ----------
    encoder : nn.Module
        Images (b, c, h, w) to positions (b, k).
    decoder : nn.Module
        Standardised positions (b, k) to images (b, c, h, w).
    image_shape : tuple of int
        ``(C, H, W)``.
    objective : callable
        ``objective(positions) -> dict``, for the positions (2b, k) of images and their neighbours.
    n_components : int
    noise_level : float
        Standard deviation of Gaussian noise on the encoder's input during training, in the
        network's units. Without a projector only: features do not learn to bear noise.
    projector : nn.Module or None
        Maps ``encoder.pooled(images)`` (b, p) to where features of views are compared. ``encoder``
        then has the width p, and a `head` that maps features to positions.
    """

    def __init__(
        self,
        encoder,
        decoder,
        image_shape,
        objective,
        n_components,
        noise_level=0.0,
        projector=None,
    ):
        super().__init__()
        check_distinct(encoder=encoder, decoder=decoder)
        check_trainable(encoder=encoder, decoder=decoder)
        self.encoder = encoder
        self.decoder = decoder
        self.projector = projector
        self.scaling = Scaling(image_shape)
        self.objective = objective
        self.noise_level = noise_level
        self.register_buffer("position_mean", torch.zeros(n_components, dtype=torch.float32))
        self.register_buffer("position_scale", torch.ones((), dtype=torch.float32))
        if projector is not None:
            for name, value in {"feature_mean": 0.0, "feature_scale": 1.0}.items():
                self.register_buffer(name, torch.full((encoder.width,), value, dtype=torch.float32))
        self.learns = "map"

    def encode(self, images):
        """Map images (b, c, h, w), in the user's units, to positions (b, k)."""
        return self._positions(self.scaling(images))

    def decode(self, positions):
        """Map positions (b, k) to images (b, c, h, w), in the user's units."""
        return self.scaling.inverse(self._decode(positions))

    def training_loss(self, batch, generator=None):
        """Return the loss of a batch of images and their neighbours, or of two views of images.

        For the decoder, it has images, whose positions (b, k) are given.
        """
        if self.learns == "decoder":
            targets = self.scaling(batch.images)  # (b, c, h, w)
            return {"loss": losses.squared_error(self._decode(batch.given), targets)}
        inputs = self.scaling(batch.images)  # (2b, c, h, w)
        if self.learns == "features":
            projections = self.projector(self.encoder.pooled(inputs))  # (2b, q)
            with torch.autocast(projections.device.type, enabled=False):
                return {"loss": losses.vicreg(*projections.float().chunk(2))}
        if self.training and self.noise_level > 0 and self.projector is None:
            noise = torch.empty(inputs.shape, dtype=torch.float32, device=inputs.device)
            noise.normal_(generator=generator)
            inputs = inputs + self.noise_level * noise
        positions = self._positions(inputs)  # (2b, k)
        with torch.autocast(positions.device.type, enabled=False):
            return self.objective(positions.float())

    def pooled(self, images):
        """Map images (b, c, h, w), in the user's units, to features (b, p)."""
        return self.encoder.pooled(self.scaling(images))

    def directions(self, features):
        """Standardise features (b, p), and scale them to the length that random ones have."""
        standardised = (features - self.feature_mean) / self.feature_scale
        return F.normalize(standardised) * standardised.shape[1] ** 0.5

    def train(self, mode=True):
        """Set the mode; layers of features that stay as they are keep their statistics."""
        super().train(mode)
        if self.projector is not None and self.learns != "features":
            self.encoder.pooled.eval()
        return self

    def _positions(self, inputs):
        if self.projector is None:
            return self.encoder(inputs)
        with torch.no_grad():
            features = self.directions(self.encoder.pooled(inputs))
        return self.encoder.head(features)

    @torch.no_grad()
    def start_map(self, mean, scale):
        """Set the standardisation (p,) of features."""
        self.feature_mean.copy_(mean)
        self.feature_scale.copy_(scale)

    @torch.no_grad()
    def start_decoder(self, mean, scale):
        """Set the standardisation of positions."""
        self.position_mean.copy_(mean)
        self.position_scale.copy_(scale)

    def _decode(self, positions):
        return self.decoder((positions - self.position_mean) / self.position_scale)
