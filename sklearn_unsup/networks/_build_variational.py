"""Build a variational autoencoder from the parameters of an estimator."""

from sklearn_unsup.networks._custom import build_decoder, build_encoder
from sklearn_unsup.networks._likelihoods import BernoulliLikelihood, GaussianLikelihood
from sklearn_unsup.networks._variational import VariationalAutoencoder

LIKELIHOODS = {"gaussian": GaussianLikelihood, "bernoulli": BernoulliLikelihood}


def build_variational(
    image_shape, n_components, encoder, decoder, likelihood, binarize, beta, free_bits, **widths
):
    """Return a network with these parameters of :class:`.ConvVAE`."""
    return VariationalAutoencoder(
        build_encoder(encoder, image_shape, 2 * n_components, **widths),
        build_decoder(decoder, image_shape, n_components, **widths),
        LIKELIHOODS[likelihood](image_shape),
        beta=beta,
        free_bits=free_bits,
        binarize=binarize == "dynamic",
    )
