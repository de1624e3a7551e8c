"""Self-supervised features of images.

Bardes, Ponce & LeCun 2022, "VICReg: Variance-Invariance-Covariance Regularization for
Self-Supervised Learning"; Chen, Kornblith, Norouzi & Hinton 2020, "A Simple Framework for
Contrastive Learning of Visual Representations"; Zbontar, Jing, Misra, LeCun & Deny 2021, "Barlow
Twins: Self-Supervised Learning via Redundancy Reduction".
"""

from numbers import Real
from typing import ClassVar

from sklearn_unsup._sklearn import Interval, StrOptions
from sklearn_unsup._training import BatchSizes, EpochScore
from sklearn_unsup.estimators._base import ImageEstimator
from sklearn_unsup.estimators._collapse import CollapseMixin
from sklearn_unsup.estimators._encoding import EncoderMixin
from sklearn_unsup.estimators._parameters import store, with_shared_parameters
from sklearn_unsup.estimators._random_views import RandomViewsMixin
from sklearn_unsup.estimators._values import check_batches_compare
from sklearn_unsup.estimators._view_information import ViewInformationMixin, n_scored
from sklearn_unsup.networks import SELF_SUPERVISED_OBJECTIVES, build_self_supervised
from sklearn_unsup.networks.views import PRESETS, TwoViews


@with_shared_parameters(batch_limits="at least 64, and at most 256", large_batch="at least 64.")
class ConvSelfSupervisedEncoder(
    CollapseMixin, ViewInformationMixin, RandomViewsMixin, EncoderMixin, ImageEstimator
):
    """Self-supervised encoder: features that tell what an image shows.

    A convolutional encoder learns to give two random views of an image similar codes, and two
    images different ones. What the views change, such as position, size and colour, is left out of
    the codes; what they keep is what a classifier, a clusterer or a search for similar images
    needs. There is no decoder: codes cannot be mapped back to images. Use
    :class:`ConvAutoencoder` for reconstructions.

    Parameters
    ----------
    n_components : int, default={n_components}
        Number of features that `transform` returns: the channels of the last convolution stage.
        More are better for a linear classifier. Typical values are 64 to 512.

    views : {"auto", "photographs", "drawings", "signals"} or callable, default="auto"
        Random changes that keep what an image shows. They matter more than any other parameter.
        "photographs" crops, reflects, and changes brightness, contrast and, of three channels,
        colours; "drawings" crops, translates, rotates, shears and scales a little; "signals" takes
        windows and changes speed and amplitude. "auto" is "signals" for images of height 1,
        "photographs" for three channels, and "drawings" for others. A callable is called as
        `views(images, generator)` with a tensor `(b, C, H, W)` in the units of X and a
        :class:`torch.Generator`, and returns a tensor of the same shape; each image needs a change
        of its own. Build one from the classes in :mod:`sklearn_unsup.networks.views`, and look at
        it with :class:`~sklearn_unsup.displays.ViewsDisplay`.

    objective : {"vicreg", "simclr", "barlow_twins"}, default="vicreg"
        Loss of the projections of two views. "vicreg" [1]_ makes them equal, and keeps the
        variance of each component up and their covariances down. "simclr" [2]_ finds the other
        view among those of all images in the batch. "barlow_twins" [3]_ makes the correlations
        between the components of two views an identity matrix.

    regularization : float, default=1.0
        Factor on the weights of what keeps codes apart: the variance and covariance of "vicreg",
        the correlations of different components of "barlow_twins". Larger values give codes that
        use more dimensions, and depend more on the view; with 0 the projections collapse, and
        little is learnt. Not used by "simclr".

    temperature : float, default=0.2
        Temperature of "simclr": lower values weigh the most similar images more. Not used by other
        objectives.

    hidden_channels : tuple of int or "auto", default="auto"
        Number of channels of each convolution stage but the last, which has `n_components`. A
        stage halves each side that is longer than 3, and ends in a batch normalisation and a ReLU;
        the code is the mean over positions.

    projector_layer_sizes : tuple of int, default=(256, 256)
        Widths of the layers of the projector, which maps codes to the space of the objective. It
        is only used in training.

    Attributes
    ----------
    effective_rank_ : float
        Effective rank of the projections of at most 10,000 training rows (RankMe [4]_). If it is
        far below that of the codes, the training has collapsed, and `fit` warns. Defined only with
        at least 20 rows.

    See Also
    --------
    ConvAutoencoder : Codes that keep what a reconstruction needs.
    sklearn.decomposition.PCA : Linear codes.
    sklearn.semi_supervised.SelfTrainingClassifier : Learn from few labels, on these codes.

    Notes
    -----
    The loss of one objective, or of one choice of views, cannot be compared with that of another;
    `score` can. `history_` has it as "score" for each epoch: of a fifth of the rows of `X_val`, or
    of X, at least 20 and at most 500.

    `views` may change between calls of `partial_fit`, or with `warm_start`; `objective`,
    `regularization`, `temperature` and `projector_layer_sizes` may not.

    References
    ----------
    .. [1] Bardes, Ponce & LeCun (2022). "VICReg: Variance-Invariance-Covariance Regularization for
       Self-Supervised Learning". ICLR.
    .. [2] Chen, Kornblith, Norouzi & Hinton (2020). "A Simple Framework for Contrastive Learning of
       Visual Representations". ICML.
    .. [3] Zbontar, Jing, Misra, LeCun & Deny (2021). "Barlow Twins: Self-Supervised Learning via
       Redundancy Reduction". ICML.
    .. [4] Garrido, Balestriero, Najman & LeCun (2023). "RankMe: Assessing the Downstream
       Performance of Pretrained Self-Supervised Representations by Their Rank". ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_unsup import ConvSelfSupervisedEncoder
    >>> X, y = load_digits(return_X_y=True)
    >>> encoder = ConvSelfSupervisedEncoder(32, max_epochs=5, random_state=0).fit(X)
    >>> encoder.transform(X).shape
    (1797, 32)
    >>> classifier = LogisticRegression(max_iter=1000).fit(encoder.transform(X[:100]), y[:100])
    >>> classifier.score(encoder.transform(X[100:]), y[100:]) > 0.8
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        "views": [StrOptions({"auto", *PRESETS}), callable],
        "objective": [StrOptions(set(SELF_SUPERVISED_OBJECTIVES))],
        "regularization": [Interval(Real, 0, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "projector_layer_sizes": ["array-like"],
    }
    _network_parameters = ("objective", "regularization", "temperature", "projector_layer_sizes")
    _batch_sizes = BatchSizes(64, 256, 256, least_large=64, last_share=0.5)

    def __init__(
        self,
        n_components=256,
        *,
        image_shape=None,
        channel_axis=None,
        views="auto",
        objective="vicreg",
        regularization=1.0,
        temperature=0.2,
        hidden_channels="auto",
        projector_layer_sizes=(256, 256),
        encoder=None,
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
        return build_self_supervised(**parameters)

    def _train(self, network, data, phases):
        views = TwoViews(self._view())
        if len(data) < 2 and not phases.is_chunk:
            raise ValueError(
                "X has n_samples=1: ConvSelfSupervisedEncoder compares different images, and "
                "expects at least 2 samples."
            )
        check_batches_compare(self.batch_size)
        rows = (data.held_out or data).rows
        callbacks = [EpochScore(lambda: self._view_information(rows, n_scored(len(rows))))]
        if len(rows) < 2:  # X_val: there is nothing to test on
            callbacks = []
        phases.train(network, data, callbacks=callbacks, view=views, validation_view=views)
