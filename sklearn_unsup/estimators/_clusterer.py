"""Clusters of images, and the features that tell them apart.

Hu, Miyato, Tokui, Matsumoto & Sugiyama 2017, "Learning Discrete Representations via Information
Maximizing Self-Augmented Training"; Van Gansbeke, Vandenhende, Georgoulis, Proesmans & Van Gool
2020, "SCAN: Learning to Classify Images without Labels".
"""

from numbers import Integral
from typing import ClassVar

from sklearn.base import ClusterMixin

from sklearn_unsup._sklearn import HasMethods, Interval, StrOptions
from sklearn_unsup._training import BatchSizes
from sklearn_unsup.estimators._availability import AllRowsNeeded
from sklearn_unsup.estimators._base import ImageEstimator
from sklearn_unsup.estimators._cluster_prediction import ClusterPredictionMixin
from sklearn_unsup.estimators._cluster_training import ClusterTrainingMixin
from sklearn_unsup.estimators._encoding import EncoderMixin
from sklearn_unsup.estimators._parameters import store, with_shared_parameters
from sklearn_unsup.estimators._pretraining import PretrainingMixin
from sklearn_unsup.estimators._random_views import RandomViewsMixin
from sklearn_unsup.networks import build_clustering
from sklearn_unsup.networks.views import PRESETS


@with_shared_parameters(batch_limits="at least 64, and at most 256", large_batch="at least 64.")
class ConvClusterer(
    ClusterTrainingMixin,
    ClusterPredictionMixin,
    ClusterMixin,
    RandomViewsMixin,
    PretrainingMixin,
    EncoderMixin,
    ImageEstimator,
):
    """Clustering of images, by features that are learnt from the same images.

    A convolutional encoder first learns to give random views of an image similar codes. k-means of
    the codes gives first clusters. Then encoder and clusters are trained together: the clusters of
    an image, of a view of it and of a view of one of its nearest neighbours become the same, each
    image belongs to one cluster, and clusters differ as much as possible [1]_ [2]_. New images are
    assigned by `predict`.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.

    n_components : int, default={n_components}
        Number of features of the codes that `transform` returns.

    method : {"information", "idec"}, default="information"
        How encoder and clusters are trained together. "information" is described above. "idec"
        moves centres and codes so that the clusters of an image become more certain [3]_, for
        views of images as well [5]_. With ``pretrain="autoencoder"`` reconstructions are learnt at
        the same time [4]_. Take few components then: typical values are 10 to 32.

    pretrain : {"self_supervised", "autoencoder"} or fitted estimator, \
            default="self_supervised"
        How the encoder is trained before: as :class:`ConvSelfSupervisedEncoder`, or as
        :class:`ConvAutoencoder`, which keeps what a reconstruction needs. With "autoencoder" there
        are :meth:`inverse_transform` and :meth:`reconstruct`. A fitted one of these two is copied
        instead of a training; it must have the same `n_components`, `hidden_channels` and
        `encoder`, and have seen images in the units of X. In a search, wrap it in
        :class:`~sklearn.frozen.FrozenEstimator`.

    views : {"auto", "photographs", "drawings", "signals"} or callable, default="auto"
        Random changes that keep what an image shows, as for :class:`ConvSelfSupervisedEncoder`.
        They decide what images of one cluster have in common.

    refinement_epochs : int or "auto", default="auto"
        Number of epochs in which encoder and clusters are trained together, after `max_epochs` of
        the encoder alone. "auto" is `max_epochs`, or 0.6 times as many if that is "auto". With 0,
        the features stay as they are.

    hidden_channels : tuple of int or "auto", default="auto"
        Number of channels of each convolution stage but the last, which has `n_components`.

    projector_layer_sizes : tuple of int, default=(256, 256)
        Widths of the layers that map codes to where views are compared. They are only used in
        training.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int32
        Cluster of each image of X: ``predict(X)``.

    cluster_centers_ : ndarray of shape (n_clusters, n_components), float32
        Mean code of each cluster, weighted by the probabilities, of at most 20,000 images of X.
        With ``method="idec"``, the centres that were learnt.

    n_clusters_ : int
        Number of clusters that have an image of X. `fit` warns if some are empty.

    See Also
    --------
    sklearn.cluster.KMeans : Clusters of any features, such as those of
        :class:`ConvSelfSupervisedEncoder`.
    sklearn.cluster.HDBSCAN : Clusters of any shape and size, with outliers.

    Notes
    -----
    `transform` returns codes, where :meth:`KMeans.transform <sklearn.cluster.KMeans.transform>`
    returns distances. Neighbours are searched among at most 20,000 random images of X. `score`
    cannot choose `n_clusters`.

    The refinement is left out, and `fit` warns, if neighbours are in the same cluster clearly less
    often than before it (by 0.02, as a mean over clusters). With `warm_start`, both phases run
    again, and the earlier clusters stay unless new ones are better by 0.1.

    References
    ----------
    .. [1] Hu, Miyato, Tokui, Matsumoto & Sugiyama (2017). "Learning Discrete Representations via
       Information Maximizing Self-Augmented Training". ICML.
    .. [2] Van Gansbeke, Vandenhende, Georgoulis, Proesmans & Van Gool (2020). "SCAN: Learning to
       Classify Images without Labels". ECCV.
    .. [3] Xie, Girshick & Farhadi (2016). "Unsupervised Deep Embedding for Clustering Analysis".
       ICML.
    .. [4] Guo, Gao, Liu & Yin (2017). "Improved Deep Embedded Clustering with Local Structure
       Preservation". IJCAI.
    .. [5] Guo, Zhu, Liu & Yin (2018). "Deep Embedded Clustering with Data Augmentation". ACML.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.metrics import normalized_mutual_info_score
    >>> from sklearn_unsup import ConvClusterer
    >>> X, y = load_digits(return_X_y=True)
    >>> clusterer = ConvClusterer(10, n_components=64, max_epochs=10, refinement_epochs=0)
    >>> clusterer = clusterer.set_params(random_state=0).fit(X)
    >>> clusterer.predict(X[:5]).shape
    (5,)
    >>> normalized_mutual_info_score(y, clusterer.labels_) > 0.75
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "method": [StrOptions({"information", "idec"})],
        "pretrain": [StrOptions({"self_supervised", "autoencoder"}), HasMethods("transform")],
        "views": [StrOptions({"auto", *PRESETS}), callable],
        "refinement_epochs": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "projector_layer_sizes": ["array-like"],
    }
    _network_parameters = ("n_clusters", "projector_layer_sizes", "method")
    _batch_sizes = BatchSizes(64, 256, 256, least_large=64, last_share=0.5)
    _n_phases = None
    partial_fit = AllRowsNeeded()

    def __init__(
        self,
        n_clusters=8,
        *,
        n_components=256,
        image_shape=None,
        channel_axis=None,
        method="information",
        pretrain="self_supervised",
        views="auto",
        refinement_epochs="auto",
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
        return build_clustering(**parameters)
