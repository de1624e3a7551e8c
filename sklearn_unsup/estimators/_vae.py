"""A variational autoencoder.

Kingma & Welling 2014, "Auto-Encoding Variational Bayes".
"""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np

from sklearn_unsup._data import binarize_by_row, check_unit_interval, standardisation
from sklearn_unsup._devices import draw_seed, isolated_settings, seed_from
from sklearn_unsup._sklearn import Interval, StrOptions
from sklearn_unsup._training import WarmUp
from sklearn_unsup._warnings import warn
from sklearn_unsup.estimators._base import ImageEstimator
from sklearn_unsup.estimators._code_density import RowSample
from sklearn_unsup.estimators._decoding import DecoderMixin
from sklearn_unsup.estimators._encoding import EncoderMixin
from sklearn_unsup.estimators._parameters import store, with_shared_parameters
from sklearn_unsup.estimators._posterior import PosteriorMixin
from sklearn_unsup.estimators._scores import DensityScoreMixin
from sklearn_unsup.estimators._training_views import TrainingViewsMixin
from sklearn_unsup.networks import LIKELIHOODS, build_variational


@with_shared_parameters(encoder_outputs="2 * n_components", auto_steps="1,000")
class ConvVAE(
    TrainingViewsMixin,
    DensityScoreMixin,
    PosteriorMixin,
    DecoderMixin,
    EncoderMixin,
    ImageEstimator,
):
    """Convolutional variational autoencoder: codes, new images, and a density of images.

    An encoder maps each image to a Gaussian distribution of latent codes, and a decoder maps a code
    to a distribution of images. Both are trained to maximise the evidence lower bound of the
    log-likelihood of X [1]_. The linear counterpart is
    :class:`~sklearn.decomposition.FactorAnalysis`. `transform` returns the mean code, `sample`
    generates images, and `score_samples` returns the bound in nats, which `GridSearchCV` maximises.

    Parameters
    ----------
    likelihood : {"gaussian", "bernoulli"}, default="gaussian"
        Distribution of an image given its code. "gaussian" learns its variance in closed form from
        the residuals: X may be in any units, and there is no weight to tune. Training uses one
        variance for all pixels; scores use one for each frequency and principal colour of the
        residuals. "bernoulli" is for X in [0, 1].

    binarize : {"static", "dynamic"} or None, default=None
        With "bernoulli": replace each pixel of X by a random 0 or 1, with its value as the
        probability of 1. "static" draws once for all epochs, the same for equal rows, and takes a
        byte per pixel. "dynamic" draws again in each training step. `score_samples` always draws
        as "static" does; `transform` and `reconstruct` do not binarize. None trains on X itself.

    beta : float, default=1.0
        Weight of the Kullback-Leibler divergence between posterior and prior in training [2]_.
        Above 1 the components become more independent and the reconstructions worse.

    beta_warmup_epochs : int, default=0
        Number of epochs over which the weight increases from 0 to `beta`. The validation loss
        always has the full weight, and early stopping starts after these epochs.

    free_bits : float, default=0.0
        Divergence per component, in nats, below which it is not penalised. Larger values prevent
        posterior collapse.

    prior : {"mixture", "normal"}, default="mixture"
        Distribution from which `sample` draws codes. "mixture" is a Gaussian mixture, fitted when
        it is first needed to codes drawn from the posteriors of at most 10,000 training rows.
        "normal" is the standard normal prior of the model, whose samples look less like X. Scores
        always use the standard normal.

    Attributes
    ----------
    kl_per_component_ : ndarray of shape (n_components,)
        Mean divergence of the posterior from the prior for each component, in nats, over at most
        10,000 training rows. It measures the information about an image in a component.

    n_active_units_ : int
        Number of components whose posterior mean has a variance above 0.01 over the same rows.

    noise_variance_ : float
        Mean variance of a pixel around the decoded mean over these rows, in the squared units of X.
        Only with "gaussian".

    See Also
    --------
    ConvAutoencoder : Codes and reconstructions, with a choice of three losses; no density.
    sklearn.decomposition.PCA : A linear model with a log-likelihood, `score`.

    Notes
    -----
    Scores of "gaussian" are log-densities in nats per image, and depend on the units of X. Scores
    of "bernoulli" are log-probabilities of binary images; for grey X with ``binarize=None`` they
    are not those of a density. The noise of a score depends on the values of the row and a seed of
    `fit`, so each call returns the same score. The user guide has the formulas: :ref:`vae`.

    In `history_`, "train_loss" is the negative bound, with the divergence weighted as in training;
    "train_reconstruction" and "train_kl" are its parts. After `partial_fit`, `noise_variance_`,
    `kl_per_component_`, `n_active_units_` and the mixture are those of the last chunk.

    A custom encoder receives standardised images, and returns the means of the codes followed by
    their log-variances. A custom decoder returns unbounded numbers: standardised images with
    "gaussian"; with "bernoulli", logits relative to those of the mean image.

    References
    ----------
    .. [1] Kingma & Welling (2014). "Auto-Encoding Variational Bayes". ICLR.
    .. [2] Higgins et al. (2017). "beta-VAE: Learning Basic Visual Concepts with a Constrained
       Variational Framework". ICLR.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvVAE
    >>> X, _ = load_digits(return_X_y=True)
    >>> vae = ConvVAE(n_components=8, max_epochs=3, random_state=0).fit(X)
    >>> vae.transform(X).shape
    (1797, 8)
    >>> vae.sample(3, random_state=0).shape
    (3, 64)
    >>> vae.score_samples(X[:2], n_importance_samples=50).shape
    (2,)
    """

    _parameter_constraints: ClassVar[dict] = {
        "likelihood": [StrOptions(set(LIKELIHOODS))],
        "binarize": [StrOptions({"static", "dynamic"}), None],
        "beta": [Interval(Real, 0, None, closed="left")],
        "beta_warmup_epochs": [Interval(Integral, 0, None, closed="left")],
        "free_bits": [Interval(Real, 0, None, closed="left")],
        "prior": [StrOptions({"normal", "mixture"})],
    }
    _network_parameters = ("likelihood", "binarize", "beta", "free_bits")
    _auto_steps = 1000  # the density of few rows overfits before their reconstructions do

    def __init__(
        self,
        n_components=32,
        *,
        image_shape=None,
        channel_axis=None,
        hidden_channels="auto",
        hidden_layer_sizes=(),
        encoder=None,
        decoder=None,
        likelihood="gaussian",
        binarize=None,
        beta=1.0,
        beta_warmup_epochs=0,
        free_bits=0.0,
        prior="mixture",
        max_translation="auto",
        gaussian_fraction="auto",
        max_epochs="auto",
        batch_size="auto",
        learning_rate=5e-3,
        weight_decay=0.0,
        optimizer="muon",
        learning_rate_schedule="linear",
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

    def _build_network(self, **parameters):
        return build_variational(**parameters)

    def _validate(self, X, reset=False):
        rows = super()._validate(X, reset)
        likelihood = self.likelihood if reset else self._fitted_params["likelihood"]
        if likelihood == "bernoulli":
            check_unit_interval(rows)
        return rows

    def _start(self, rows, generator):
        if self.binarize is not None and self.likelihood != "bernoulli":
            raise ValueError(
                f"binarize={self.binarize!r} draws black and white images, which "
                f"likelihood={self.likelihood!r} does not describe. Set likelihood='bernoulli' or "
                "binarize=None."
            )
        if self.beta == 0:
            warn(
                "beta=0 leaves the divergence from the prior out of the training: scores are no "
                "useful bound, and codes drawn from the prior decode to nothing like X. Set "
                "beta=1 for a density, or use ConvAutoencoder for codes alone."
            )
        vars(self).pop("noise_variance_", None)
        self._row_seed = seed_from(generator)
        return super()._start(rows, generator)

    def _fit_scaling(self, rows):
        return standardisation(RowSample(rows, change=self._observed))

    def _train(self, network, data, phases):
        if self.binarize == "static":
            data = data.map(self._observed)
        callbacks = []
        if self.beta_warmup_epochs:
            callbacks = [WarmUp(self.beta_warmup_epochs, len(self.history_))]
        phases.train(network, data, callbacks=callbacks, view=self._view(data, phases))

    @isolated_settings()
    def sample(self, n_samples=1, random_state=None, *, likelihood_noise=False):
        """Generate new images, by decoding codes drawn from `prior`.

        Parameters
        ----------
        n_samples : int, default=1
            Number of images.
        random_state : int, RandomState instance or None, default=None
            Seed of the samples. With None, each call returns other images.
        likelihood_noise : bool, default=False
            Sample the pixels from the likelihood, instead of returning their means.

        Returns
        -------
        images : ndarray of shape (n_samples, n_features) or (n_samples, ...), float32
            In the units and the layout of the X that `fit` saw.
        """
        seed = draw_seed(random_state)
        images = super().sample(n_samples, seed)
        if not likelihood_noise:
            return images
        rng = np.random.default_rng(seed)
        if self._fitted_params["likelihood"] == "bernoulli":
            return (rng.random(images.shape) < images).astype(np.float32)
        white = rng.standard_normal((n_samples, self.n_features_in_), dtype=np.float32)
        likelihood, image_shape = self.network_.likelihood, self.image_shape_
        noise = self._generate(lambda x: likelihood.noise(x.unflatten(1, image_shape)), white)
        return images + noise.reshape(images.shape)

    def _observed(self, rows):
        """Return the observations of the likelihood: rows, binarized if `binarize` is set."""
        if self._fitted_params["binarize"] is None:
            return rows
        return binarize_by_row(rows, self._row_seed)
