"""Fully connected networks."""

from functools import partial

import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from torch import nn

from sklearn_unsup import ConvAutoencoder, ConvGAN
from sklearn_unsup.networks import MLPDecoder, MLPEncoder


@pytest.mark.parametrize("image_shape", [(1, 8, 8), (3, 5, 7), (2, 1, 9)])
@pytest.mark.parametrize("hidden_layer_sizes", [(), (6,), (6, 5)])
def test_there_and_back(image_shape, hidden_layer_sizes):
    images = torch.randn(4, *image_shape)
    codes = MLPEncoder(image_shape, 3, hidden_layer_sizes)(images)
    assert codes.shape == (4, 3)
    assert MLPDecoder(image_shape, 3, hidden_layer_sizes)(codes).shape == images.shape


def test_layers_have_the_asked_widths_and_activations_between_them():
    layers = MLPDecoder((1, 28, 28), 100, (256, 512, 1024), nn.Tanh).layers
    widths = [layer.out_features for layer in layers if isinstance(layer, nn.Linear)]
    assert widths == [256, 512, 1024, 784]
    assert [type(layer) for layer in layers[-3:]] == [nn.Linear, nn.Tanh, nn.Unflatten]
    assert [type(layer) for layer in layers[:3]] == [nn.Linear, nn.LeakyReLU, nn.Linear]


def test_an_autoencoder_of_them_keeps_more_than_pca(digits):
    networks = {"encoder": partial(MLPEncoder, hidden_layer_sizes=(128,))}
    networks["decoder"] = partial(MLPDecoder, hidden_layer_sizes=(128,))
    autoencoder = ConvAutoencoder(8, **networks, max_epochs=40, random_state=0, device="cpu").fit(
        digits
    )
    pca = PCA(8).fit(digits)
    back = pca.inverse_transform(pca.transform(digits))
    assert autoencoder.score(digits) > r2_score(digits, back, multioutput="variance_weighted")


@pytest.mark.filterwarnings("ignore:The generator has collapsed")
def test_a_generator_with_tanh_stays_in_the_range_of_x(digits):
    gan = ConvGAN(
        4,
        generator=partial(MLPDecoder, output_activation=nn.Tanh),
        discriminator=MLPEncoder,
        max_epochs=2,
        random_state=0,
        device="cpu",
    ).fit(digits)
    drawn = gan.sample(50, random_state=0)
    assert drawn.min() >= digits.min()
    assert drawn.max() <= digits.max()
