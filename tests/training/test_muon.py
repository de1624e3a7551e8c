import numpy as np
import pytest
import torch
from scipy.linalg import polar

from sklearn_unsup._training._muon import Muon, orthogonalise


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(4, 60), (60, 4), (20, 30), (1, 5)])
def test_orthogonalise_is_close_to_the_polar_factor(shape):
    matrix = draw(*shape)
    found = orthogonalise(1e-3 * matrix).double().numpy()
    factor = polar(matrix.double().numpy())[0]
    assert np.linalg.norm(found - factor) < 0.35 * np.linalg.norm(factor)
    assert np.linalg.svd(found, compute_uv=False).max() < 1.35


def test_orthogonalise_of_zeros_is_zero():
    assert torch.equal(orthogonalise(torch.zeros(3, 4)), torch.zeros(3, 4))


@pytest.mark.parametrize("shape", [(16, 3, 5, 5), (8, 40)])
def test_a_step_has_the_size_of_adams_in_all_directions(shape):
    """Liu et al. 2025, section 2.2: the root mean square of an update is about 0.2."""
    weight = torch.nn.Parameter(torch.zeros(shape))
    weight.grad = draw(*shape) * torch.logspace(-1, 1, shape[0]).view(-1, *[1] * (len(shape) - 1))
    Muon([weight], lr=1.0).step()
    step = weight.detach().flatten(1)
    assert step.square().mean().sqrt().item() == pytest.approx(0.2, rel=0.35)
    of_rows, of_gradient = step.norm(dim=1), weight.grad.flatten(1).norm(dim=1)
    assert of_rows.max() / of_rows.min() < 3 < 30 < of_gradient.max() / of_gradient.min()


def test_vectors_and_numbers_take_the_steps_of_adam():
    own, other = ([torch.nn.Parameter(draw(5)), torch.nn.Parameter(draw())] for _ in range(2))
    optimizers = Muon(own, lr=0.1), torch.optim.Adam(other, lr=0.1, betas=(0.9, 0.99))
    for seed in range(4):
        for parameters, optimizer in zip((own, other), optimizers, strict=True):
            for parameter in parameters:
                parameter.grad = draw(*parameter.shape, seed=seed)
            optimizer.step()
    for ours, torchs in zip(own, other, strict=True):
        torch.testing.assert_close(ours, torchs)


def test_weight_decay_shrinks_all_parameters():
    parameters = [torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.ones(2))]
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    Muon(parameters, lr=0.1, weight_decay=0.5).step()
    for parameter in parameters:
        torch.testing.assert_close(parameter.detach(), torch.full_like(parameter, 0.95))


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch < 2.9 has no Muon")
@pytest.mark.parametrize("shape", [(6, 40), (40, 6)])
def test_matrices_take_the_steps_of_torchs_muon(shape):
    own, other = (torch.nn.Parameter(draw(*shape)) for _ in range(2))
    options = {"lr": 0.1, "weight_decay": 0.1}
    as_adam = {"ns_steps": 4, "adjust_lr_fn": "match_rms_adamw"}
    optimizers = Muon([own], **options), torch.optim.Muon([other], **options, **as_adam)
    for seed in range(4):
        for parameter, optimizer in zip((own, other), optimizers, strict=True):
            parameter.grad = draw(*shape, seed=seed)
            optimizer.step()
    torch.testing.assert_close(own, other, rtol=0, atol=5e-3)  # torch iterates in bfloat16
