"""The public estimators."""

from sklearn_unsup.estimators._autoencoder import ConvAutoencoder
from sklearn_unsup.estimators._clusterer import ConvClusterer
from sklearn_unsup.estimators._gan import ConvGAN
from sklearn_unsup.estimators._neighbor_embedding import ConvNeighborEmbedding
from sklearn_unsup.estimators._outliers import ConvOutlierDetector
from sklearn_unsup.estimators._self_supervised import ConvSelfSupervisedEncoder
from sklearn_unsup.estimators._vae import ConvVAE

__all__ = [
    "ConvAutoencoder",
    "ConvClusterer",
    "ConvGAN",
    "ConvNeighborEmbedding",
    "ConvOutlierDetector",
    "ConvSelfSupervisedEncoder",
    "ConvVAE",
]
