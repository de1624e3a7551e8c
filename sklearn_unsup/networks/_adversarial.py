"""The generative adversarial network: generator, discriminator, encoder, and their losses."""

import torch
from torch import nn
from torch.nn import functional as F

from sklearn_unsup.networks import losses
from sklearn_unsup.networks._average import average_of, update_average
from sklearn_unsup.networks._initialisation import smooth_upsampling
from sklearn_unsup.networks._layers import Linear
from sklearn_unsup.networks._network import AdversarialNetwork
from sklearn_unsup.networks._parts import check_distinct, trainable_parameters
from sklearn_unsup.networks._scaling import Scaling
from sklearn_unsup.networks._spectral_norm import add_spectral_norm

LIPSCHITZ_WEIGHT = 10.0  # Gulrajani et al. 2017, section 4
JOINT_WIDTH = 256  # of the features of an image, and of the layer that joins them to its code
CODE_NOISE = 0.5  # on generated images, from -1 to 1, from which an encoder learns codes
POOLED_SIDE = 4  # Radford, Metz & Chintala 2016, section 5.1

OBJECTIVES = {  # name: the discriminator's loss, the generator's
    "non_saturating": (losses.logistic_discriminator, losses.logistic_generator),
    "hinge": (losses.hinge_discriminator, losses.mean_score_generator),
    "wasserstein_gp": (losses.wasserstein_discriminator, losses.mean_score_generator),
    "least_squares": (losses.least_squares_discriminator, losses.least_squares_generator),
}


class GenerativeAdversarialNetwork(AdversarialNetwork):
    """Generate images that a discriminator cannot distinguish from real ones.

    Goodfellow et al. 2014, "Generative Adversarial Nets".

    Parameters
    ----------
    generator : nn.Module
        Codes (b, k) to images (b, c, h, w), in the network's units: from -1 to 1.
    discriminator : nn.Module
        Images (b, c, h, w) to scores (b, 1), or to features (b, JOINT_WIDTH) if `joint`.
    image_shape : tuple of int
        ``(C, H, W)``.
    n_components : int
        k.
    objective : {"non_saturating", "hinge", "wasserstein_gp", "least_squares"}
        "hinge" divides the weights of the discriminator's layers by their spectral norms.
    encoder : nn.Module or None
        Images (b, c, h, w) to codes (b, k).
    joint : bool
        Let the discriminator score pairs of an image and a code, and train the encoder together
        with the generator (Donahue, Krähenbühl & Darrell 2017, "Adversarial Feature Learning").
        Otherwise the encoder learns the codes of generated images by regression.
    r1_penalty : float
        Weight of the squared gradient norm at real images (Mescheder et al. 2018).
    ema_decay : float
        Decay of the moving average of the generator's weights, which `decode` uses.

    Attributes
    ----------
    energy_weight : float
        Weight of the energy distance in the generator's loss; an estimator sets it for a training.
    """

    energy_weight = 0.0

    def __init__(
        self,
        generator,
        discriminator,
        image_shape,
        n_components,
        *,
        objective,
        encoder=None,
        joint=False,
        r1_penalty=0.0,
        ema_decay=0.999,
    ):
        super().__init__()
        check_distinct(encoder=encoder, generator=generator, discriminator=discriminator)
        self.generator = generator
        self.discriminator = discriminator
        self.encoder = encoder
        self.joint = _Joint(n_components) if joint else None
        self.scaling = Scaling(image_shape)
        self.n_components = n_components
        self.discriminator_loss, self.generator_loss = OBJECTIVES[objective]
        self.is_lipschitz = objective == "wasserstein_gp"
        self.r1_penalty = r1_penalty
        self.ema_decay = ema_decay
        self.average = average_of(generator)
        n_averaged = torch.zeros((), dtype=torch.float32, device="cpu")
        self.register_buffer("n_averaged", n_averaged)
        if objective == "hinge":
            for part in (self.discriminator, self.joint):
                add_spectral_norm(part)

    # Inference.

    def encode(self, images):
        """Map images (b, c, h, w), in the user's units, to codes (b, k)."""
        return self.encoder(self.scaling(images))

    def decode(self, codes):
        """Map codes (b, k) to images (b, c, h, w), in the user's units, by averaged weights."""
        return self.scaling.inverse(self.average(codes))

    def forward(self, images):
        """Map images (b, c, h, w) to the images generated from their codes (b, c, h, w)."""
        return self.decode(self.encode(images))

    def features(self, images):
        """Map images (b, c, h, w) to pooled activations of the discriminator's stages (b, m).

        Radford, Metz & Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional
        Generative Adversarial Networks", section 5.1.
        """
        maps, pooled = self.scaling(images), []
        for layer in self.discriminator.stages:
            maps = layer(maps)  # (b, c', h', w')
            if not isinstance(layer, nn.Conv2d):  # after its activation
                grid = [min(side, POOLED_SIDE) for side in maps.shape[2:]]
                pooled.append(F.adaptive_max_pool2d(maps, grid).flatten(1))
        return torch.cat(pooled, dim=1)

    @property
    def n_features(self):
        """Number of `features`."""
        with torch.no_grad():
            return self.features(self.scaling.offset[None]).shape[1]

    # Training.

    @property
    def penalises_gradients(self):
        """Whether the discriminator's loss has a gradient penalty."""
        return self.is_lipschitz or self.r1_penalty > 0

    def players(self):
        """Return the trainable parameters of each player.

        Raises
        ------
        ValueError
            If a player has none.
        """
        sides = {
            "discriminator": (self.discriminator, self.joint),
            "generator": (self.generator, self.encoder),
        }
        return {name: trainable_parameters(name, *parts) for name, parts in sides.items()}

    def generate(self, n, generator=None):
        """Draw codes (n, k), and generate their images (n, c, h, w) in the network's units."""
        codes = self.scaling.scale.new_empty(n, self.n_components).normal_(generator=generator)
        return codes, self._to_full_precision(self.generator(codes))

    def discriminator_losses(self, batch, codes, generated, generator=None):
        """Return the discriminator's loss and its parts.

        Parameters
        ----------
        batch : Batch
            Of real images.
        codes, generated : Tensor of shape (b, k) and (b, c, h, w)
            As `generate` returns them, but detached.
        generator : torch.Generator
            For the random points of the gradient penalty of "wasserstein_gp".
        """
        real = self.scaling(batch.images).requires_grad_(self.r1_penalty > 0)
        inferred = None
        if self.joint is not None:
            with torch.no_grad():
                inferred = self._to_full_precision(self.encoder(real))  # (b, k)
        real_scores = self._scores(real, inferred)
        generated_scores = self._scores(generated, codes)
        loss = self.discriminator_loss(real_scores, generated_scores)
        accuracy = ((real_scores > 0).float().mean() + (generated_scores < 0).float().mean()) / 2
        parts = {"discriminator_accuracy": accuracy}
        penalty = 0.0
        if self.r1_penalty:
            penalty = penalty + self.r1_penalty * losses.r1_penalty(real_scores, real)
        if self.is_lipschitz:
            penalty = penalty + LIPSCHITZ_WEIGHT * self._lipschitz_penalty(
                real.detach(), generated, inferred, codes, generator
            )
        if self.penalises_gradients:
            parts["gradient_penalty"] = penalty
        return {"discriminator_loss": loss + penalty, **parts}

    def generator_losses(self, batch, codes, generated, generator=None):
        """Return the generator's loss, and parts of it; arguments as above.

        The encoder learns codes from generated images with noise. Without noise it relies on
        details that real images do not have, and similar images have less similar codes.
        """
        loss, parts = self.generator_loss(self._scores(generated, codes)), {}
        real = self.scaling(batch.images)
        if self.energy_weight:
            parts["energy_distance"] = losses.energy_distance(real, generated)
            loss = loss + self.energy_weight * parts["energy_distance"]
        if self.joint is not None:
            loss = loss + self.generator_loss(-self._scores(real, self.encoder(real)))
        elif self.encoder is not None:
            noise = torch.empty_like(generated).normal_(0, CODE_NOISE, generator=generator)
            inferred = self.encoder(generated.detach() + noise)
            parts["code_error"] = losses.squared_error(self._to_full_precision(inferred), codes)
            loss = loss + parts["code_error"]
        return {"generator_loss": loss, **parts}

    def after_initialisation(self):
        """Start the average from the generator's initial weights, without checkerboards."""
        smooth_upsampling(self.generator)
        self.average.load_state_dict(self.generator.state_dict())

    def after_step(self):
        """Move the average towards the generator."""
        update_average(self.average, self.generator, self.n_averaged, self.ema_decay)

    def _scores(self, images, codes):
        """Return scores (b,) of images, or of images with their codes."""
        outputs = self.discriminator(images)
        scores = outputs if self.joint is None else self.joint(outputs, codes)
        return self._to_full_precision(scores.squeeze(1))

    def _to_full_precision(self, tensor):
        """Convert the output of a module under autocast to the dtype of the weights."""
        return tensor.to(self.scaling.scale.dtype)

    def _lipschitz_penalty(self, real, generated, inferred, codes, generator):
        """Return the gradient penalty at random points between real and generated images."""
        share = real.new_empty(len(real), 1).uniform_(generator=generator)  # (b, 1)
        between = torch.lerp(real, generated, share[..., None, None]).requires_grad_()
        if self.joint is not None:
            codes = torch.lerp(inferred, codes, share)
        return losses.lipschitz_penalty(self._scores(between, codes), between)


class _Joint(nn.Module):
    """Map features of an image, by the discriminator, and its code to a score (b, 1)."""

    def __init__(self, n_components):
        super().__init__()
        self.layers = nn.Sequential(
            Linear(JOINT_WIDTH + n_components, JOINT_WIDTH),
            nn.LeakyReLU(0.2),
            Linear(JOINT_WIDTH, 1),
        )

    def forward(self, features, codes):
        return self.layers(torch.cat([F.leaky_relu(features, 0.2), codes], dim=1))
