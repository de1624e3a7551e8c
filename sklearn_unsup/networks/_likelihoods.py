"""Likelihoods: distributions of images around the outputs of a decoder."""

import torch
from torch import nn

from sklearn_unsup.networks import losses
from sklearn_unsup.networks._scaling import Scaling
from sklearn_unsup.networks._spectrum import dct, inverse_dct

MIN_VARIANCE = 1e-6  # relative to that of X; constant images would have infinite density


class GaussianLikelihood(nn.Module):
    """Gaussians around the decoder's outputs, whose variances have a closed form.

    In training all pixels have one variance, the mean squared residual of the batch (Rybkin,
    Daniilidis & Levine 2021, "Simple and Effective VAE Training with Calibrated Decoders").
    Residuals of images are neither white nor independent between channels. So `calibrate` computes
    a variance for each frequency and principal colour of the residuals after the training, and
    `log_likelihood` uses these. All are buffers, in the network's units.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``.
    """

    added_buffers = ("spectrum", "colours")  # older saved models lack them

    def __init__(self, image_shape):
        super().__init__()
        self.scaling = Scaling(image_shape)
        options = {"dtype": torch.float32, "device": "cpu"}  # whatever torch's defaults are
        self.register_buffer("variance", torch.ones((), **options))  # mean of all
        self.register_buffer("spectrum", torch.ones(image_shape, **options))  # relative to it
        self.register_buffer("colours", torch.eye(image_shape[0], **options))  # (c, c), orthogonal

    def mean(self, outputs):
        """Map the decoder's outputs (b, c, h, w) to the mean images, in the user's units."""
        return self.scaling.inverse(outputs)

    def log_likelihood(self, outputs, images):
        """Log-density in nats, (b,), of images (b, c, h, w) in the user's units."""
        coefficients = torch.einsum("dc,bchw->bdhw", self.colours, self.residuals(outputs, images))
        variances = self.variance * self.spectrum  # (c, h, w)
        return losses.gaussian_log_likelihood(coefficients, variances) - self._log_volume()

    def optimal_log_likelihood(self, outputs, images):
        """Return the log-density, (b,), under the one variance that is optimal for these images."""
        residuals = self.scaling(images) - outputs
        variance = residuals.square().mean().detach().clamp(min=MIN_VARIANCE)
        return losses.gaussian_log_likelihood(residuals, variance) - self._log_volume()

    def residuals(self, outputs, images):
        """Return the cosine transforms of the residuals, (b, c, h, w), in the network's units."""
        return dct(self.scaling(images) - outputs)

    def calibrate(self, moments):
        """Set the variances.

        Parameters
        ----------
        moments : Tensor of shape (c, c, h, w), float64
            Mean products of the residuals of two channels, for each frequency.
        """
        _, axes = torch.linalg.eigh(moments.mean((2, 3)))
        colours = axes.T.flip(0)  # the largest first
        variances = torch.einsum("dc,cehw,de->dhw", colours, moments, colours)
        variances = variances.clamp(min=MIN_VARIANCE)
        self.variance.copy_(variances.mean())
        self.spectrum.copy_(variances / variances.mean())
        self.colours.copy_(colours)

    def noise(self, white):
        """Map white noise (b, c, h, w) to residuals, in the user's units."""
        coefficients = white * (self.variance * self.spectrum).sqrt()
        residuals = inverse_dct(torch.einsum("dc,bdhw->bchw", self.colours, coefficients))
        return residuals * self.scaling.scale

    def _log_volume(self):
        """Return the log-determinant of the change of units."""
        return self.spectrum.numel() * torch.log(self.scaling.scale)


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
