"""The autoencoder: an encoder, a decoder and their training loss."""

import torch

from sklearn_unsup.networks._network import Network
from sklearn_unsup.networks._parts import check_distinct, check_trainable
from sklearn_unsup.networks._scaling import Scaling


class Autoencoder(Network):
    """Encode and decode images, and compare the reconstructions with the originals.

    Parameters
    ----------
    encoder : nn.Module
        Images (b, c, h, w) to codes (b, k).
    decoder : nn.Module
        Codes (b, k) to images (b, c, h, w), before `output`.
    image_shape : tuple of int
        ``(C, H, W)``.
    loss : callable
        ``loss(outputs, targets) -> Tensor``, for raw outputs of the decoder.
    output : callable
        Maps the decoder's raw outputs to images in the network's units.
    penalty : callable or None
        ``penalty(codes) -> Tensor``, added to the loss.
    noise_level : float
        Standard deviation of Gaussian noise on the encoder's input during training, in the
        network's units (Vincent et al. 2008).
    """

    def __init__(
        self, encoder, decoder, image_shape, *, loss, output=None, penalty=None, noise_level=0.0
    ):
        super().__init__()
        check_distinct(encoder=encoder, decoder=decoder)
        check_trainable(encoder=encoder, decoder=decoder)
        self.encoder = encoder
        self.decoder = decoder
        self.scaling = Scaling(image_shape)
        self.loss = loss
        self.output = output
        self.penalty = penalty
        self.noise_level = noise_level

    def encode(self, images):
        """Map images (b, c, h, w), in the user's units, to codes (b, k)."""
        return self.encoder(self.scaling(images))

    def decode(self, codes):
        """Map codes (b, k) to images (b, c, h, w), in the user's units."""
        outputs = self.decoder(codes)  # (b, c, h, w)
        return self.scaling.inverse(self.output(outputs) if self.output else outputs)

    def forward(self, images):
        """Map images (b, c, h, w) to their reconstructions (b, c, h, w)."""
        return self.decode(self.encode(images))

    def training_loss(self, batch, generator=None):
        """Return the loss of a batch and its parts.

        Noise comes from `generator`, and is added in training mode only.
        """
        targets = inputs = self.scaling(batch.images)  # (b, c, h, w)
        if self.training and self.noise_level > 0:
            noise = torch.empty_like(targets).normal_(generator=generator)  # (b, c, h, w)
            inputs = targets + self.noise_level * noise
        codes = self.encoder(inputs)  # (b, k)
        loss = self.loss(self.decoder(codes), targets)
        if self.penalty is None:
            return {"loss": loss}
        penalty = self.penalty(codes)
        return {"loss": loss + penalty, "reconstruction": loss, "penalty": penalty}
