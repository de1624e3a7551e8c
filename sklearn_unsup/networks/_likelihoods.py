"""Likelihoods: distributions of images around the outputs of a decoder."""

import torch
from torch import nn

from sklearn_unsup.networks import losses
from sklearn_unsup.networks._scaling import Scaling

MIN_VARIANCE = 1e-6  # relative to that of X; constant images would have infinite density


class GaussianLikelihood(nn.Module):
    """Independent Gaussians around the decoder's outputs, with one variance for all pixels.

    The variance is not a weight: it has a closed form, the mean squared residual (Rybkin,
    Daniilidis & Levine 2021, "Simple and Effective VAE Training with Calibrated Decoders"). In
    training it is computed from each batch. Afterwards it is the buffer `variance`, in the
    network's units.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``.
    """

    def __init__(self, image_shape):
        super().__init__()
        self.scaling = Scaling(image_shape)
        variance = torch.ones((), dtype=torch.float32, device="cpu")
        self.register_buffer("variance", variance)

    def mean(self, outputs):
        """Map the decoder's outputs (b, c, h, w) to the mean images, in the user's units."""
        return self.scaling.inverse(outputs)

    def log_likelihood(self, outputs, images):
        """Log-density in nats, (b,), of images (b, c, h, w) in the user's units."""
        return self._log_likelihood(outputs, images, self.variance)

    def optimal_log_likelihood(self, outputs, images):
        """Return the log-density, (b,), under the variance that is optimal for these images."""
        variance = self.residual_variances(outputs, images).mean().detach()
        return self._log_likelihood(outputs, images, variance.clamp(min=MIN_VARIANCE))

    def residual_variances(self, outputs, images):
        """Mean squared residual of each image, (b,), in the network's units."""
        return (self.scaling(images) - outputs).square().flatten(1).mean(1)

    def _log_likelihood(self, outputs, images, variance):
        log_volume = images[0].numel() * torch.log(self.scaling.scale)  # of the change of units
        targets = self.scaling(images)  # (b, c, h, w)
        return losses.gaussian_log_likelihood(outputs, targets, variance) - log_volume


class BernoulliLikelihood(nn.Module):
    """Independent Bernoullis. Outputs of the decoder are logits, minus those of the mean image.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``.
    """

    def __init__(self, image_shape):
        super().__init__()
        self.scaling = Scaling(image_shape)

    def mean(self, outputs):
        """Map the decoder's outputs (b, c, h, w) to probabilities."""
        return torch.sigmoid(self._logits(outputs))

    def log_likelihood(self, outputs, images):
        """Log-probability in nats, (b,), of images (b, c, h, w) in [0, 1]."""
        return losses.bernoulli_log_likelihood(self._logits(outputs), images)

    optimal_log_likelihood = log_likelihood  # there is nothing to optimise

    def _logits(self, outputs):
        return outputs + torch.logit(self.scaling.offset, eps=1e-2)
