"""Kinds of real images that generated images lack, found by clusters of the real ones."""

import warnings
from numbers import Integral

import numpy as np
from scipy.stats import poisson
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_scalar

from sklearn_unsup.metrics._features import check_features

N_COMPONENTS = 30  # distances in more are dominated by noise
ROWS_PER_CLUSTER = 25  # on average: fewer cannot be told from chance
MAX_CLUSTERS = 40
MAX_RATIO = 0.2  # of the number of generated rows to that of real ones, in a missing cluster
N_NEIGHBORS = 5  # Naeem et al. 2020, section 4
MAX_COVERED = 0.5  # of the rows of a missing cluster
MIN_ISOLATION = 0.6  # share of their neighbours in missing clusters; one kind may have several
MIN_SHARE = 0.045  # of all missing clusters; clusters of rare or odd rows are missed by chance
MAX_P_VALUE = 1e-3  # of the number of generated rows in a missing cluster
MAX_JOINT_P_VALUE = 1e-5  # of that in all of them


class RealClusters:
    """Clusters of real rows, in which generated rows are counted.

    Parameters
    ----------
    real : ndarray of shape (n_real, n_features)
    n_clusters : int or None
        None takes one for each 25 rows, at most 40.
    random_state : int
    """

    def __init__(self, real, n_clusters=None, random_state=0):
        n = len(real)
        if n_clusters is None:
            n_clusters = min(n // ROWS_PER_CLUSTER, MAX_CLUSTERS)
        self.n_clusters = n_clusters
        if self.n_clusters < 2 or not np.ptp(real, axis=0).any():
            self.n_clusters = 0  # nothing can be told apart
            return
        n_components = min(N_COMPONENTS, n - 1, real.shape[1])
        self.pca = PCA(n_components, random_state=random_state)
        codes = self.pca.fit_transform(real)
        with warnings.catch_warnings():  # fewer distinct rows than clusters leave some empty
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.kmeans = KMeans(self.n_clusters, n_init=1, random_state=random_state).fit(codes)
        self.counts = np.bincount(self.kmeans.labels_, minlength=self.n_clusters)
        nearest = NearestNeighbors(n_neighbors=min(N_NEIGHBORS, n - 1)).fit(codes)
        distances, self.neighbors = nearest.kneighbors()  # (n, k)
        self.codes, self.radii = codes, distances[:, -1]

    def missing_share(self, generated):
        """Return the share of the real rows in clusters with almost no generated row."""
        if not self.n_clusters:
            return 0.0
        codes = self.pca.transform(generated)
        labels = self.kmeans.labels_
        counts = np.bincount(self.kmeans.predict(codes), minlength=self.n_clusters)
        is_covered = pairwise_distances(self.codes, codes).min(axis=1) <= self.radii
        covered = np.bincount(labels, is_covered, self.n_clusters)
        expected = self.counts * (len(generated) / self.counts.sum())
        is_missing = (
            (counts <= MAX_RATIO * expected)
            & (poisson.cdf(counts, expected) < MAX_P_VALUE)
            & (covered <= MAX_COVERED * self.counts)
        )
        within = is_missing[labels[self.neighbors]].mean(axis=1)
        within = np.bincount(labels, within, self.n_clusters)
        is_missing &= within >= MIN_ISOLATION * self.counts
        share = self.counts[is_missing].sum() / self.counts.sum()
        p_value = poisson.cdf(counts[is_missing].sum(), expected[is_missing].sum())
        return float(share) if share >= MIN_SHARE and p_value < MAX_JOINT_P_VALUE else 0.0


def missing_share(X_real, X_generated, *, n_clusters=None, feature_extractor=None, random_state=0):
    """Share of the real rows of a kind that generated rows lack.

    The real rows are clustered by k-means on their first 30 principal components, and each
    generated row is counted for the nearest centre [1]_. A cluster is missing if it has at most a
    fifth of the generated rows that its size lets one expect, and this is unlikely by chance.
    Missing clusters count if they hold at least 4.5 % of the real rows.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_features)
        At least 50 rows; with fewer the share is 0. Kinds of 5 % need about 600.
    X_generated : array-like of shape (n_generated, n_features)
        Take as many as there are real rows.
    n_clusters : int, default=None
        A larger number finds smaller kinds, and needs more rows. None takes one cluster for each
        25 real rows, at most 40.
    feature_extractor : callable or fitted transformer, default=None
        Maps rows to features, as ``feature_extractor(X)`` or ``feature_extractor.transform(X)``.
        None takes the rows themselves.
    random_state : int, default=0
        Seed of k-means and of the principal components.

    Returns
    -------
    share : float
        Between 0 and 1; 0 if no kind is missing.

    See Also
    --------
    density_coverage : Coverage, for each row instead of each cluster.

    References
    ----------
    .. [1] Richardson & Weiss (2018). "On GANs and GMMs". NeurIPS. Section 3: the number of
       statistically different bins.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup.metrics import missing_share
    >>> X, y = load_digits(return_X_y=True)
    >>> missing_share(X[::2], X[1::2])
    0.0
    >>> missing_share(X[::2], X[1::2][y[1::2] != 0]) > 0.05
    True
    """
    if n_clusters is not None:
        check_scalar(n_clusters, "n_clusters", Integral, min_val=2)
    real, generated = check_features(X_real, X_generated, feature_extractor, min_rows=2)
    return RealClusters(real, n_clusters, random_state).missing_share(generated)
