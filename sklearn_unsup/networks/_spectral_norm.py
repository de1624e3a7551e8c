"""Spectral normalisation, with no random numbers: torch's own draws from the global state."""

import torch
from torch import nn
from torch.nn.utils import parametrize

N_ITERATIONS = 1  # a step: Miyato et al. 2018, section 2.1
EPSILON = 1e-12


def add_spectral_norm(module):
    """Divide the weight of each convolution and linear layer of `module` by its spectral norm.

    Miyato, Kataoka, Koyama & Yoshida 2018, "Spectral Normalization for Generative Adversarial
    Networks".
    """
    layers = [] if module is None else list(module.modules())
    for layer in layers:
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear):
            norm = _SpectralNorm(layer.weight)
            # Unsafe: without a trial, which would see the memory of weights that are not set yet.
            parametrize.register_parametrization(layer, "weight", norm, unsafe=True)


class _SpectralNorm(nn.Module):
    """Divide a weight by an estimate of its largest singular value, refined in each step."""

    def __init__(self, weight):
        super().__init__()
        rows, columns = len(weight), weight[0].numel()
        self.register_buffer("left", torch.full((rows,), rows**-0.5))
        self.register_buffer("right", torch.full((columns,), columns**-0.5))

    def forward(self, weight):
        matrix = weight.flatten(1)
        if self.training:
            with torch.no_grad():
                for _ in range(N_ITERATIONS):
                    # In place, so that a replayed CUDA graph goes on from where it was.
                    self.right.copy_(_unit(matrix.T @ self.left))
                    self.left.copy_(_unit(matrix @ self.right))
        # Copies: backward may need these vectors after the next forward has refined them.
        left, right = self.left.clone(), self.right.clone()
        return weight / (left @ matrix @ right).clamp(min=EPSILON)


def _unit(vector):
    return nn.functional.normalize(vector, dim=0, eps=EPSILON)
