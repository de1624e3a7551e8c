"""Build a generative adversarial network from the parameters of an estimator."""

from sklearn_unsup.networks._adversarial import JOINT_WIDTH, GenerativeAdversarialNetwork
from sklearn_unsup.networks._convolutional import ConvEncoder, Generator, LeakyEncoder
from sklearn_unsup.networks._custom import build_decoder, build_encoder


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
