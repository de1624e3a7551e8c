"""A generative adversarial network.

Goodfellow et al. 2014, "Generative Adversarial Nets"; Radford, Metz & Chintala 2016, "Unsupervised
Representation Learning with Deep Convolutional Generative Adversarial Networks".
"""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup._data import check_in_range, unit_range
from sklearn_unsup._devices import own_settings, seed_from
from sklearn_unsup._persistence import integer
from sklearn_unsup._sklearn import Interval, StrOptions
from sklearn_unsup._training import AdversarialTrainer, split_batches
from sklearn_unsup._warnings import warn
from sklearn_unsup.estimators._base import BaseConvEstimator
from sklearn_unsup.estimators._generation import (
    MAX_HELD_OUT,
    MIN_ROWS,
    generation_quality,
    n_held_out,
)
from sklearn_unsup.estimators._parameters import NETWORK_PARAMETERS, document
from sklearn_unsup.networks import (
    HE_GAIN,
    JOINT_WIDTH,
    OBJECTIVES,
    ConvEncoder,
    GenerativeAdversarialNetwork,
    Generator,
    LeakyEncoder,
    build_decoder,
    build_encoder,
)

ADAM_BETAS = (0.0, 0.99)  # no momentum: Mescheder et al. 2018, section 5.1
MIN_DIVERSITY = 0.02
MIN_COVERAGE = 0.05
MAX_ACCURACY = 0.99
PLAYERS = """\
generator : class or callable, default=None
        Builds a custom generator, called as `generator(image_shape=(C, H, W),
        n_inputs=n_components)`: a :class:`torch.nn.Module` that maps noise `(b, n_inputs)` to
        images `(b, C, H, W)` from -1 to 1, as a tanh gives them.

    discriminator : class or callable, default=None
        Builds a custom discriminator, called as `discriminator(image_shape=(C, H, W),
        n_outputs=1)`: a :class:`torch.nn.Module` that maps images `(b, C, H, W)` in [-1, 1] to
        scores `(b, 1)`, without a sigmoid. With ``code="adversarial"`` it is asked for 256 outputs,
        which are then joined to the code."""


def _has_codes(gan):
    """Tell whether `transform` gives codes, which the generator can read."""
    code = getattr(gan, "_fitted_params", vars(gan))["code"]
    if code == "discriminator":
        raise AttributeError(
            "code='discriminator' gives features, which the generator cannot read. Fit with "
            "code='regression' or code='adversarial' to go from images to codes and back."
        )
    return True


@document(
    last_layers=(
        "the\n        noise, and between the discriminator's and the score. The encoder has none"
    ),
    partners=PLAYERS,
    early_stopping='Stop when "valid_distance" no longer improves.',
    held_out=", at most 2,000 of them",
    watched='"valid_distance"',
    history="the losses of both players and the\n        figures of quality that the notes explain",
)
class ConvGAN(BaseConvEstimator):
    """Convolutional generative adversarial network, with codes of images.

    A generator turns noise into images, a discriminator learns to tell them from X, and the
    generator learns to deceive it [1]_ [2]_. `sample` draws new images, sharper than those of an
    autoencoder; `transform` gives codes of X by an encoder that is trained beside the generator,
    and `inverse_transform` generates images from codes.

    The training watches itself: each epoch, generated images are compared with rows that were held
    out, and the best generator is kept.

    Parameters
    ----------
    {shared_parameters}

    objective : {"non_saturating", "hinge", "wasserstein_gp", "least_squares"}, \
default="non_saturating"
        What the two play for: cross-entropy [1]_, hinge loss with spectral normalisation of the
        discriminator [3]_, Wasserstein distance with a gradient penalty of weight 10 [4]_ (take
        `n_critic=5`), or squared error [5]_.

    r1_penalty : float, default=0.1
        Weight (gamma) of the discriminator's squared gradient norm at real images, scaled to
        [-1, 1] [6]_. It keeps the discriminator from running ahead: more is safer and slower.

    n_critic : int, default=1
        Steps of the discriminator for each of the generator.

    code : {"regression", "adversarial", "discriminator"}, default="regression"
        What `transform` gives. "regression": the noise, as an encoder learns to read it off
        generated images, to which noise of standard deviation 0.5 is added (of a range from -1 to
        1). It does not disturb the game, and is for codes to cluster, search and walk through.
        "adversarial": the discriminator judges pairs of an image and its code, so that the encoder
        inverts the generator on X itself [7]_. It learns slowly: after three epochs of MNIST, 0.75
        of nearest neighbours were of the same digit, beside 0.95 by regression.
        "discriminator": no code but features for a classifier, the discriminator's convolution
        stages pooled to 4 x 4 [2]_ (0.97 there). They are many (3,584 of images of 28 x 28), and
        `inverse_transform`, `reconstruct`, `interpolate` and `traverse` are not offered.

    ema_decay : float, default=0.999
        Decay, per step, of the moving average of the generator's weights that all images are
        generated with.

    restore_best : bool, default=True
        Go back to the epoch of the least "valid_distance" at the end of `fit`.

    Attributes
    ----------
    {shared_attributes}

    best_epoch_ : int
        Epoch whose weights were kept.

    See Also
    --------
    ConvVAE : A density of images: blurred samples, but likelihoods.
    ConvAutoencoder : Codes that images can be reconstructed from.

    Notes
    -----
    Rows are held out in every `fit`, and each epoch as many images are generated and compared with
    them, in a feature space that depends on no model: pooled convolutions with fixed random
    weights. `history_` has "valid_distance", the squared Fréchet distance as a multiple of the
    variance of the real features (0 is perfect, 1 no better than the mean image),
    "valid_coverage" [8]_, "valid_diversity", the variance of the generated features as a multiple
    of the real, and "valid_missing", the share of held-out images in the largest group that
    resembles each other and no generated image: above 0, a kind of image is missing. A chunk of
    `partial_fit` with fewer than 4 rows is not judged. Of the players it has
    "train_discriminator_loss", "train_generator_loss" and "train_discriminator_accuracy" (0.5: it
    is deceived, 1: it is not), and no "train_loss": neither loss says how good the images are.

    There is no `score_samples`: the model gives no density of an image.

    Adam, by name, has betas of 0 and 0.99 here, no momentum [6]_. `compile` leaves out the
    discriminator's loss if it has a gradient penalty.

    References
    ----------
    .. [1] Goodfellow et al. (2014). "Generative Adversarial Nets". NeurIPS.
    .. [2] Radford, Metz & Chintala (2016). "Unsupervised Representation Learning with Deep
       Convolutional Generative Adversarial Networks". ICLR. Section 5.1.
    .. [3] Miyato, Kataoka, Koyama & Yoshida (2018). "Spectral Normalization for Generative
       Adversarial Networks". ICLR.
    .. [4] Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville (2017). "Improved Training of
       Wasserstein GANs". NeurIPS.
    .. [5] Mao et al. (2017). "Least Squares Generative Adversarial Networks". ICCV.
    .. [6] Mescheder, Geiger & Nowozin (2018). "Which Training Methods for GANs do actually
       Converge?". ICML. Section 4.1.
    .. [7] Donahue, Krähenbühl & Darrell (2017). "Adversarial Feature Learning". ICLR; and Dumoulin
       et al. (2017). "Adversarially Learned Inference". ICLR.
    .. [8] Naeem, Oh, Uh, Choi & Yoo (2020). "Reliable Fidelity and Diversity Metrics for Generative
       Models". ICML.

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
        **BaseConvEstimator._parameter_constraints,
        "generator": [callable, None],
        "discriminator": [callable, None],
        "objective": [StrOptions(set(OBJECTIVES))],
        "r1_penalty": [Interval(Real, 0, None, closed="left")],
        "n_critic": [Interval(Integral, 1, None, closed="left")],
        "code": [StrOptions({"regression", "adversarial", "discriminator"})],
        "ema_decay": [Interval(Real, 0, 1, closed="left")],
        "restore_best": ["boolean"],
    }
    _network_parameters = (
        *NETWORK_PARAMETERS,
        "generator",
        "discriminator",
        "objective",
        "r1_penalty",
        "code",
        "ema_decay",
    )
    _factories: ClassVar[dict] = {
        "encoder": ("encoder",),
        "generator": ("generator", "average"),
        "discriminator": ("discriminator",),
    }
    _trainer = AdversarialTrainer
    _always_validates = True
    _gains: ClassVar[dict] = {"discriminator": HE_GAIN, "joint": HE_GAIN}

    def __init__(
        self,
        n_components=32,
        *,
        image_shape=None,
        channel_axis=None,
        hidden_channels=(32, 64, 128),
        hidden_layer_sizes=(256,),
        encoder=None,
        generator=None,
        discriminator=None,
        objective="non_saturating",
        r1_penalty=0.1,
        n_critic=1,
        code="regression",
        ema_decay=0.999,
        restore_best=True,
        max_epochs=20,
        batch_size=64,
        learning_rate=2e-3,
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
        super().__init__(
            n_components,
            image_shape=image_shape,
            channel_axis=channel_axis,
            hidden_channels=hidden_channels,
            hidden_layer_sizes=hidden_layer_sizes,
            encoder=encoder,
            max_epochs=max_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            optimizer=optimizer,
            learning_rate_schedule=learning_rate_schedule,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            verbose=verbose,
            random_state=random_state,
            device=device,
            precision=precision,
            compile=compile,
            callbacks=callbacks,
        )
        self.generator = generator
        self.discriminator = discriminator
        self.objective = objective
        self.r1_penalty = r1_penalty
        self.n_critic = n_critic
        self.code = code
        self.ema_decay = ema_decay
        self.restore_best = restore_best

    def _build_network(
        self,
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
        joint = code == "adversarial"
        n_judged = JOINT_WIDTH if joint else 1
        judge = LeakyEncoder if objective == "hinge" else ConvEncoder
        if code == "discriminator":
            encoder = None
        else:  # straight to the code: its neighbours are alike more often
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

    def _trainer_options(self):
        return {
            "betas": ADAM_BETAS,
            "n_critic": self.n_critic,
            "restore_best": self.restore_best,
        }

    def _specs(self, network, state):
        return {
            **super()._specs(network, state),
            "best_epoch_": integer(1, len(state["history_"])),
            "_score_seed": integer(0, 2**31),
        }

    def _start(self, rows, generator):
        if self.code == "discriminator" and self.discriminator is not None:
            raise ValueError(
                "code='discriminator' pools the convolution stages of the discriminator, and those "
                "of the custom discriminator= are not known. Set code='regression'."
            )
        if self.code == "discriminator" and self.encoder is not None:
            raise ValueError(
                "code='discriminator' has no encoder, and encoder= would not be used. Set "
                "code='regression', or leave encoder out."
            )
        network = super()._start(rows, generator)
        network.average.load_state_dict(network.generator.state_dict())
        self._score_seed = seed_from(generator)
        return network

    def _resume(self, rows):
        network = super()._resume(rows)
        low, scale = (network.scaling.offset - network.scaling.scale).min(), network.scaling.scale
        check_in_range(
            rows,
            float(low),
            2 * float(scale),
            "beyond which nothing can be generated. Call fit with warm_start=False",
        )
        return network

    def _fit_scaling(self, rows):
        low, width = unit_range(rows)
        return low + width / 2, width / 2  # to [-1, 1]

    def _split(self, network, rows, held_out, device, generator, is_chunk):
        too_few = len(rows) < MIN_ROWS and is_chunk  # to judge by some of them
        n = 0
        if held_out is None and not too_few:
            n = n_held_out(len(rows), self.validation_fraction)
        training, validation = split_batches(
            rows, self._to_images, self.batch_size, device, generator, n / len(rows)
        )
        if held_out is None and too_few:
            return training, None
        if held_out is None:
            held_out = rows[validation.indices]
        elif len(held_out) < 2:
            raise ValueError(
                "X_val has n_samples=1: ConvGAN compares two distributions, and expects at least 2."
            )
        elif len(held_out) > MAX_HELD_OUT:
            drawn = torch.randperm(len(held_out), generator=generator)[:MAX_HELD_OUT]
            held_out = held_out[np.sort(drawn.numpy())]
        seed = seed_from(generator)
        return training, lambda network: self._quality(network, held_out, seed)

    def _conclude(self, trainer, network, rows, generator):
        n_before = len(self.history_)
        super()._conclude(trainer, network, rows, generator)
        self.best_epoch_ = self.n_iter_
        if self.restore_best and trainer.best_ is not None:
            # Ctrl-C may have come when the best epoch was known, and not yet recorded as a whole.
            self.best_epoch_ = min(n_before + trainer.best_[1], self.n_iter_)

    def _warn_of_failure(self):
        quality = self.history_[self.best_epoch_ - 1]
        coverage, diversity = quality["valid_coverage"], quality["valid_diversity"]
        missing = quality.get("valid_missing", 0.0)  # histories of older models have none
        accuracy = self.history_[-1]["train_discriminator_accuracy"]
        symptoms = []
        if diversity < MIN_DIVERSITY:
            symptoms.append(f"generated images are nearly identical (diversity {diversity:.2g})")
        if coverage < MIN_COVERAGE:
            symptoms.append(f"generated images are like few of X's (coverage {coverage:.2g})")
        # A Wasserstein critic gives no probabilities: telling images apart is what it is for.
        if accuracy > MAX_ACCURACY and self.objective != "wasserstein_gp":
            symptoms.append(
                f"the discriminator has won (it tells {accuracy:.1%} of the images apart), and the "
                "generator learns no more"
            )
        advice = "Train longer (max_epochs), lower learning_rate, or raise r1_penalty."
        if symptoms:
            warn(
                "The generator has collapsed or is not trained far enough: "
                f"{'; '.join(symptoms)}. {advice}",
                ConvergenceWarning,
            )
        elif missing > 0:
            warn(
                f"A kind of image is missing: no generated image is like {missing:.0%} of the "
                f"held-out images, which resemble each other. {advice} If the kind is rare, repeat "
                "its images in X.",
                ConvergenceWarning,
            )

    inverse_transform = available_if(_has_codes)(BaseConvEstimator.inverse_transform)
    reconstruct = available_if(_has_codes)(BaseConvEstimator.reconstruct)
    interpolate = available_if(_has_codes)(BaseConvEstimator.interpolate)
    traverse = available_if(_has_codes)(BaseConvEstimator.traverse)

    @own_settings()
    def score(self, X, y=None):
        """Return minus the distance between X and as many generated images.

        The distance is that of "valid_distance" in `history_`: 0 is perfect, and 1 no better than
        the mean image. It is larger the fewer rows X has; compare scores of equal numbers of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            At least 2 samples.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        score : float
            At most 0; larger is better. The same on each call: the noise has a seed made in `fit`.
        """
        check_is_fitted(self)
        rows = self._validate(X)
        if len(rows) < 2:
            raise ValueError(
                f"X has n_samples={len(rows)}, but ConvGAN.score compares two distributions and "
                "expects at least 2 samples."
            )
        return -self._quality(self.network_, rows, self._score_seed)["distance"]

    def _quality(self, network, rows, seed):
        codes = self._draw_codes(len(rows), seed)
        return generation_quality(network, rows, codes, self._to_images, self.image_shape_)

    def _draw_codes(self, n, seed):
        return np.random.RandomState(seed).standard_normal((n, self._code_width))

    def _represent(self, rows, out):
        if self.network_.encoder is not None:
            return super()._represent(rows, out)
        return self._apply(
            lambda tensor: self.network_.features(self._to_images(tensor)),
            rows,
            self._n_features_out,
            out=out,
        )

    @property
    def _n_features_out(self):
        if self.network_.encoder is not None:
            return self._code_width
        return self.network_.n_features
