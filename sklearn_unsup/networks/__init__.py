"""Networks: torch modules, images in, codes or images out. Tensor code only."""

from sklearn_unsup.networks._autoencoder import Autoencoder
from sklearn_unsup.networks._convolutional import ConvDecoder, ConvEncoder
from sklearn_unsup.networks._custom import build_decoder, build_encoder
from sklearn_unsup.networks._initialisation import initialise

__all__ = [
    "Autoencoder",
    "ConvDecoder",
    "ConvEncoder",
    "build_decoder",
    "build_encoder",
    "initialise",
]
