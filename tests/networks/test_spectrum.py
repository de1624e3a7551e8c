import numpy as np
import pytest
import torch
from scipy.fft import dctn

from sklearn_unsup.networks._spectrum import dct, inverse_dct


@pytest.mark.parametrize("shape", [(2, 3, 5, 8), (1, 1, 1, 7), (4, 2, 1, 1)])
def test_the_transform_is_that_of_scipy_and_has_an_inverse(shape):
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    expected = dctn(images.double().numpy(), axes=(2, 3), norm="ortho")
    np.testing.assert_allclose(dct(images).numpy(), expected, atol=1e-5)
    torch.testing.assert_close(inverse_dct(dct(images)), images)
