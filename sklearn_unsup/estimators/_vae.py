"""A variational autoencoder.

Kingma & Welling 2014, "Auto-Encoding Variational Bayes".
"""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from sklearn_unsup._data import binarize_by_row, check_unit_interval, row_blocks, standardisation
from sklearn_unsup._devices import draw_seed, own_settings, seed_from
from sklearn_unsup._persistence import Spec, array, integer, number
from sklearn_unsup._sklearn import Interval, StrOptions
from sklearn_unsup._training import WarmUp
from sklearn_unsup._warnings import warn
from sklearn_unsup.estimators._base import BaseConvEstimator
from sklearn_unsup.estimators._code_density import CodeMixture, SomeRows, sample_codes
from sklearn_unsup.estimators._parameters import NETWORK_PARAMETERS, document
from sklearn_unsup.estimators._scores import DensityScores
from sklearn_unsup.metrics import active_units
from sklearn_unsup.networks import (
    MIN_VARIANCE,
    BernoulliLikelihood,
    GaussianLikelihood,
    VariationalAutoencoder,
    build_decoder,
    build_encoder,
    losses,
)

LIKELIHOODS = {"gaussian": GaussianLikelihood, "bernoulli": BernoulliLikelihood}


@document(encoder_outputs="2 * n_components")
class ConvVAE(DensityScores, CodeMixture, BaseConvEstimator):
    """Convolutional variational autoencoder: a density of images, with codes that can be drawn.

    An encoder maps each image to a Gaussian over codes, a decoder maps a code to a distribution of
    images, and both are trained to maximise the evidence lower bound of the log-density of X [1]_.
    It is to images what :class:`~sklearn.decomposition.FactorAnalysis` is to rows. `transform`
    gives the mean of the Gaussian, `sample` new images, `score_samples` the bound in nats, so that
    `GridSearchCV` maximises a likelihood.

    Parameters
    ----------
    {shared_parameters}

    likelihood : {"gaussian", "bernoulli"}, default="gaussian"
        Distribution of an image given its code. "gaussian" has one variance, learnt in closed form
        from the residuals [2]_: X may come in any units, and there is no weight to tune.
        "bernoulli" is for X in [0, 1].

    binarize : {"static", "dynamic"} or None, default=None
        With "bernoulli": draw black or white for each pixel of X, with its value as the
        probability of 1; once ("static", equal rows alike; it takes a byte a pixel) or anew in each
        step of the training ("dynamic"). `score_samples` draws once, as "static" does; `transform`
        and `reconstruct` see X as it is. None draws nothing.

    beta : float, default=1.0
        Weight of the divergence between the posterior and the prior in training [3]_. Above 1 the
        components become more independent and the reconstructions poorer.

    beta_warmup_epochs : int, default=0
        Epochs over which the weight rises from 0 to `beta` [4]_. The validation loss has the full
        weight, and early stopping waits for it.

    free_bits : float, default=0.0
        Nats below which the divergence of a component is not pushed down [5]_.

    prior : {"mixture", "normal"}, default="mixture"
        Where `sample` draws codes from: a Gaussian mixture fitted, when it is first needed, to
        codes drawn from the posteriors of (at most 10,000 of) the training rows [6]_, or the
        standard normal of the model, whose samples look less like X. Scores always refer to the
        standard normal.

    Attributes
    ----------
    {shared_attributes}

    kl_per_component_ : ndarray of shape (n_components,)
        Mean divergence of each component's posterior from the prior over (at most 10,000 of) the
        training rows, in nats: how much the component says about an image.

    n_active_units_ : int
        Number of components whose posterior mean has a variance above 0.01 over the same rows [7]_.

    noise_variance_ : float
        Variance of a pixel around the decoded mean over the same rows, in the squared units of X.
        Only with "gaussian".

    See Also
    --------
    ConvAutoencoder : Codes and reconstructions, by one of three losses; no density.
    sklearn.decomposition.PCA : With its `score`, the linear counterpart.
    sklearn.neighbors.KernelDensity : A density for rows of few features.

    Notes
    -----
    The log-density of "gaussian" is in nats per image and depends on the units of X, as that of
    :meth:`PCA.score <sklearn.decomposition.PCA.score>` does. "bernoulli" gives log-probabilities of
    binary images. Grey X with ``binarize=None`` scores the mean log-probability, given a code, over
    all ways to binarise it: good for training, but no density of grey images.

    In `history_`, "train_loss" is the negative bound in nats, the divergence weighted as it was in
    that step, and "train_reconstruction" and "train_kl" are its parts, unweighted. With "gaussian"
    they have the variance that was best for each batch; scores have `noise_variance_`.

    After `partial_fit`, `noise_variance_`, `kl_per_component_`, `n_active_units_` and the mixture
    are those of the last chunk.

    A custom encoder gets images that are standardised, and gives the means of the codes followed by
    their log-variances. A custom decoder gives unbounded numbers: standardised images with
    "gaussian", with "bernoulli" logits relative to those of the mean image. Neither ends in a
    sigmoid.

    The noise of a score is drawn for each row from a seed made in `fit` and from the row's values.
    The score of a row is therefore the same on each call, whatever rows stand beside it.

    References
    ----------
    .. [1] Kingma & Welling (2014). "Auto-Encoding Variational Bayes". ICLR.
    .. [2] Rybkin, Daniilidis & Levine (2021). "Simple and Effective VAE Training with Calibrated
       Decoders". ICML.
    .. [3] Higgins et al. (2017). "beta-VAE: Learning Basic Visual Concepts with a Constrained
       Variational Framework". ICLR.
    .. [4] Sønderby et al. (2016). "Ladder Variational Autoencoders". NeurIPS.
    .. [5] Kingma et al. (2016). "Improved Variational Inference with Inverse Autoregressive Flow".
       NeurIPS. Section C.8.
    .. [6] Ghosh, Sajjadi, Vergari, Black & Schölkopf (2020). "From Variational to Deterministic
       Autoencoders". ICLR. Section 4.
    .. [7] Burda, Grosse & Salakhutdinov (2016). "Importance Weighted Autoencoders". ICLR.

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
    >>> vae.interpolate(X[:2], X[2:4], n_steps=5, path="spherical").shape
    (2, 5, 64)
    >>> vae.traverse(X[0], component=3, values=[-2, 0, 2]).shape
    (3, 64)
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseConvEstimator._parameter_constraints,
        "decoder": [callable, None],
        "likelihood": [StrOptions(set(LIKELIHOODS))],
        "binarize": [StrOptions({"static", "dynamic"}), None],
        "beta": [Interval(Real, 0, None, closed="left")],
        "beta_warmup_epochs": [Interval(Integral, 0, None, closed="left")],
        "free_bits": [Interval(Real, 0, None, closed="left")],
        "prior": [StrOptions({"normal", "mixture"})],
    }
    _network_parameters = (
        *NETWORK_PARAMETERS,
        "decoder",
        "likelihood",
        "binarize",
        "beta",
        "free_bits",
    )

    def __init__(
        self,
        n_components=32,
        *,
        image_shape=None,
        channel_axis=None,
        hidden_channels=(32, 64, 128, 64),
        hidden_layer_sizes=(256,),
        encoder=None,
        decoder=None,
        likelihood="gaussian",
        binarize=None,
        beta=1.0,
        beta_warmup_epochs=0,
        free_bits=0.0,
        prior="mixture",
        max_epochs=20,
        batch_size="auto",
        learning_rate=3e-3,
        weight_decay=0.0,
        optimizer="adam",
        learning_rate_schedule="one_cycle",
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
        self.decoder = decoder
        self.likelihood = likelihood
        self.binarize = binarize
        self.beta = beta
        self.beta_warmup_epochs = beta_warmup_epochs
        self.free_bits = free_bits
        self.prior = prior

    def _build_network(
        self,
        image_shape,
        n_components,
        encoder,
        decoder,
        likelihood,
        binarize,
        beta,
        free_bits,
        **widths,
    ):
        return VariationalAutoencoder(
            build_encoder(encoder, image_shape, 2 * n_components, **widths),
            build_decoder(decoder, image_shape, n_components, **widths),
            LIKELIHOODS[likelihood](image_shape),
            beta=beta,
            free_bits=free_bits,
            binarize=binarize == "dynamic",
        )

    def _specs(self, network, state):
        k = state["_fitted_params"]["n_components"]
        specs = super()._specs(network, state)
        is_gaussian = state["_fitted_params"]["likelihood"] == "gaussian"
        return {
            **specs,
            "_code_mixture": specs["_code_mixture"] | Spec(lambda value: value is None, "None"),
            "_row_seed": integer(0, 2**31),
            "kl_per_component_": array(np.float64, (k,)),
            "n_active_units_": integer(0, k),
            **({"noise_variance_": number(0.0)} if is_gaussian else {}),
        }

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
        return standardisation(SomeRows(rows, change=self._observed))

    def _training_rows(self, rows):
        return binarize_by_row(rows, self._row_seed) if self.binarize == "static" else rows

    def _training_callbacks(self):
        if not self.beta_warmup_epochs:
            return []
        return [WarmUp(self.beta_warmup_epochs, len(self.history_))]

    def _after_training(self, rows, seed):
        rows = SomeRows(rows, seed, self._observed)
        k = self._code_width
        posteriors = self._apply(
            lambda tensor: torch.cat(self.network_.posterior(self._to_images(tensor)), 1),
            rows,
            2 * k,
        )
        means, log_variances = posteriors[:, :k], posteriors[:, k:]  # (n, k)
        kl = losses.kl_from_standard_normal(*map(torch.from_numpy, (means, log_variances)))
        self.kl_per_component_ = kl.numpy().mean(axis=0, dtype=np.float64)
        self.n_active_units_ = active_units(means)
        if self.likelihood == "gaussian":
            residuals = self._apply(
                lambda tensor, noise: self.network_.residual_variances(
                    self._to_images(tensor), noise
                )[:, None],
                rows,
                1,
                self._row_noise(),
            )
            variance = max(residuals.mean(dtype=np.float64), MIN_VARIANCE)
            self.network_.likelihood.variance.fill_(variance)
            self.noise_variance_ = float(variance * float(self.network_.scaling.scale) ** 2)
        self._code_mixture = None
        if self.prior == "mixture":
            draw = self._row_noise()
            noise = np.concatenate([draw(rows[block]) for block in row_blocks(rows)])  # (n, k)
            codes = means + np.exp(0.5 * log_variances) * noise
            self._code_mixture = codes, seed

    def _draw_codes(self, n, seed):
        if self.prior == "normal":
            return np.random.RandomState(seed).standard_normal((n, self._code_width))
        mixture = self._fitted_mixture()
        if mixture is None:
            raise ValueError(
                "prior='mixture' was set after fit, which has fitted no mixture. Call fit again."
            )
        return sample_codes(mixture, n, seed)

    def _warn_of_failure(self):
        if self.n_active_units_ == 0:
            warn(
                "Posterior collapse: no component says anything about X (n_active_units_ is 0), "
                "so all codes are alike. Lower beta, set beta_warmup_epochs or free_bits (to 0.1, "
                "for example), or train longer (max_epochs, learning_rate).",
                ConvergenceWarning,
            )

    @own_settings()
    def sample(self, n_samples=1, random_state=None, *, likelihood_noise=False):
        """Draw new images: codes from `prior`, decoded.

        Parameters
        ----------
        n_samples : int, default=1
            How many images to draw.
        random_state : int, RandomState instance or None, default=None
            None draws differently on each call.
        likelihood_noise : bool, default=False
            Draw the pixels as well, from the likelihood, instead of giving their means.

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
        noise = rng.standard_normal(images.shape, dtype=np.float32)
        return images + np.float32(np.sqrt(self.noise_variance_)) * noise

    def _observed(self, rows):
        """Return rows as the likelihood describes them: binary, if `binarize` says so."""
        if self._fitted_params["binarize"] is None:
            return rows
        return binarize_by_row(rows, self._row_seed)
