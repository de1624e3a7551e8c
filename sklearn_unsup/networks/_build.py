"""Build a network from the parameters of its estimator."""

from functools import partial

import torch

from sklearn_unsup.networks import embedding_losses, losses
from sklearn_unsup.networks._adversarial import JOINT_WIDTH, GenerativeAdversarialNetwork
from sklearn_unsup.networks._autoencoder import Autoencoder
from sklearn_unsup.networks._clustering import (
    CenterHead,
    ClusteringNetwork,
    LinearHead,
    ReconstructingClusteringNetwork,
)
from sklearn_unsup.networks._convolutional import ConvEncoder, Generator, LeakyEncoder
from sklearn_unsup.networks._custom import build_decoder, build_encoder
from sklearn_unsup.networks._likelihoods import BernoulliLikelihood, GaussianLikelihood
from sklearn_unsup.networks._neighbor_embedding import NeighborEmbeddingNetwork
from sklearn_unsup.networks._pooled import PooledEncoder, PooledMLPEncoder, Projector
from sklearn_unsup.networks._self_supervised import (
    SELF_SUPERVISED_OBJECTIVES,
    SelfSupervisedNetwork,
)
from sklearn_unsup.networks._variational import VariationalAutoencoder

EMBEDDING_OBJECTIVES = {
    "umap": embedding_losses.umap,
    "tsne": embedding_losses.tsne,
    "infonce": embedding_losses.info_nce,
}
PROJECTOR_WIDTHS = 256, 256  # as of ConvSelfSupervisedEncoder
LIKELIHOODS = {"gaussian": GaussianLikelihood, "bernoulli": BernoulliLikelihood}


def build_autoencoder(
    image_shape, n_components, encoder, decoder, loss, noise_level, l1_activity, **widths
):
    """Return a network with these parameters of :class:`.ConvAutoencoder`."""
    return Autoencoder(
        build_encoder(encoder, image_shape, n_components, **widths),
        build_decoder(decoder, image_shape, n_components, **widths),
        image_shape,
        loss=getattr(losses, loss),
        output=torch.sigmoid if loss == "binary_cross_entropy" else None,
        penalty=partial(losses.l1_activity, weight=l1_activity) if l1_activity else None,
        noise_level=noise_level,
    )


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
        binarize=binarize is not None,  # of "static", this changes Gaussian images only
    )


def build_adversarial(
    image_shape,
    n_components,
    encoder,
    generator,
    discriminator,
    objective,
    r1_penalty,
    code,
    ema_decay,
    **widths,
):
    """Return a network with these parameters of :class:`.ConvGAN`.

    Raises
    ------
    ValueError
        If two parameters are incompatible.
    """
    if code == "discriminator" and discriminator is not None:
        raise ValueError(
            "code='discriminator' pools the convolution stages of the discriminator, and those "
            "of the custom discriminator= are not known. Set code='regression'."
        )
    if code == "discriminator" and encoder is not None:
        raise ValueError(
            "code='discriminator' has no encoder, and encoder= would not be used. Set "
            "code='regression', or leave encoder out."
        )
    joint = code == "adversarial"
    n_outputs = JOINT_WIDTH if joint else 1
    default = LeakyEncoder if objective == "hinge" else ConvEncoder
    if code != "discriminator":  # without hidden layers, neighbouring codes are alike more often
        no_hidden = {**widths, "hidden_layer_sizes": ()}
        encoder = build_encoder(encoder, image_shape, n_components, **no_hidden)
    return GenerativeAdversarialNetwork(
        build_decoder(generator, image_shape, n_components, "generator", Generator, **widths),
        build_encoder(discriminator, image_shape, n_outputs, "discriminator", default, **widths),
        image_shape,
        n_components,
        objective=objective,
        encoder=encoder,
        joint=joint,
        r1_penalty=r1_penalty,
        ema_decay=ema_decay,
    )


def build_self_supervised(
    image_shape,
    n_components,
    hidden_channels,
    projector_layer_sizes,
    encoder,
    objective,
    regularization,
    temperature,
):
    """Return a network with these parameters of :class:`.ConvSelfSupervisedEncoder`."""
    loss = SELF_SUPERVISED_OBJECTIVES[objective]
    if objective == "simclr":
        loss = partial(loss, temperature=temperature)
    else:
        loss = partial(loss, regularization=regularization)
    return SelfSupervisedNetwork(
        _pooled_encoder(encoder, image_shape, n_components, hidden_channels),
        Projector(n_components, *projector_layer_sizes),
        image_shape,
        loss,
    )


def build_clustering(
    image_shape,
    n_components,
    n_clusters,
    hidden_channels,
    projector_layer_sizes,
    encoder,
    method,
    pretrain,
):
    """Return a network with these parameters of :class:`.ConvClusterer`."""
    head = {"information": LinearHead, "idec": CenterHead}[method](n_components, n_clusters)
    if pretrain == "autoencoder":
        widths = {"hidden_channels": hidden_channels, "hidden_layer_sizes": ()}
        return ReconstructingClusteringNetwork(
            build_encoder(encoder, image_shape, n_components, **widths),
            build_decoder(None, image_shape, n_components, **widths),
            image_shape,
            head,
            n_components,
        )
    return ClusteringNetwork(
        _pooled_encoder(encoder, image_shape, n_components, hidden_channels),
        Projector(n_components, *projector_layer_sizes),
        image_shape,
        losses.vicreg,
        head,
        n_components,
    )


def build_neighbor_embedding(
    image_shape,
    n_components,
    hidden_channels,
    hidden_layer_sizes,
    encoder,
    decoder,
    objective,
    kernel,
    negative_sample_rate,
    noise_level,
    neighbors,
):
    """Return a network with these parameters of :class:`.ConvNeighborEmbedding`."""
    widths = {"hidden_channels": hidden_channels, "hidden_layer_sizes": hidden_layer_sizes}
    loss = EMBEDDING_OBJECTIVES[objective]
    if objective == "umap":
        a, b = kernel
        loss = partial(loss, a=a, b=b, negative_sample_rate=negative_sample_rate)
    built = build_encoder(encoder, image_shape, n_components, default=PooledMLPEncoder, **widths)
    projector = Projector(built.width, *PROJECTOR_WIDTHS) if neighbors == "views" else None
    return NeighborEmbeddingNetwork(
        built,
        build_decoder(decoder, image_shape, n_components, **widths),
        image_shape,
        loss,
        n_components,
        noise_level,
        projector,
    )


def _pooled_encoder(encoder, image_shape, n_components, hidden_channels):
    return build_encoder(
        encoder,
        image_shape,
        n_components,
        default=PooledEncoder,
        hidden_channels=hidden_channels,
    )
