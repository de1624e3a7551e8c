import numpy as np
import pytest
import torch
from scipy import stats

from sklearn_unsup.networks import losses


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
    codes = torch.tensor([[1.0, 1.0, 1.0, 1.0078125]])  # all of them numbers of bfloat16
    assert losses.l1_activity(codes.bfloat16()).item() == losses.l1_activity(codes).item()


@pytest.mark.parametrize("variance", [0.01, 1.0, 30.0, [[[0.1], [1.0], [3.0]]]])
def test_gaussian_log_likelihood_is_that_of_scipy(pair, variance):
    outputs, targets = (tensor.double().numpy() for tensor in pair)
    expected = stats.norm(outputs, np.sqrt(variance)).logpdf(targets).sum(axis=(1, 2, 3))
    variances = torch.tensor(variance) * torch.ones(1, 3, 2)
    found = losses.gaussian_log_likelihood(pair[1] - pair[0], variances)
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


# Of two players


@pytest.fixture
def scores():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 8, generator=generator) * 2  # of real images, of generated ones


def test_the_logistic_losses_are_those_of_the_paper(scores):
    """Goodfellow et al. 2014: eq. 1, and the generator's log D of section 3."""
    real, generated = 1 / (1 + np.exp(-scores.double().numpy()))
    value = np.log(real).mean() + np.log(1 - generated).mean()
    assert losses.logistic_discriminator(*scores).item() == pytest.approx(-value, rel=1e-6)
    assert losses.logistic_generator(scores[1]).item() == pytest.approx(
        -np.log(generated).mean(), rel=1e-6
    )


def test_a_hinge_is_zero_beyond_its_margin_and_linear_before():
    real, generated = torch.tensor([3.0, 0.5]), torch.tensor([-1.5, 0.0])
    assert losses.hinge_discriminator(real, generated).item() == (0 + 0.5) / 2 + (0 + 1) / 2
    assert losses.mean_score_generator(generated).item() == 0.75


def test_least_squares_have_the_labels_of_the_paper(scores):
    """Mao et al. 2017, eq. 2 with a = -1, b = c = 1."""
    real, generated = scores.double().numpy()
    expected = 0.5 * np.mean((real - 1) ** 2) + 0.5 * np.mean((generated + 1) ** 2)
    assert losses.least_squares_discriminator(*scores).item() == pytest.approx(expected)
    expected = 0.5 * np.mean((generated - 1) ** 2)
    assert losses.least_squares_generator(scores[1]).item() == pytest.approx(expected)


def test_the_best_1_lipschitz_critic_estimates_the_wasserstein_distance():
    real, generated = torch.tensor([1.0, 2.0, 6.0]), torch.tensor([0.0, 1.0, 2.0])
    expected = stats.wasserstein_distance(real.numpy(), generated.numpy())  # of points on a line
    assert losses.wasserstein_discriminator(real, generated).item() == pytest.approx(-expected)


@pytest.fixture
def linear_critic():
    """Images (5, 1, 2, 3), and the scores of a critic whose gradient has a norm of 3."""
    images = torch.rand(5, 1, 2, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    weight = torch.full((6,), 3 / 6**0.5, requires_grad=True)
    return images.flatten(1) @ weight, images, weight


def test_the_energy_distance_is_that_of_scipy_without_bias():
    real, generated = torch.randn(2, 400, 1, generator=torch.Generator().manual_seed(0))
    generated = 0.5 * generated[:300] + 1
    biased = stats.energy_distance(real[:, 0], generated[:, 0]) ** 2  # counts a row with itself
    within = sum(torch.cdist(rows, rows).mean() / (len(rows) - 1) for rows in (real, generated))
    distance = losses.energy_distance(real, generated).item()
    assert distance == pytest.approx(biased - within.item(), rel=1e-4)


def test_the_energy_distance_leads_back_to_a_lost_kind():
    """Ten of a hundred rows are far away, and no generated one is: the nearest moves there."""
    real = torch.randn(100, 5, generator=torch.Generator().manual_seed(0))
    real[:10, 0] += 10
    generated = torch.randn(100, 5, generator=torch.Generator().manual_seed(1)).requires_grad_()
    losses.energy_distance(real, generated).backward()
    nearest = generated[:, 0].argmax()
    assert generated.grad[nearest, 0] < 0  # a step against it goes up
    same = torch.ones(4, 3, requires_grad=True)
    losses.energy_distance(same.detach(), same).backward()
    assert same.grad.isfinite().all()
    assert losses.energy_distance(same[:1], same[:2]) == 0


def test_gradient_penalties_of_a_linear_critic(linear_critic):
    critic_scores, images, weight = linear_critic
    assert losses.r1_penalty(critic_scores, images).item() == pytest.approx(0.5 * 9)
    penalty = losses.lipschitz_penalty(critic_scores, images)
    assert penalty.item() == pytest.approx((3 - 1) ** 2)
    penalty.backward()  # of (|w| - 1)^2: 2 (|w| - 1) w / |w|
    torch.testing.assert_close(weight.grad, 2 * (3 - 1) * weight.detach() / 3)


def test_the_lipschitz_penalty_of_a_flat_critic_has_a_finite_gradient():
    images = torch.ones(2, 1, 1, 2, requires_grad=True)
    weight = torch.zeros(2, requires_grad=True)
    losses.lipschitz_penalty(images.flatten(1) @ weight, images).backward()
    assert torch.isfinite(weight.grad).all()


@pytest.fixture
def views():
    generator = torch.Generator().manual_seed(1)
    first = torch.randn(20, 5, generator=generator) * torch.tensor([0.1, 0.5, 1, 2, 3])
    return first, first + 0.3 * torch.randn(20, 5, generator=generator)


def test_vicreg_adds_invariance_variance_and_covariance(views):
    a, b = (view.double().numpy() for view in views)
    invariance = np.square(a - b).mean()
    variance, covariance = 0, 0
    for z in (a, b):
        matrix = np.cov(z.T)
        variance += np.maximum(0, 1 - np.sqrt(np.diag(matrix) + 1e-4)).mean()
        covariance += (np.square(matrix).sum() - np.square(np.diag(matrix)).sum()) / 5
    expected = 3 * invariance + 2 * variance + 0.5 * covariance
    assert losses.vicreg(*views, weights=(3, 2, 0.5)).item() == pytest.approx(expected, rel=1e-5)


def test_barlow_twins_compares_the_cross_correlation_with_the_identity(views):
    correlation = np.corrcoef(*(view.double().numpy().T for view in views))[:5, 5:]
    squares = np.square(correlation - np.eye(5))
    expected = np.diag(squares).sum() + 0.1 * (squares.sum() - np.diag(squares).sum())
    assert losses.barlow_twins(*views, weight=0.1).item() == pytest.approx(expected, rel=1e-3)


def test_the_contrastive_loss_is_the_cross_entropy_of_finding_the_other_view(views):
    z = torch.cat(views).double().numpy()
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    logits = z @ z.T / 0.5
    expected = []
    for i in range(40):
        others = np.delete(logits[i], i)
        expected.append(np.log(np.exp(others).sum()) - logits[i, (i + 20) % 40])
    found = losses.contrastive(*views, temperature=0.5).item()
    assert found == pytest.approx(np.mean(expected), rel=1e-5)
