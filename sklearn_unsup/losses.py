"""Losses: pure functions of tensors, averaged over all elements. Tensor code only."""

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
