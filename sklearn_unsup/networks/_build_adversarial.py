"""The parts of a generative adversarial network, from the parameters of an estimator."""

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
    """Return a network of these parameters, as :class:`.ConvGAN` describes them.

    Raises
    ------
    ValueError
        If two of them do not go together.
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
    n_judged = JOINT_WIDTH if joint else 1
    judge = LeakyEncoder if objective == "hinge" else ConvEncoder
    if code != "discriminator":  # straight to the code: its neighbours are alike more often
        straight = {**widths, "hidden_layer_sizes": ()}
        encoder = build_encoder(encoder, image_shape, n_components, **straight)
    return GenerativeAdversarialNetwork(
        build_decoder(generator, image_shape, n_components, "generator", Generator, **widths),
        build_encoder(discriminator, image_shape, n_judged, "discriminator", judge, **widths),
        image_shape,
        n_components,
        objective=objective,
        encoder=encoder,
        joint=joint,
        r1_penalty=r1_penalty,
        ema_decay=ema_decay,
    )
