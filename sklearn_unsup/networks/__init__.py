"""Networks: torch modules between images and codes, with their losses. Tensor code only."""

from sklearn_unsup.networks._adversarial import (
    JOINT_WIDTH,
    OBJECTIVES,
    GenerativeAdversarialNetwork,
)
from sklearn_unsup.networks._autoencoder import Autoencoder
from sklearn_unsup.networks._convolutional import (
    ConvDecoder,
    ConvEncoder,
    Generator,
    LeakyEncoder,
)
from sklearn_unsup.networks._custom import build_decoder, build_encoder
from sklearn_unsup.networks._initialisation import HE_GAIN, initialise, materialise
from sklearn_unsup.networks._likelihoods import (
    MIN_VARIANCE,
    BernoulliLikelihood,
    GaussianLikelihood,
)
from sklearn_unsup.networks._mlp import MLPDecoder, MLPEncoder
from sklearn_unsup.networks._parts import copy_module
from sklearn_unsup.networks._random_features import RandomFeatures
from sklearn_unsup.networks._variational import VariationalAutoencoder

__all__ = [
    "HE_GAIN",
    "JOINT_WIDTH",
    "MIN_VARIANCE",
    "OBJECTIVES",
    "Autoencoder",
    "BernoulliLikelihood",
    "ConvDecoder",
    "ConvEncoder",
    "GaussianLikelihood",
    "GenerativeAdversarialNetwork",
    "Generator",
    "LeakyEncoder",
    "MLPDecoder",
    "MLPEncoder",
    "RandomFeatures",
    "VariationalAutoencoder",
    "build_decoder",
    "build_encoder",
    "copy_module",
    "initialise",
    "materialise",
]
