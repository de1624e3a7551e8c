"""Maps of images that keep neighbours together.

McInnes, Healy & Melville 2018, "UMAP: Uniform Manifold Approximation and Projection for Dimension
Reduction"; Sainburg, McInnes & Gentner 2021, "Parametric UMAP Embeddings for Representation and
Semisupervised Learning"; Damrich, Böhm, Hamprecht & Kobak 2023, "From t-SNE to UMAP with
contrastive learning".
"""

from numbers import Integral, Real
from typing import ClassVar

from sklearn_unsup._sklearn import HasMethods, Interval, StrOptions
from sklearn_unsup._training import BatchSizes
from sklearn_unsup.estimators._availability import AllRowsNeeded
from sklearn_unsup.estimators._base import ImageEstimator
from sklearn_unsup.estimators._decoding import OptionalDecoderMixin
from sklearn_unsup.estimators._embedding_neighbors import NeighborsMixin
from sklearn_unsup.estimators._embedding_training import EmbeddingTrainingMixin
from sklearn_unsup.estimators._encoding import EncoderMixin
from sklearn_unsup.estimators._neighbor_graph import fit_kernel
from sklearn_unsup.estimators._parameters import store, with_shared_parameters
from sklearn_unsup.estimators._random_views import RandomViewsMixin
from sklearn_unsup.estimators._trustworthiness import TrustworthinessMixin
from sklearn_unsup.networks import EMBEDDING_OBJECTIVES, build_neighbor_embedding
from sklearn_unsup.networks.views import PRESETS


@with_shared_parameters(batch_limits="at least 64, and at most 256", large_batch="at least 64.")
class ConvNeighborEmbedding(
    EmbeddingTrainingMixin,
    NeighborsMixin,
    TrustworthinessMixin,
    RandomViewsMixin,
    OptionalDecoderMixin,
    EncoderMixin,
    ImageEstimator,
):
    """Map of images in two dimensions, or a few more, that keeps similar images together.

    A convolutional encoder learns to place each image near its neighbours and away from others, as
    t-SNE and UMAP place points. As it is a network, `transform` places new images on the same map
    [1]_ [2]_. Then a decoder learns to map positions back to images: `inverse_transform`.

    Parameters
    ----------
    n_components : int, default={n_components}
        Number of dimensions of the map. Take 2 to look at it, and 5 to 10, with ``min_dist=0``, to
        find clusters in it.

    objective : {"umap", "tsne", "infonce"}, default="umap"
        What is minimised. "umap" [1]_ gives compact clusters with space between them. "tsne" [3]_
        fills the plane more evenly. "infonce" [4]_ finds the neighbour of an image in its batch,
        and lies between the two; larger batches are better.

    neighbors : {"images", "views"}, transformer or sparse matrix, default="images"
        Which images attract each other. "images" takes the nearest by the Euclidean distance of at
        most 64 principal components. "views" first learns features from random views, as
        :class:`ConvSelfSupervisedEncoder` does, for `max_epochs`, and takes the nearest by their
        cosine similarity: the choice for photographs, whose pixels say little about what they show
        [5]_. A transformer is called as ``neighbors.fit_transform(rows)``, with an array of shape
        (n_samples, n_features), and returns a sparse graph of distances, such as a pipeline that
        ends in a :class:`~sklearn.neighbors.KNeighborsTransformer`. The graph itself may be given,
        as a sparse matrix of shape (n_samples, n_samples). Equal distances give equal weights.

    n_neighbors : int, default=15
        Number of neighbours of each image, for "umap" and "infonce". Larger values keep more of the
        large structure, smaller ones more detail. Typical values are 5 to 50. A transformer
        or a graph has its own number.

    min_dist : float, default=0.1
        For "umap": distance, from 0 to 1, up to which images may attract each other fully. Smaller
        values give denser clusters.

    negative_sample_rate : float, default=5.0
        For "umap": weight of repulsion, in pairs that repel each other per pair that attracts.
        Larger values spread the map and separate clusters less.

    perplexity : float, default=30.0
        For "tsne": effective number of neighbours; three times as many are searched. Typical values
        are 5 to 50.

    target_weight : float, default=0.0
        How much the labels y pull images of a class together, from 0 (y is ignored) to 1. It is the
        probability that a labelled image is paired with a random one of its class [6]_, instead of
        a neighbour. Images with the label -1 are unlabelled. Labels are whole numbers or texts.

    views : {"auto", "photographs", "drawings", "signals"}, callable or None, default=None
        Random changes of images in training, as for :class:`ConvSelfSupervisedEncoder`. Positions
        then hardly depend on what is changed, which makes clusters clearer, and distances less
        true to those of pixels. None is "auto" with ``neighbors="views"``, and no change otherwise.

    noise_level : float, default=0.5
        Standard deviation of Gaussian noise that is added to images in training, in units of the
        standard deviation of X. It places new images better where rows are few. Not used with
        ``neighbors="views"``.

    decoder_epochs : int or "auto", default="auto"
        Number of epochs in which the decoder is trained, after `max_epochs` of the encoder. "auto"
        is `max_epochs`, or half as many if that is "auto". With 0 there is no
        :meth:`inverse_transform`.

    hidden_channels : tuple of int or "auto", default="auto"
        Number of channels of each convolution stage of the encoder and of the decoder. A stage
        halves each side that is longer than 3. "auto" gives the encoder 256 in its last stage, and
        half as many in each before it; the decoder has those of :class:`ConvAutoencoder`.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components), float32
        Position of each image of X: ``transform(X)``.

    See Also
    --------
    sklearn.manifold.TSNE : Map without `transform`, for any features.
    ConvAutoencoder : Codes that keep what a reconstruction needs.
    ConvClusterer : Clusters of images.

    Notes
    -----
    Neighbours are searched exactly, among at most 100,000 random images of X; if X is on a disk,
    they take at most 1 GB. With `early_stopping`, neighbours of the training images may be held
    out; pass `X_val` to have images that take no part.

    `history_` has "train_attraction" and "train_repulsion", the parts of the loss. Losses of
    different objectives cannot be compared; `score` can.

    With `warm_start`, all phases run again. The decoder fits the map that it was trained with:
    without new epochs of it, there is none.

    References
    ----------
    .. [1] McInnes, Healy & Melville (2018). "UMAP: Uniform Manifold Approximation and Projection
       for Dimension Reduction". arXiv:1802.03426.
    .. [2] Sainburg, McInnes & Gentner (2021). "Parametric UMAP Embeddings for Representation and
       Semisupervised Learning". Neural Computation 33.
    .. [3] Van der Maaten (2009). "Learning a Parametric Embedding by Preserving Local Structure".
       AISTATS.
    .. [4] Damrich, Böhm, Hamprecht & Kobak (2023). "From t-SNE to UMAP with contrastive learning".
       ICLR.
    .. [5] Böhm, Berens & Kobak (2023). "Unsupervised Visualization of Image Datasets Using
       Contrastive Learning". ICLR.
    .. [6] Khosla et al. (2020). "Supervised Contrastive Learning". NeurIPS.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvNeighborEmbedding
    >>> X, _ = load_digits(return_X_y=True)
    >>> embedding = ConvNeighborEmbedding(max_epochs=10, random_state=0).fit(X[:1500])
    >>> embedding.transform(X[1500:]).shape
    (297, 2)
    >>> embedding.score(X[1500:]) > 0.8
    True
    >>> embedding.inverse_transform(embedding.embedding_[:3]).shape
    (3, 64)
    """

    _parameter_constraints: ClassVar[dict] = {
        "objective": [StrOptions(set(EMBEDDING_OBJECTIVES))],
        "neighbors": [
            StrOptions({"images", "views"}),
            HasMethods("fit_transform"),
            "sparse matrix",
        ],
        "n_neighbors": [Interval(Integral, 2, None, closed="left")],
        "min_dist": [Interval(Real, 0, 1, closed="both")],
        "negative_sample_rate": [Interval(Real, 0, None, closed="neither")],
        "perplexity": [Interval(Real, 1, None, closed="left")],
        "target_weight": [Interval(Real, 0, 1, closed="both")],
        "views": [StrOptions({"auto", *PRESETS}), callable, None],
        "noise_level": [Interval(Real, 0, None, closed="left")],
        "decoder_epochs": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
    }
    _network_parameters = ("objective", "min_dist", "negative_sample_rate", "noise_level")
    _batch_sizes = BatchSizes(64, 256, 256, least_large=64, last_share=0.5)
    _n_phases = None
    _auto_steps = 3000
    _why_not_decoded = "has no decoder: decoder_epochs=0, or its training was interrupted."
    partial_fit = AllRowsNeeded()

    def __init__(
        self,
        n_components=2,
        *,
        image_shape=None,
        channel_axis=None,
        objective="umap",
        neighbors="images",
        n_neighbors=15,
        min_dist=0.1,
        negative_sample_rate=5.0,
        perplexity=30.0,
        target_weight=0.0,
        views=None,
        noise_level=0.5,
        decoder_epochs="auto",
        hidden_channels="auto",
        hidden_layer_sizes=(256,),
        encoder=None,
        decoder=None,
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

    def fit_transform(self, X, y=None, **fit_params):
        """Train the network on X, and return the positions of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images, as for `fit`.
        y : array-like of shape (n_samples,), default=None
            Labels, for `target_weight`.
        **fit_params
            For `fit`: `X_val`.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_components), float32
            ``transform(X)``, and `embedding_`.
        """
        return self.fit(X, y, **fit_params).embedding_

    def _build_network(self, min_dist, **parameters):
        return build_neighbor_embedding(kernel=fit_kernel(min_dist), **parameters)
