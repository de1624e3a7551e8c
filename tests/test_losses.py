import numpy as np
import pytest
import torch
from scipy import stats

from sklearn_unsup import losses


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(6, 1, 3, 2, generator=generator)
    targets = torch.rand(6, 1, 3, 2, generator=generator)
    return outputs, targets


def test_squared_error_is_a_gaussian_log_likelihood_up_to_a_constant(pair):
    outputs, targets = (tensor.double().numpy() for tensor in pair)
    log_likelihood = stats.norm(outputs, np.sqrt(0.5)).logpdf(targets).mean()
    constant = -0.5 * np.log(np.pi)
    assert losses.squared_error(*pair).item() == pytest.approx(constant - log_likelihood)


def test_absolute_error_is_a_laplace_log_likelihood_up_to_a_constant(pair):
    outputs, targets = (tensor.double().numpy() for tensor in pair)
    log_likelihood = stats.laplace(outputs).logpdf(targets).mean()
    assert losses.absolute_error(*pair).item() == pytest.approx(-np.log(2) - log_likelihood)


def test_binary_cross_entropy_is_a_bernoulli_log_likelihood(pair):
    logits, targets = pair[0], pair[1].round()
    p = 1 / (1 + np.exp(-logits.double().numpy()))
    log_likelihood = stats.bernoulli(p).logpmf(targets.numpy().astype(int)).mean()
    assert losses.binary_cross_entropy(logits, targets).item() == pytest.approx(-log_likelihood)


def test_binary_cross_entropy_stays_finite_for_certain_outputs():
    logits = torch.tensor([[-200.0, 200.0]])
    assert losses.binary_cross_entropy(logits, torch.tensor([[1.0, 1.0]])).item() == 100.0


def test_l1_activity_is_the_mean_absolute_code():
    assert losses.l1_activity(torch.tensor([[1.0, -3.0]]), weight=0.5).item() == 1.0


@pytest.mark.parametrize("variance", [0.01, 1.0, 30.0])
def test_gaussian_log_likelihood_is_that_of_scipy(pair, variance):
    outputs, targets = (tensor.double().numpy() for tensor in pair)
    expected = stats.norm(outputs, np.sqrt(variance)).logpdf(targets).sum(axis=(1, 2, 3))
    found = losses.gaussian_log_likelihood(*pair, torch.tensor(variance))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_bernoulli_log_likelihood_is_that_of_scipy(pair):
    logits, targets = pair[0], pair[1].round()
    p = 1 / (1 + np.exp(-logits.double().numpy()))
    expected = stats.bernoulli(p).logpmf(targets.numpy().astype(int)).sum(axis=(1, 2, 3))
    found = losses.bernoulli_log_likelihood(logits, targets)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_kl_from_standard_normal_is_the_integral_that_defines_it():
    rng = np.random.default_rng(0)
    means, variances = rng.normal(size=4), rng.uniform(0.05, 4, size=4)
    found = losses.kl_from_standard_normal(torch.tensor(means), torch.tensor(variances).log())
    for kl, mean, variance in zip(found, means, variances, strict=True):
        q, p = stats.norm(mean, np.sqrt(variance)), stats.norm()
        expected = q.expect(lambda z, q=q, p=p: q.logpdf(z) - p.logpdf(z), lb=-30, ub=30)
        assert kl.item() == pytest.approx(expected, abs=1e-6)


def test_free_bits_count_a_component_as_at_least_the_minimum():
    kl = torch.tensor([[0.0, 3.0], [0.2, 5.0]])  # means over the batch: 0.1, 4.0
    assert losses.free_bits(kl, 0.5).item() == pytest.approx(4.5)
    assert losses.free_bits(kl, 0.0).item() == pytest.approx(kl.sum(1).mean().item())
