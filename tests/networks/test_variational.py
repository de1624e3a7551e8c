import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import distributions, nn

from sklearn_unsup.networks import (
    Batch,
    BernoulliLikelihood,
    ConvDecoder,
    ConvEncoder,
    GaussianLikelihood,
    VariationalAutoencoder,
    initialise,
)

SHAPE = (1, 5, 4)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=[GaussianLikelihood, BernoulliLikelihood])
def network(request):
    network = build(request.param)
    network.scaling.offset.fill_(0.4)
    network.scaling.scale.fill_(0.5)
    return network


def build(likelihood, **options):
    encoder, decoder = ConvEncoder(SHAPE, 6, (4, 8)), ConvDecoder(SHAPE, 3, (4, 8))
    for part in (encoder, decoder):
        initialise(part, generator())
    return VariationalAutoencoder(encoder, decoder, likelihood(SHAPE), **options)


@pytest.fixture
def images():
    return torch.rand(7, *SHAPE, generator=generator(1)).round()


def log_densities(network, images, noise):
    """log p(x | z), log p(z), log q(z | x) and KL(q, p), written with torch.distributions."""
    mean, log_variance = network.posterior(images)
    posterior = distributions.Normal(mean, (log_variance / 2).exp())
    prior = distributions.Normal(torch.zeros(3), torch.ones(3))
    codes = mean + posterior.stddev * noise
    expected = network.decode(codes)
    if isinstance(network.likelihood, GaussianLikelihood):
        spread = network.likelihood.variance.sqrt() * network.scaling.scale
        likelihood = distributions.Normal(expected, spread)
    else:
        likelihood = distributions.Bernoulli(expected)
    return (
        likelihood.log_prob(images).flatten(1).sum(1),
        prior.log_prob(codes).sum(1),
        posterior.log_prob(codes).sum(1),
        distributions.kl_divergence(posterior, prior).sum(1),
    )


@torch.no_grad()
def test_the_bound_is_its_definition_in_the_units_of_x(network, images):
    noise = torch.randn(7, 3, generator=generator())
    log_likelihood, _, _, kl = log_densities(network, images, noise)
    found = network.evidence_lower_bounds(images, noise)
    torch.testing.assert_close(found, log_likelihood - kl)


@torch.no_grad()
def test_importance_weights_are_their_definition(network, images):
    noise = torch.randn(7, 4, 3, generator=generator())
    found = network.log_importance_weights(images, noise)
    for i in range(4):
        log_likelihood, log_prior, log_posterior, _ = log_densities(network, images, noise[:, i])
        torch.testing.assert_close(found[:, i], log_likelihood + log_prior - log_posterior)


def test_gradients_reach_every_weight_of_both_networks(network, images):
    network.train().training_loss(Batch(images), generator())["loss"].backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def test_the_loss_is_the_sum_of_its_parts_in_nats(images):
    network = build(GaussianLikelihood, beta=3.0).train()
    for share in (0.25, 1.0):
        network.warm_up.fill_(share)
        parts = network.training_loss(Batch(images), generator())
        expected = parts["reconstruction"] + 3 * share * parts["kl"]
        torch.testing.assert_close(parts["loss"], expected)
    network.warm_up.fill_(0.25)
    parts = network.eval().training_loss(Batch(images), generator())  # no warm-up in validation
    torch.testing.assert_close(parts["loss"], parts["reconstruction"] + 3 * parts["kl"])


def test_the_variance_of_training_is_the_best_one(images):
    likelihood = GaussianLikelihood(SHAPE)
    outputs = torch.randn(images.shape, generator=generator(2))
    best = likelihood.optimal_log_likelihood(outputs, images).mean()
    variances = torch.logspace(-2, 2, 401)
    others = []
    for variance in variances:
        likelihood.variance.copy_(variance)
        others.append(likelihood.log_likelihood(outputs, images).mean())
    others = torch.stack(others)
    assert best >= others.max()
    torch.testing.assert_close(best, others.max(), rtol=0, atol=1e-2)
    n = math.prod(SHAPE)  # Rybkin et al. 2021: the power of the residuals is the variance
    power = (images - outputs).square().mean()
    torch.testing.assert_close(best, -n / 2 * (torch.log(2 * torch.pi * power) + 1))


def test_calibrated_densities_are_those_of_a_gaussian_with_the_covariance_of_the_noise():
    shape = (2, 3, 4)
    likelihood, n = GaussianLikelihood(shape), math.prod(shape)
    likelihood.scaling.scale.fill_(3.0)
    residuals = torch.randn(50, *shape, generator=generator()).cumsum(3)
    residuals[:, 1] += residuals[:, 0]
    coefficients = likelihood.residuals(-residuals, torch.zeros(50, *shape)).double()
    likelihood.calibrate(torch.einsum("bchw,behw->cehw", coefficients, coefficients) / 50)
    images = torch.randn(5, *shape, generator=generator(1))
    noise = likelihood.noise(torch.eye(n).unflatten(1, shape)).flatten(1).double().numpy()
    gaussian = stats.multivariate_normal(np.zeros(n), noise.T @ noise)
    found = likelihood.log_likelihood(torch.zeros(5, *shape), images)
    np.testing.assert_allclose(found, gaussian.logpdf(images.flatten(1)), rtol=1e-4)


def test_calibration_raises_the_likelihood_of_residuals_that_are_not_white():
    likelihood = GaussianLikelihood((3, 8, 8))
    generators = generator(), generator(1)
    train, test = (torch.randn(400, 1, 8, 8, generator=g).cumsum(3).cumsum(2) for g in generators)
    train, test = (
        each.expand(-1, 3, -1, -1) + 0.1 * torch.randn(each.shape) for each in (train, test)
    )
    zeros = torch.zeros(400, 3, 8, 8)
    white = likelihood.optimal_log_likelihood(zeros, test).mean()
    coefficients = likelihood.residuals(zeros, train).double()
    likelihood.calibrate(torch.einsum("bchw,behw->cehw", coefficients, coefficients) / 400)
    per_pixel = (likelihood.log_likelihood(zeros, test).mean() - white) / test[0].numel()
    assert per_pixel > 0.5  # nats


def test_images_without_residual_have_a_finite_density(images):
    assert torch.isfinite(GaussianLikelihood(SHAPE).optimal_log_likelihood(images, images)).all()


def test_bernoulli_outputs_of_zero_are_the_mean_image():
    likelihood = BernoulliLikelihood((1, 1, 3))
    likelihood.scaling.offset.copy_(torch.tensor([[[0.1, 0.5, 0.8]]]))
    found = likelihood.mean(torch.zeros(2, 1, 1, 3))
    torch.testing.assert_close(found, likelihood.scaling.offset.expand(2, 1, 1, 3))


def test_dynamic_binarization_has_the_given_probabilities():
    class Record(nn.Flatten):
        def forward(self, images):
            self.seen = images
            return super().forward(images)[:, :6]

    network = build(BernoulliLikelihood, binarize=True)
    network.encoder = Record()
    images = torch.rand(1, *SHAPE, generator=generator()).expand(4000, *SHAPE)
    network.train().training_loss(Batch(images), generator())
    first = network.encoder.seen
    assert set(first.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(first.mean(0), images[0], rtol=0, atol=0.05)
    random = generator()
    network.training_loss(Batch(images), random)
    network.training_loss(Batch(images), random)
    assert not torch.equal(first, network.encoder.seen)
