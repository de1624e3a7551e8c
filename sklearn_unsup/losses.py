"""Losses, likelihoods and divergences: pure functions of tensors. Tensor code only."""

import math

import torch
from torch.nn import functional as F


def squared_error(outputs, targets):
    """Mean squared error of `outputs` (b, ...) against `targets` (b, ...)."""
    return F.mse_loss(outputs, targets)


def absolute_error(outputs, targets):
    """Mean absolute error of `outputs` (b, ...) against `targets` (b, ...)."""
    return F.l1_loss(outputs, targets)


def binary_cross_entropy(logits, targets):
    """Mean cross-entropy, in nats, of Bernoulli `logits` and `targets` in [0, 1], both (b, ...).

    Takes logits, so that it stays finite for confident outputs and under autocast.
    """
    return F.binary_cross_entropy_with_logits(logits, targets)


def l1_activity(codes, weight=1.0):
    """Mean absolute value of the codes (b, k), weighted: the penalty of a sparse autoencoder."""
    return weight * codes.abs().mean()


def gaussian_log_likelihood(outputs, targets, variance):
    """Log-density in nats, (b,), of `targets` (b, ...) under Gaussians of one variance."""
    squared_errors = (targets - outputs).square().flatten(1).sum(1)  # (b,)
    n_elements = targets[0].numel()
    return -0.5 * (squared_errors / variance + n_elements * torch.log(2 * math.pi * variance))


def bernoulli_log_likelihood(logits, targets):
    """Log-probability in nats, (b,), of `targets` in [0, 1] under Bernoulli `logits`, (b, ...)."""
    errors = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return -errors.flatten(1).sum(1)


def kl_from_standard_normal(mean, log_variance):
    """Kullback-Leibler divergence in nats of N(mean, exp(log_variance)) from N(0, 1), all (b, k).

    Kingma & Welling 2014, appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def free_bits(kl, minimum):
    """Sum over components of the batch's mean of `kl` (b, k), each at least `minimum` nats.

    A component below the minimum costs no more than one at it, and is not pushed down further
    (Kingma et al. 2016, "Improved Variational Inference with Inverse Autoregressive Flow", eq. 15).
    """
    return kl.mean(0).clamp(min=minimum).sum()
