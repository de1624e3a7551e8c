"""Fully connected networks, for `encoder=`, `decoder=`, `generator=` and `discriminator=`."""

from itertools import pairwise
from math import prod

import torch
from torch import nn

SLOPE = 0.2  # of a leaky ReLU below zero: Radford et al. 2016, section 3


class MLPEncoder(nn.Module):
    """Fully connected layers from images to codes, or to the logits of a discriminator.

    Leaky ReLUs with a slope of 0.2 come between the layers.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``.
    n_outputs : int
        Width of the code.
    hidden_layer_sizes : tuple of int, default=(512, 256)
        Widths of the layers between image and code. Use :func:`functools.partial` to change them.

    See Also
    --------
    MLPDecoder : Codes to images.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvAutoencoder
    >>> from sklearn_unsup.networks import MLPDecoder, MLPEncoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = ConvAutoencoder(
    ...     8,
    ...     encoder=partial(MLPEncoder, hidden_layer_sizes=(128, 64)),
    ...     decoder=partial(MLPDecoder, hidden_layer_sizes=(64, 128)),
    ...     max_epochs=10,
    ...     random_state=0,
    ... ).fit(X)
    >>> autoencoder.score(X) > 0.6
    True
    """

    def __init__(self, image_shape, n_outputs, hidden_layer_sizes=(512, 256)):
        super().__init__()
        layers = _layers([prod(image_shape), *hidden_layer_sizes, n_outputs])
        self.layers = nn.Sequential(nn.Flatten(), *layers)

    def forward(self, images):
        """Encode images.

        Parameters
        ----------
        images : Tensor of shape (b, C, H, W)
            Scaled, as documented for the estimator.

        Returns
        -------
        codes : Tensor of shape (b, n_outputs)
            Unbounded.
        """
        return self.layers(images)


class MLPDecoder(nn.Module):
    """Fully connected layers from codes to images.

    Leaky ReLUs with a slope of 0.2 come between the layers.

    Parameters
    ----------
    image_shape : tuple of int
        ``(C, H, W)``.
    n_inputs : int
        Width of the code.
    hidden_layer_sizes : tuple of int, default=(256, 512)
        Widths of the layers between code and image. Use :func:`functools.partial` to change them.
    output_activation : class, default=None
        Class of the last module, without arguments: :class:`torch.nn.Tanh` for the `generator` of
        `ConvGAN`, whose images are from -1 to 1. None for a `decoder`.

    See Also
    --------
    MLPEncoder : Images to codes.

    Examples
    --------
    >>> import torch
    >>> from sklearn_unsup.networks import MLPDecoder
    >>> MLPDecoder((1, 8, 8), 4)(torch.zeros(3, 4)).shape
    torch.Size([3, 1, 8, 8])
    """

    def __init__(
        self, image_shape, n_inputs, hidden_layer_sizes=(256, 512), output_activation=None
    ):
        super().__init__()
        layers = _layers([n_inputs, *hidden_layer_sizes, prod(image_shape)])
        if output_activation is not None:
            layers.append(output_activation())
        self.layers = nn.Sequential(*layers, nn.Unflatten(1, tuple(image_shape)))

    def forward(self, codes):
        """Decode codes.

        Parameters
        ----------
        codes : Tensor of shape (b, n_inputs)
            Codes or noise.

        Returns
        -------
        images : Tensor of shape (b, C, H, W)
            Unbounded, unless `output_activation` bounds them.
        """
        return self.layers(codes)


def _layers(widths):
    """Return linear layers of these widths, with activations between them."""
    layers = []
    for n_inputs, n_outputs in pairwise(widths):
        linear = nn.Linear(n_inputs, n_outputs, dtype=torch.float32, device="cpu")
        layers += [linear, nn.LeakyReLU(SLOPE)]
    return layers[:-1]
