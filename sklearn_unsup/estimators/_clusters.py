"""Clusters of codes: neighbours, where the training of clusters starts, and what it is judged by.

Van Gansbeke, Vandenhende, Georgoulis, Proesmans & Van Gool 2020, "SCAN: Learning to Classify Images
without Labels".
"""

import copy

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch.nn.functional import normalize

from sklearn_unsup._devices import scikit_learn_settings
from sklearn_unsup.networks import fit_head, random_head

MAX_LANDMARKS = 20_000  # rows among which neighbours are searched
MAX_NUMBERS = 2**28  # in them
N_NEIGHBORS = 20
N_CLOSE = 5  # of them, for the training of the network
N_STARTS = 3  # of k-means
N_HEADS = {2.0: 8, 0.4: 4}  # weight of the entropy of sizes: random starts. Many starts end with
# a kind split and two joined.
UNEQUAL = 0.01  # of agreement, that clusters of the smaller weight must be better by: they are
# for kinds of unequal frequency
LEAST_SCALE = 0.1  # of a component of the codes, relative to the typical one: some hardly vary
SHARPNESS = 10.0  # of the first probabilities, per mean squared distance
TINY = np.finfo(np.float32).tiny


class Neighborhood:
    """Standardised codes of landmarks, and the nearest of them for other codes.

    Parameters
    ----------
    codes : ndarray of shape (m, k)
        Codes of the landmarks.
    device : torch.device
    isotropic : bool
        Divide all components by the same number: those with a small variance matter less.

    Attributes
    ----------
    mean, scale : ndarray of shape (k,)
        Standardisation.
    codes : ndarray of shape (m, k)
        Standardised.
    """

    def __init__(self, codes, device, isotropic=False):
        self.mean, self.scale = codes.mean(axis=0), codes.std(axis=0)
        typical = float(np.sqrt(np.square(self.scale).mean()))
        if typical <= TINY:
            self.scale = np.ones_like(self.scale)
        elif isotropic:
            self.scale = np.full_like(self.scale, typical)
        self.scale = np.maximum(self.scale, LEAST_SCALE * typical)
        self.codes = (codes - self.mean) / self.scale
        self._landmarks = normalize(torch.tensor(self.codes, device=device))
        self._mean, self._scale = (
            torch.tensor(each, device=device) for each in (self.mean, self.scale)
        )
        self.n_found = min(N_NEIGHBORS + 1, len(codes))

    def nearest(self, codes):
        """Return the indices of the landmarks nearest to codes (b, k), a float tensor (b, n_found).

        There is one more than neighbours, as landmarks find themselves.
        """
        similarities = normalize((codes - self._mean) / self._scale) @ self._landmarks.T
        return similarities.topk(self.n_found).indices.float()


def without_own(indices, own):
    """Return neighbours (n, k - 1) of indices (n, k): without `own` (n,), or without the last."""
    if indices.shape[1] == 1:
        return indices
    order = np.argsort(indices == own[:, None], axis=1, kind="stable")  # its own comes last
    return np.take_along_axis(indices, order, axis=1)[:, :-1]


def choose_landmarks(n_rows, n_features, seed):
    """Return the sorted indices of random rows."""
    n = max(1, min(n_rows, MAX_LANDMARKS, MAX_NUMBERS // n_features))
    return np.sort(np.random.RandomState(seed).permutation(n_rows)[:n])


def copy_weights(network):
    """Return a copy of the state of a network."""
    return {name: value.clone() for name, value in network.state_dict().items()}


def start_clusters(network, neighborhood, seed):
    """Standardise codes, and start the head of a network at k-means of them.

    Returns
    -------
    labels : ndarray of shape (m,)
        The clusters of k-means.
    """
    codes = neighborhood.codes
    with scikit_learn_settings():
        kmeans = KMeans(network.head.out_features, n_init=N_STARTS, random_state=seed).fit(codes)
    sharpness = SHARPNESS / max(kmeans.inertia_ / len(codes), 1e-6 * codes.shape[1])
    mean, scale, centers = (
        torch.tensor(each, dtype=torch.float32)
        for each in (neighborhood.mean, neighborhood.scale, kmeans.cluster_centers_)
    )
    network.start_clusters(mean, scale, centers, sharpness)
    return kmeans.labels_


def choose_head(network, neighborhood, neighbors, seed):
    """Train the linear head of a network on the codes as they are.

    Of several heads, the one is kept whose clusters neighbours share most often. For each weight of
    the entropy of sizes, one starts at the present clusters, and others are random. The smaller
    weight is for kinds of unequal frequency; its clusters must be clearly better.
    """
    generator = torch.Generator().manual_seed(seed)
    codes, indices = torch.tensor(neighborhood.codes), torch.tensor(neighbors)
    n_clusters = network.head.out_features
    best, start = -1.0, copy.deepcopy(network.head).cpu()
    for marginal_weight, n_heads in N_HEADS.items():
        heads = [copy.deepcopy(start)]
        heads += [random_head(codes.shape[1], n_clusters, generator) for _ in range(n_heads)]
        for head in heads:
            labels = fit_head(head, codes, indices, generator, marginal_weight).numpy()
            agreement = neighbor_agreement(labels, neighbors, n_clusters)
            agreement -= UNEQUAL if marginal_weight < max(N_HEADS) else 0
            if agreement > best:
                best = agreement
                network.head.load_state_dict(head.state_dict())
                network.marginal_weight.fill_(marginal_weight)


def neighbor_agreement(labels, neighbors, n_clusters):
    """Return the mean over clusters of the share of neighbours in the same cluster.

    Parameters
    ----------
    labels : ndarray of int of shape (m,)
    neighbors : ndarray of int of shape (m, k)
    """
    is_same = (labels[neighbors] == labels[:, None]).mean(axis=1)
    sizes = np.bincount(labels, minlength=n_clusters)
    return float((np.bincount(labels, is_same, n_clusters) / np.maximum(sizes, 1)).mean())


def mutual_information(p, q):
    """Return the information, in nats, of clusters with probabilities p (n, k) about those of q.

    Ji, Henriques & Vedaldi 2019, "Invariant Information Clustering for Unsupervised Image
    Classification and Segmentation", eq. 2 and 3.
    """
    joint = p.T.astype(np.float64) @ q
    joint = (joint + joint.T) / (2 * len(p))
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    is_positive = joint > 0
    return float((joint[is_positive] * np.log(joint[is_positive] / independent[is_positive])).sum())
