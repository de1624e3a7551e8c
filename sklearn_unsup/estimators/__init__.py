"""The estimators: what a user imports."""

from sklearn_unsup.estimators._autoencoder import ConvAutoencoder

__all__ = ["ConvAutoencoder"]
