"""Networks: torch modules between images and codes, with their losses. Tensor code only."""

from sklearn_unsup.networks._adversarial import (
    OBJECTIVES,
    GenerativeAdversarialNetwork,
)
from sklearn_unsup.networks._autoencoder import Autoencoder
from sklearn_unsup.networks._average import average_of, update_average
from sklearn_unsup.networks._build import (
    EMBEDDING_OBJECTIVES,
    LIKELIHOODS,
    build_adversarial,
    build_autoencoder,
    build_clustering,
    build_neighbor_embedding,
    build_self_supervised,
    build_variational,
)
from sklearn_unsup.networks._clustering import (
    ClusterHeadMixin,
    ClusteringNetwork,
    NeighborViews,
    ReconstructingClusteringNetwork,
    fit_head,
    random_head,
)
from sklearn_unsup.networks._convolutional import (
    ConvDecoder,
    ConvEncoder,
    Generator,
)
from sklearn_unsup.networks._custom import build_decoder, build_encoder
from sklearn_unsup.networks._initialisation import HE_GAIN, initialise, materialise
from sklearn_unsup.networks._likelihoods import (
    MIN_VARIANCE,
    BernoulliLikelihood,
    GaussianLikelihood,
)
from sklearn_unsup.networks._mlp import MLPDecoder, MLPEncoder
from sklearn_unsup.networks._neighbor_pairs import NeighborPairs
from sklearn_unsup.networks._network import AdversarialNetwork, Batch, Network
from sklearn_unsup.networks._parts import copy_module
from sklearn_unsup.networks._patch_features import (
    n_features,
    normalise_contrast,
    patch_features,
    patch_size,
    principal_patches,
)
from sklearn_unsup.networks._pooled import PooledEncoder, Projector
from sklearn_unsup.networks._random_features import RandomFeatures
from sklearn_unsup.networks._scaling import Scaling
from sklearn_unsup.networks._self_supervised import (
    SELF_SUPERVISED_OBJECTIVES,
    SelfSupervisedNetwork,
)
from sklearn_unsup.networks._variational import VariationalAutoencoder

__all__ = [
    "EMBEDDING_OBJECTIVES",
    "HE_GAIN",
    "LIKELIHOODS",
    "MIN_VARIANCE",
    "OBJECTIVES",
    "SELF_SUPERVISED_OBJECTIVES",
    "AdversarialNetwork",
    "Autoencoder",
    "Batch",
    "BernoulliLikelihood",
    "ClusterHeadMixin",
    "ClusteringNetwork",
    "ConvDecoder",
    "ConvEncoder",
    "GaussianLikelihood",
    "GenerativeAdversarialNetwork",
    "Generator",
    "MLPDecoder",
    "MLPEncoder",
    "NeighborPairs",
    "NeighborViews",
    "Network",
    "PooledEncoder",
    "Projector",
    "RandomFeatures",
    "ReconstructingClusteringNetwork",
    "Scaling",
    "SelfSupervisedNetwork",
    "VariationalAutoencoder",
    "average_of",
    "build_adversarial",
    "build_autoencoder",
    "build_clustering",
    "build_decoder",
    "build_encoder",
    "build_neighbor_embedding",
    "build_self_supervised",
    "build_variational",
    "copy_module",
    "fit_head",
    "initialise",
    "materialise",
    "n_features",
    "normalise_contrast",
    "patch_features",
    "patch_size",
    "principal_patches",
    "random_head",
    "update_average",
]
