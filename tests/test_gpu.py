"""The checks of a GPU: there if there is one, and on a CPU, where they find their own mistakes."""

import gpu_checks
import pytest


@pytest.mark.slow  # `make gpu` on a CPU, in test_benchmarks.py, runs some
@pytest.mark.parametrize("check", gpu_checks.CHECKS, ids=lambda check: check.__name__)
def test_on_a_cpu(check):
    check("cpu")


@pytest.mark.gpu
@pytest.mark.parametrize(
    "check", gpu_checks.CHECKS + gpu_checks.ON_A_GPU, ids=lambda check: check.__name__
)
def test_on_a_gpu(check):
    check("cuda")
