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

    It takes logits, and so stays finite for confident outputs and under autocast.
    """
    return F.binary_cross_entropy_with_logits(logits, targets)


def l1_activity(codes, weight=1.0):
    """Mean absolute value of the codes (b, k), weighted: the penalty of a sparse autoencoder."""
    return weight * codes.float().abs().mean()  # bfloat16 would round the mean


def gaussian_log_likelihood(residuals, variances):
    """Log-density in nats, (b,), of residuals (b, ...) under Gaussians around 0.

    `variances` is one number, or has one for each element of a residual.
    """
    squares = (residuals.square() / variances).flatten(1).sum(1)  # (b,)
    log_variance = torch.log(2 * math.pi * variances).mean()
    return -0.5 * (squares + residuals[0].numel() * log_variance)


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
    """Sum over components of the batch mean of `kl` (b, k), each at least `minimum` nats.

    Below the minimum a component has no gradient (Kingma et al. 2016, "Improved Variational
    Inference with Inverse Autoregressive Flow", eq. 15).
    """
    return kl.mean(0).clamp(min=minimum).sum()


# Adversarial losses. Scores (b,) of a discriminator are positive for images classified as real.


def logistic_discriminator(real, generated):
    """Cross-entropy, in nats, of classifying real and generated images from scores, both (b,).

    Goodfellow et al. 2014, "Generative Adversarial Nets", eq. 1, with scores as logits.
    """
    return F.softplus(-real).mean() + F.softplus(generated).mean()


def logistic_generator(generated):
    """Non-saturating loss: minus the log-probability that generated images are classified as real.

    Goodfellow et al. 2014, section 3.
    """
    return F.softplus(-generated).mean()


def hinge_discriminator(real, generated):
    """Hinge loss of scores (b,) with a margin of 1 on each side.

    Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", eq. 16.
    """
    return F.relu(1 - real).mean() + F.relu(1 + generated).mean()


def least_squares_discriminator(real, generated):
    """Squared error of scores (b,) from 1 for real and -1 for generated images.

    Mao et al. 2017, "Least Squares Generative Adversarial Networks", eq. 2 with a = -1, b = 1.
    """
    return 0.5 * (real - 1).square().mean() + 0.5 * (generated + 1).square().mean()


def least_squares_generator(generated):
    """Squared error of scores (b,) from 1: Mao et al. 2017, eq. 2 with c = 1."""
    return 0.5 * (generated - 1).square().mean()


def wasserstein_discriminator(real, generated):
    """Minus the critic's estimate of the Wasserstein distance, from scores (b,).

    Arjovsky, Chintala & Bottou 2017, "Wasserstein Generative Adversarial Networks", eq. 2.
    """
    return generated.mean() - real.mean()


def mean_score_generator(generated):
    """Minus the mean score (b,): the generator's loss for hinge and Wasserstein discriminators."""
    return -generated.mean()


def energy_distance(real, generated):
    """Energy distance between batches of real and generated images, (b, ...) and (n, ...).

    Twice the mean Euclidean distance between images of both, minus the mean distances between two
    images of each. In expectation it is 0 for equal distributions, and positive for others (Székely
    & Rizzo 2013, "Energy statistics: A class of statistics based on distances", section 2).
    """
    real, generated = real.float().flatten(1), generated.float().flatten(1)
    within = [
        torch.cdist(rows, rows).sum() / max(len(rows) * (len(rows) - 1), 1)
        for rows in (real, generated)
    ]
    return 2 * torch.cdist(real, generated).mean() - within[0] - within[1]


def squared_gradient_norms(scores, images):
    """Squared norm, (b,), of the gradient of each score (b,) with respect to its image.

    `images` (b, ...) must require gradients. The result can be differentiated again.
    """
    (gradients,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return gradients.float().flatten(1).square().sum(1)


def r1_penalty(scores, images):
    """Half the mean squared gradient norm at real images (b, ...), without the weight gamma.

    Mescheder, Geiger & Nowozin 2018, "Which Training Methods for GANs do actually Converge?", eq.
    9.
    """
    return 0.5 * squared_gradient_norms(scores, images).mean()


def lipschitz_penalty(scores, images):
    """Mean squared distance from 1 of the gradient norm at images (b, ...).

    Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", eq. 3, without its weight. A
    small constant avoids the root of zero, which has no gradient.
    """
    norms = (squared_gradient_norms(scores, images) + 1e-12).sqrt()
    return (norms - 1).square().mean()


# Self-supervised losses. `first` and `second` (b, k) are projections of two views of each image.


def vicreg(first, second, regularization=1.0, weights=(25.0, 25.0, 1.0)):
    """Invariance, variance and covariance of projections, weighted and added.

    Bardes, Ponce & LeCun 2022, "VICReg: Variance-Invariance-Covariance Regularization for
    Self-Supervised Learning", eq. 1 to 6; the invariance is a mean over components, as in the
    authors' code. `regularization` is a factor of the last two weights.
    """
    invariance = F.mse_loss(first, second)
    variance, covariance = 0.0, 0.0
    for view in (first, second):
        centred = view - view.mean(0)
        deviations = (centred.square().sum(0) / max(len(view) - 1, 1) + 1e-4).sqrt()  # (k,)
        variance = variance + F.relu(1 - deviations).mean()
        covariance = covariance + _off_diagonal_squares(_covariance(centred)) / view.shape[1]
    return weights[0] * invariance + regularization * (
        weights[1] * variance + weights[2] * covariance
    )


def barlow_twins(first, second, regularization=1.0, weight=5e-3):
    """Distance of the cross-correlation of projections from the identity.

    Zbontar et al. 2021, "Barlow Twins: Self-Supervised Learning via Redundancy Reduction", eq. 1.
    `weight` is that of the elements off the diagonal, and `regularization` a factor of it.
    """
    a, b = ((z - z.mean(0)) / (z.std(0, correction=0) + 1e-5) for z in (first, second))
    correlation = a.T @ b / len(a)  # (k, k)
    on_diagonal = (1 - correlation.diagonal()).square().sum()
    return on_diagonal + regularization * weight * _off_diagonal_squares(correlation)


def contrastive(first, second, temperature=0.2):
    """Cross-entropy, in nats, of finding the other view of an image among those of the batch.

    Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations", eq.
    1, with cosine similarities divided by a temperature.
    """
    b = len(first)
    views = F.normalize(torch.cat([first, second]))  # (2b, k)
    own = torch.eye(2 * b, dtype=torch.bool, device=views.device)
    logits = (views @ views.T / temperature).masked_fill(own, -torch.inf)  # (2b, 2b)
    return F.cross_entropy(logits, torch.arange(2 * b, device=views.device).roll(b))


# Losses of clusters. Logits (b, n_clusters) are those of images, or of views of them.


def _covariance(centred):
    return centred.T @ centred / max(len(centred) - 1, 1)


def _off_diagonal_squares(matrix):
    return matrix.square().sum() - matrix.diagonal().square().sum()
