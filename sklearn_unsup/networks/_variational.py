"""The variational autoencoder: posterior, likelihood, and the evidence lower bound."""

import math

import torch

from sklearn_unsup.networks import losses
from sklearn_unsup.networks._network import Network
from sklearn_unsup.networks._parts import check_distinct, check_trainable

MAX_LOG_VARIANCE = 20.0  # larger values, from outliers, make the training diverge


class VariationalAutoencoder(Network):
    """Encode to a Gaussian, decode a draw from it, and maximise the evidence lower bound.

    Kingma & Welling 2014, "Auto-Encoding Variational Bayes".

    Parameters
    ----------
    encoder : nn.Module
        Scaled images (b, c, h, w) to means and log-variances of the codes, side by side (b, 2k).
    decoder : nn.Module
        Codes (b, k) to the parameters of the likelihood (b, c, h, w).
    likelihood : nn.Module
        `GaussianLikelihood` or `BernoulliLikelihood`.
    beta : float
        Weight of the divergence in the training loss (Higgins et al. 2017).
    free_bits : float
        Lower limit, in nats, of the divergence of a component in the training loss.
    binarize : bool
        Draw binary images in each training step, with the given images as probabilities. Images
        that are binary stay as they are.
    """

    def __init__(self, encoder, decoder, likelihood, *, beta=1.0, free_bits=0.0, binarize=False):
        super().__init__()
        check_distinct(encoder=encoder, decoder=decoder)
        check_trainable(encoder=encoder, decoder=decoder)
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.beta = beta
        self.free_bits = free_bits
        self.binarize = binarize
        share = torch.ones((), dtype=torch.float32, device="cpu")  # factor of beta
        self.register_buffer("warm_up", share, persistent=False)

    @property
    def scaling(self):
        """The map between the user's units and the network's, which the likelihood holds."""
        return self.likelihood.scaling

    def posterior(self, images):
        """Map images (b, c, h, w) to means and log-variances of their codes, each (b, k)."""
        mean, log_variance = self.encoder(self.scaling(images)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)

    def encode(self, images):
        """Map images (b, c, h, w), in the user's units, to the means of their codes (b, k)."""
        return self.posterior(images)[0]

    def decode(self, codes):
        """Map codes (b, k) to the means of their images (b, c, h, w), in the user's units."""
        return self.likelihood.mean(self.decoder(codes).float())

    def forward(self, images):
        """Map images (b, c, h, w) to their reconstructions (b, c, h, w)."""
        return self.decode(self.encode(images))

    def training_loss(self, batch, generator=None):
        """Return the negative bound of a batch, in nats per image, and its parts."""
        images = batch.images  # (b, c, h, w)
        if self.binarize:
            images = torch.bernoulli(images, generator=generator)
        mean, log_variance = self.posterior(images)  # (b, k)
        noise = torch.empty_like(mean).normal_(generator=generator)  # (b, k)
        outputs = self.decoder(_reparameterise(mean, log_variance, noise)).float()  # (b, c, h, w)
        reconstruction = -self.likelihood.optimal_log_likelihood(outputs, images).mean()
        kl = losses.kl_from_standard_normal(mean, log_variance)  # (b, k)
        divergence = losses.free_bits(kl, self.free_bits) if self.free_bits else kl.sum(1).mean()
        beta = self.beta * self.warm_up if self.training else self.beta
        return {
            "loss": reconstruction + beta * divergence,
            "reconstruction": reconstruction,
            "kl": kl.sum(1).mean(),
        }

    def residuals(self, images, noise):
        """Return the residuals of the likelihood, (b, c, h, w), for codes drawn from noise (b, k).

        They are in the network's units.
        """
        outputs = self.decoder(_reparameterise(*self.posterior(images), noise))
        return self.likelihood.residuals(outputs, images)

    def evidence_lower_bounds(self, images, noise):
        """Return an estimate for each image, (b,), from standard normal noise (b, k).

        The divergence is exact; only the likelihood is estimated.
        """
        mean, log_variance = self.posterior(images)  # (b, k)
        outputs = self.decoder(_reparameterise(mean, log_variance, noise))
        kl = losses.kl_from_standard_normal(mean, log_variance)  # (b, k)
        return self.likelihood.log_likelihood(outputs, images) - kl.sum(1)

    def log_importance_weights(self, images, noise):
        """Return log p(x, z) - log q(z | x), (b, s), of s codes z per image from noise (b, s, k).

        Burda, Grosse & Salakhutdinov 2016, "Importance Weighted Autoencoders", eq. 8. One code per
        image is decoded at a time, so that memory does not grow with s.
        """
        mean, log_variance = self.posterior(images)  # (b, k)
        weights = []
        for draw in noise.unbind(1):
            codes = _reparameterise(mean, log_variance, draw)
            log_prior = _log_standard_normal(codes)
            log_posterior = _log_standard_normal(draw) - 0.5 * log_variance.sum(1)
            log_likelihood = self.likelihood.log_likelihood(self.decoder(codes), images)
            weights.append(log_likelihood + log_prior - log_posterior)
        return torch.stack(weights, dim=1)


def _reparameterise(mean, log_variance, noise):
    return mean + torch.exp(0.5 * log_variance) * noise


def _log_standard_normal(codes):
    """Log-density, (b,), of codes (b, k)."""
    return -0.5 * (codes.square() + math.log(2 * math.pi)).sum(1)
