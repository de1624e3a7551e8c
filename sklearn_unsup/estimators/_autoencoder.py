"""A convolutional autoencoder.

Hinton & Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural Networks"; Masci et
al. 2011, "Stacked Convolutional Auto-Encoders for Hierarchical Feature Extraction".
"""

from numbers import Real
from typing import ClassVar

from sklearn_unsup._data import check_in_range, standardisation, unit_range
from sklearn_unsup._sklearn import Interval, StrOptions
from sklearn_unsup.estimators._base import ImageEstimator
from sklearn_unsup.estimators._code_density import CodeMixtureMixin, RowSample
from sklearn_unsup.estimators._decoding import DecoderMixin
from sklearn_unsup.estimators._encoding import EncoderMixin
from sklearn_unsup.estimators._parameters import store, with_shared_parameters
from sklearn_unsup.estimators._pca_comparison import PCAComparisonMixin
from sklearn_unsup.estimators._scores import ReconstructionScoreMixin
from sklearn_unsup.estimators._training_views import TrainingViewsMixin
from sklearn_unsup.networks import build_autoencoder


@with_shared_parameters()
class ConvAutoencoder(
    PCAComparisonMixin,
    TrainingViewsMixin,
    ReconstructionScoreMixin,
    CodeMixtureMixin,
    DecoderMixin,
    EncoderMixin,
    ImageEstimator,
):
    """Convolutional autoencoder: non-linear dimension reduction for images.

    An encoder maps each image to a latent code of `n_components` numbers, and a decoder maps the
    code back to an image. Both are trained to minimise the reconstruction error. This is a
    non-linear PCA: a linear encoder and decoder would learn the subspace of PCA. X may be in any
    units; `fit` learns the scaling, and all outputs are in the units of X.

    Parameters
    ----------
    loss : {"squared_error", "absolute_error", "binary_cross_entropy"}, default="squared_error"
        Training loss. "binary_cross_entropy" scales X to [0, 1] by the range seen in `fit`; later
        chunks of `partial_fit` must be in this range.

    noise_level : float, default=0.0
        Standard deviation of Gaussian noise that is added to the input in training: a denoising
        autoencoder [1]_. It is in units of the standard deviation of X, or of its range with
        "binary_cross_entropy". Larger values regularise more.

    l1_activity : float, default=0.0
        Weight of the mean absolute code in the loss. Larger values give sparser codes.

    compare_with_pca : bool, default=True
        Warn if the network explains less variance than PCA with as many components. PCA is fitted
        to at most 4,000 rows; 1,000 others are compared. Only with ``loss="squared_error"``.
        Very large images are not compared.

    Attributes
    ----------
    pca_comparison_ : dict of float
        Explained shares of the variance: "explained" by the network and "explained_by_pca".
        Defined only with `compare_with_pca` and at least 20 rows.

    See Also
    --------
    ConvVAE : An autoencoder that also models the density of images.
    sklearn.decomposition.PCA : The linear counterpart.
    sklearn.neural_network.BernoulliRBM : Another network that learns features without labels.

    Notes
    -----
    `sample` draws codes from a Gaussian mixture, fitted to the codes of at most 10,000 training
    rows [2]_. After `partial_fit` these are rows of the last chunk. The mixture is fitted when it
    is first needed: by `sample`, or to save the estimator.

    A custom decoder returns unbounded numbers: standardised images, or logits with
    "binary_cross_entropy". It must not end in a sigmoid.

    With "squared_error" the training loss is the share of the variance of X that is not explained,
    of images that `max_translation` and `gaussian_fraction` have changed.

    ``optimizer="adam"`` uses betas of 0.9 and 0.99, which suit short trainings.

    References
    ----------
    .. [1] Vincent, Larochelle, Bengio & Manzagol (2008). "Extracting and Composing Robust Features
       with Denoising Autoencoders". ICML.
    .. [2] Ghosh, Sajjadi, Vergari, Black & Schölkopf (2020). "From Variational to Deterministic
       Autoencoders". ICLR. Section 4.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = ConvAutoencoder(n_components=8, max_epochs=5, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 8)
    >>> autoencoder.score(X) > 0.6
    True
    >>> autoencoder.sample(3, random_state=0).shape
    (3, 64)
    """

    _parameter_constraints: ClassVar[dict] = {
        "loss": [StrOptions({"squared_error", "absolute_error", "binary_cross_entropy"})],
        "noise_level": [Interval(Real, 0, None, closed="left")],
        "l1_activity": [Interval(Real, 0, None, closed="left")],
        "compare_with_pca": ["boolean"],
    }
    _network_parameters = ("loss", "noise_level", "l1_activity")
    _adam_betas = (0.9, 0.99)  # measured in benchmarks/results/architecture.md

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
        loss="squared_error",
        noise_level=0.0,
        l1_activity=0.0,
        max_translation="auto",
        gaussian_fraction="auto",
        compare_with_pca=True,
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
        return build_autoencoder(**parameters)

    def _fit_scaling(self, rows):
        return unit_range(rows) if self.loss == "binary_cross_entropy" else standardisation(rows)

    def _resume(self, rows):
        network = super()._resume(rows)
        if self.loss == "binary_cross_entropy":
            scaling = network.scaling
            check_in_range(
                rows,
                float(scaling.offset.min()),
                float(scaling.scale),
                "which binary_cross_entropy maps to [0, 1]. Use loss='squared_error'",
            )
        return network

    def _after_training(self, rows, seed):
        self._code_mixture = self._encode(RowSample(rows, seed)), seed
