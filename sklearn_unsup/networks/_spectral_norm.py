"""Spectral normalisation without random numbers; torch's own uses the global random state."""

import torch
from torch import nn
from torch.nn.utils import parametrize

from sklearn_unsup.networks._layers import translate_memory_errors

N_ITERATIONS = 1  # in each step: Miyato et al. 2018, section 2.1
EPSILON = 1e-12


def add_spectral_norm(module):
    """Divide the weight of each convolution and linear layer of `module` by its spectral norm.

    Miyato, Kataoka, Koyama & Yoshida 2018, "Spectral Normalization for Generative Adversarial
    Networks".
    """
    layers = [] if module is None else list(module.modules())
    for layer in layers:
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear):
            if "weight_u" in dict(layer.named_buffers(recurse=False)):
                continue  # it already has torch.nn.utils.spectral_norm
            if not (parametrize.is_parametrized(layer) or "weight" in layer._parameters):
                raise ValueError(
                    "discriminator= has a layer with torch.nn.utils.weight_norm, which "
                    "objective='hinge' cannot divide by a spectral norm. Use "
                    "torch.nn.utils.parametrizations.weight_norm instead."
                )
            norm = _SpectralNorm(layer.weight)
            # unsafe=True skips a trial pass, which fails for weights without memory.
            parametrize.register_parametrization(layer, "weight", norm, unsafe=True)


class _SpectralNorm(nn.Module):
    """Divide a weight by an estimate of its largest singular value, refined in each step."""

    def __init__(self, weight):
        super().__init__()
        options = {"dtype": weight.dtype, "device": "cpu"}  # the weight may have no memory yet
        for name, n in (("left", len(weight)), ("right", weight[0].numel())):
            with translate_memory_errors(weight.numel()):
                self.register_buffer(name, torch.full((n,), n**-0.5, **options))

    def forward(self, weight):
        matrix = weight.flatten(1)
        if self.training:
            with torch.no_grad():
                for _ in range(N_ITERATIONS):
                    # In place, so that a replayed CUDA graph continues from the last estimate.
                    self.right.copy_(_unit(matrix.T @ self.left))
                    self.left.copy_(_unit(matrix @ self.right))
        # Copies: backward may need these vectors after the next forward has refined them.
        left, right = self.left.clone(), self.right.clone()
        return weight / (left @ matrix @ right).clamp(min=EPSILON)


def _unit(vector):
    return nn.functional.normalize(vector, dim=0, eps=EPSILON)
