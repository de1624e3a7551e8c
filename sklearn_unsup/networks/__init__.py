"""Networks: torch modules, images in, codes or images out. Tensor code only."""

from sklearn_unsup.networks._autoencoder import Autoencoder
from sklearn_unsup.networks._convolutional import ConvDecoder, ConvEncoder
from sklearn_unsup.networks._custom import build_decoder, build_encoder
from sklearn_unsup.networks._initialisation import initialise
from sklearn_unsup.networks._likelihoods import (
    MIN_VARIANCE,
    BernoulliLikelihood,
    GaussianLikelihood,
)
from sklearn_unsup.networks._variational import VariationalAutoencoder

__all__ = [
    "MIN_VARIANCE",
    "Autoencoder",
    "BernoulliLikelihood",
    "ConvDecoder",
    "ConvEncoder",
    "GaussianLikelihood",
    "VariationalAutoencoder",
    "build_decoder",
    "build_encoder",
    "initialise",
]
