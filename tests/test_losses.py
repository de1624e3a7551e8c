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
