"""The Muon optimiser for weights of any shape.

Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks",
https://kellerjordan.github.io/posts/muon/. :class:`torch.optim.Muon` takes matrices only.
"""

import math

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the iteration: Jordan et al. 2024
N_ITERATIONS = 4
EPS = 1e-7


class Muon(torch.optim.Optimizer):
    """Step along the orthogonalised momentum of each weight with two axes or more.

    A kernel is flattened to a matrix: one row per index of its first axis. The momentum of a matrix
    is replaced by the nearest matrix with equal singular values, so that all directions are learnt
    at the same speed. Steps are scaled to the size of Adam's, so that both take the same learning
    rates (Liu et al. 2025, "Muon is Scalable for LLM Training", section 2.2). Other parameters
    (biases, normalisation) take steps of Adam.

    Parameters
    ----------
    params : iterable of Parameter or dict
    lr : float, default=1e-3
        Learning rate.
    momentum : float, default=0.95
        Decay of the momentum of matrices, which is Nesterov's.
    betas : tuple of float, default=(0.9, 0.99)
        Decay rates of Adam's moments.
    eps : float, default=1e-8
        Term of Adam's denominator.
    weight_decay : float, default=0.0
        Decoupled weight decay, of all parameters.
    """

    def __init__(
        self, params, lr=1e-3, momentum=0.95, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.0
    ):
        # "capturable" is set by CUDA graphs; all steps of this class can be captured.
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "capturable": False,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure=None):
        """Take a step; `closure` computes the gradients and returns the loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if group["weight_decay"]:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                update = self._matrix_update if parameter.dim() >= 2 else self._vector_update
                parameter.sub_(update(parameter, group).mul_(group["lr"]))
        return loss

    def _matrix_update(self, parameter, group):
        """Return the orthogonalised momentum, with the size of a step of Adam."""
        state, gradient = self.state[parameter], parameter.grad
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        momentum = state["momentum_buffer"].lerp_(gradient, 1 - group["momentum"])
        matrix = gradient.lerp(momentum, group["momentum"]).flatten(1)
        return (
            orthogonalise(matrix).mul_(0.2 * math.sqrt(max(matrix.shape))).reshape(parameter.shape)
        )

    def _vector_update(self, parameter, group):
        """Return the step of Adam, without its learning rate."""
        state, gradient = self.state[parameter], parameter.grad
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        step = state["step"].add_(1)
        first, second = group["betas"]
        mean = state["exp_avg"].lerp_(gradient, 1 - first)
        square = state["exp_avg_sq"].lerp_(gradient * gradient, 1 - second)
        deviation = (square / (1 - second**step)).sqrt_().add_(group["eps"])
        return mean / (1 - first**step) / deviation


def orthogonalise(matrix):
    """Return the nearest matrix (m, n) whose singular values are about equal, in float32.

    The Newton-Schulz iteration of Jordan et al. (2024) maps the singular values to between 0.7 and
    1.2, if they are not tiny in proportion to the norm.
    """
    a, b, c = COEFFICIENTS
    is_tall = len(matrix) > matrix.shape[1]
    result = (matrix.T if is_tall else matrix).float()  # (m, n), m <= n
    result = result / (torch.linalg.matrix_norm(result) + EPS)
    for _ in range(N_ITERATIONS):
        gram = result @ result.T  # (m, m)
        polynomial = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        result = torch.addmm(result, polynomial, result, beta=a)
    return (result.T if is_tall else result).to(matrix.dtype)
