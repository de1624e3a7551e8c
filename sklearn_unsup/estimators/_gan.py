"""A generative adversarial network.

Goodfellow et al. 2014, "Generative Adversarial Nets".
"""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if

from sklearn_unsup._data import check_in_range, unit_range
from sklearn_unsup._sklearn import Interval, StrOptions
from sklearn_unsup._training import AdversarialTrainer
from sklearn_unsup.estimators._base import ImageEstimator
from sklearn_unsup.estimators._decoding import DecoderMixin
from sklearn_unsup.estimators._encoding import EncoderMixin
from sklearn_unsup.estimators._parameters import store, with_shared_parameters
from sklearn_unsup.estimators._quality import GenerationQualityMixin
from sklearn_unsup.estimators._sampling import CodeSamplerMixin
from sklearn_unsup.networks import HE_GAIN, OBJECTIVES, build_adversarial


def _is_invertible(gan):
    """Tell whether the generator can decode the output of `transform`."""
    if getattr(gan, "_fitted_params", vars(gan))["code"] == "discriminator":
        raise AttributeError(
            "code='discriminator' gives features, which the generator cannot read. Fit with "
            "code='regression' or code='adversarial' to go from images to codes and back."
        )
    return True


@with_shared_parameters(
    auto_steps="1,000",
    last_layers="the\n    noise, or the discriminator's score; the encoder has none",
    early_stopping_effect='Stop when "valid_distance" no longer improves.',
    held_out=", at most 2,000 of them",
    watched='"valid_distance"',
    history="the losses of both\n    networks, and the scores that the notes explain",
)
class ConvGAN(GenerationQualityMixin, CodeSamplerMixin, DecoderMixin, EncoderMixin, ImageEstimator):
    """Convolutional generative adversarial network with an encoder.

    A generator maps noise to images, and a discriminator is trained to distinguish them from X. The
    generator is trained to fool the discriminator [1]_. `sample` generates images that are sharper
    than those of an autoencoder. `transform` returns codes of X from an encoder that is trained
    together with the generator, and `inverse_transform` generates images from codes. After each
    epoch, generated images are compared with held-out rows, and the best generator is kept.

    Parameters
    ----------
    generator : class or callable, default=None
        Builds a custom generator. It is called as `generator(image_shape=(C, H, W),
        n_inputs=n_components)` and returns a :class:`torch.nn.Module` that maps noise
        `(b, n_inputs)` to images `(b, C, H, W)` in [-1, 1], usually by a final tanh.

    discriminator : class or callable, default=None
        Builds a custom discriminator. It is called as `discriminator(image_shape=(C, H, W),
        n_outputs=1)` and returns a :class:`torch.nn.Module` that maps images `(b, C, H, W)` in
        [-1, 1] to scores `(b, 1)`, without a sigmoid. With ``code="adversarial"``, `n_outputs` is
        256, and these features are concatenated with the code.

    objective : {"non_saturating", "hinge", "wasserstein_gp", "least_squares"}, \
default="non_saturating"
        Loss of both networks: cross-entropy, hinge loss, Wasserstein distance or squared error.
        "hinge" adds spectral normalisation of the discriminator. "wasserstein_gp" adds a gradient
        penalty of weight 10; set `n_critic=5`. The user guide has the formulas: :ref:`gan`.

    r1_penalty : float, default=0.1
        Weight of the discriminator's squared gradient norm at real images, scaled to [-1, 1] [2]_.
        With larger values training is more stable and slower.

    energy_weight : float, default=1.0
        Weight, in the generator's loss, of the energy distance between the generated and the real
        images of a batch [3]_. Larger values lose fewer kinds of images, which are less sharp.

    n_critic : int, default=1
        Number of discriminator steps per generator step.

    code : {"regression", "adversarial", "discriminator"}, default="regression"
        Type of the codes that `transform` returns. "regression": an encoder predicts the noise of
        generated images. It does not affect the generator, and suits clustering, search and
        interpolation. "adversarial": the discriminator judges pairs of image and code, so the
        encoder is trained on X; this learns slowly. "discriminator": features for a classifier, the
        discriminator's convolution stages pooled to 4 x 4. `inverse_transform`, `reconstruct`,
        `interpolate` and `traverse` are then not available.

    ema_decay : float, default=0.999
        Decay per step of the moving average of the generator's weights, which generates all images.

    restore_best : bool, default=True
        Restore the weights of the epoch with the least "valid_distance" at the end of `fit`.

    Attributes
    ----------
    best_epoch_ : int
        Epoch whose weights are kept.

    See Also
    --------
    ConvVAE : A model of the density of images, with blurrier samples.
    ConvAutoencoder : Codes from which images can be reconstructed.

    Notes
    -----
    Every `fit` holds out rows, and `history_` compares them with as many generated images.
    "valid_distance" is 0 for a perfect generator and 1 for the mean image. "valid_missing" is the
    share of X in kinds of images of which almost none is generated (:func:`.missing_share`). The
    others are "valid_coverage" and "valid_diversity". "train_discriminator_accuracy" is 0.5 if
    generated images are indistinguishable from real ones. There is no "train_loss", as the losses
    do not measure quality, and no `score_samples`, as the model has no density.

    ``optimizer="adam"`` uses betas of 0 and 0.99 [2]_. `compile` does not apply to a discriminator
    loss with a gradient penalty.

    References
    ----------
    .. [1] Goodfellow et al. (2014). "Generative Adversarial Nets". NeurIPS.
    .. [2] Mescheder, Geiger & Nowozin (2018). "Which Training Methods for GANs do actually
       Converge?". ICML. Sections 4.1 and 5.1.
    .. [3] Székely & Rizzo (2013). "Energy statistics". J. Statistical Planning and Inference 143.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvGAN
    >>> X, _ = load_digits(return_X_y=True)
    >>> gan = ConvGAN(n_components=8, max_epochs=3, random_state=0).fit(X)
    >>> gan.sample(3, random_state=0).shape
    (3, 64)
    >>> gan.transform(X).shape
    (1797, 8)
    >>> gan.score(X) > -0.5
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        "generator": [callable, None],
        "discriminator": [callable, None],
        "objective": [StrOptions(set(OBJECTIVES))],
        "r1_penalty": [Interval(Real, 0, None, closed="left")],
        "energy_weight": [Interval(Real, 0, None, closed="left")],
        "n_critic": [Interval(Integral, 1, None, closed="left")],
        "code": [StrOptions({"regression", "adversarial", "discriminator"})],
        "ema_decay": [Interval(Real, 0, 1, closed="left")],
        "restore_best": ["boolean"],
    }
    _network_parameters = (
        "generator",
        "discriminator",
        "objective",
        "r1_penalty",
        "code",
        "ema_decay",
    )
    _factories: ClassVar[dict] = {
        "generator": ("generator", "average"),
        "discriminator": ("discriminator",),
    }
    _trainer = AdversarialTrainer
    _auto_steps = 1000
    _adam_betas = (0.0, 0.99)  # no momentum: Mescheder et al. 2018, section 5.1
    _gains: ClassVar[dict] = {"discriminator": HE_GAIN, "joint": HE_GAIN}

    def __init__(
        self,
        n_components=32,
        *,
        image_shape=None,
        channel_axis=None,
        hidden_channels="auto",
        hidden_layer_sizes=(256,),
        encoder=None,
        generator=None,
        discriminator=None,
        objective="non_saturating",
        r1_penalty=0.1,
        energy_weight=1.0,
        n_critic=1,
        code="regression",
        ema_decay=0.999,
        restore_best=True,
        max_epochs="auto",
        batch_size=64,
        learning_rate=1e-3,
        weight_decay=0.0,
        optimizer="adam",
        learning_rate_schedule="constant",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        verbose=False,
        random_state=None,
        device="auto",
        precision="auto",
        compile=False,
        callbacks=None,
    ):
        store(self, locals())

    _build_network = staticmethod(build_adversarial)

    def _train(self, network, data, phases):
        network.energy_weight = float(self.energy_weight)
        super()._train(network, data, phases)

    def _trainer_options(self):
        return {"n_critic": self.n_critic, "restore_best": self.restore_best}

    def _resume(self, rows):
        network = super()._resume(rows)
        low, scale = (network.scaling.offset - network.scaling.scale).min(), network.scaling.scale
        consequence = "beyond which nothing can be generated. Call fit with warm_start=False"
        check_in_range(rows, float(low), 2 * float(scale), consequence)
        return network

    def _fit_scaling(self, rows):
        low, width = unit_range(rows)
        return low + width / 2, width / 2  # to [-1, 1]

    inverse_transform = available_if(_is_invertible)(DecoderMixin.inverse_transform)
    reconstruct = available_if(_is_invertible)(DecoderMixin.reconstruct)
    interpolate = available_if(_is_invertible)(DecoderMixin.interpolate)
    traverse = available_if(_is_invertible)(DecoderMixin.traverse)

    def _draw_codes(self, n, seed):
        return np.random.RandomState(seed).standard_normal((n, self._code_width))

    def _transform(self, rows, out):
        if self.network_.encoder is not None:
            return super()._transform(rows, out)
        network, to_images = self.network_, self._to_images
        n_outputs = self._n_features_out
        return self._apply(lambda x: network.features(to_images(x)), rows, n_outputs, out=out)

    def _smoke_test(self, network, images, parameters):
        if network.encoder is not None:
            network.encode(images)
        network.decode(torch.zeros(len(images), parameters["n_components"]))

    @property
    def _n_features_out(self):
        if self.network_.encoder is not None:
            return self._code_width
        return self.network_.n_features
