"""The neighbours of images, and their labels, for the training of a neighbour embedding."""

import math
from functools import partial
from numbers import Real

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.utils import column_or_1d

from sklearn_unsup._data import LazyRows
from sklearn_unsup._warnings import warn
from sklearn_unsup.estimators._neighbor_graph import (
    NEIGHBORS_PER_PERPLEXITY,
    NeighborSearch,
    equal_weights,
    fit_principal_components,
    from_sparse,
    memberships,
    similarities,
)
from sklearn_unsup.networks import NeighborPairs
from sklearn_unsup.networks.views import Compose

UNLABELLED = -1  # as in sklearn.semi_supervised
IMAGES, VIEWS = "images", "views"  # of `neighbors`


def encode_labels(y, user):
    """Return a number of the class of each label, and -1 for the label -1, as number or text.

    Raises
    ------
    ValueError
        If a label is missing, or a number that is not whole. `user` is what the labels are for.
    """
    values = list(column_or_1d(np.asarray(y, dtype=object)))
    is_missing = [each is None or str(each) in ("nan", "<NA>", "NaT") for each in values]
    if any(is_missing):
        raise ValueError(
            f"y has {sum(is_missing)} missing labels, and {user} uses labels: expected -1 for "
            "unlabelled images."
        )
    is_number = [isinstance(each, Real) for each in values]
    if any(each != int(each) for each, is_real in zip(values, is_number, strict=True) if is_real):
        raise ValueError(
            f"y holds numbers that are not whole, and {user} uses classes: expected a label for "
            "each image, with -1 for unlabelled ones."
        )
    pairs = zip(values, is_number, strict=True)
    texts = np.array([str(int(each)) if is_real else str(each) for each, is_real in pairs])
    labels, is_labelled = np.full(len(texts), UNLABELLED), texts != str(UNLABELLED)
    labels[is_labelled] = np.unique(texts[is_labelled], return_inverse=True)[1]
    return labels


class NeighborsMixin:
    """Neighbours of images, for an `ImageEstimator` with `RandomViewsMixin`.

    It has the parameters `objective`, `neighbors`, `n_neighbors`, `perplexity` and `target_weight`.
    The network has `pooled`, `directions` and `encoder.width`, for neighbours of views.
    """

    @property
    def _compares_views(self):
        return isinstance(self.neighbors, str) and self.neighbors == VIEWS

    def _validate_y(self, y, n_samples, reset=False):
        """Return a number of the class of each sample, -1 for those without; None ignores y."""
        if not self.target_weight:
            return None
        if y is None:
            if reset:
                raise ValueError(
                    f"target_weight={self.target_weight} uses labels, and y is None. Pass y, with "
                    "-1 for unlabelled images, or set target_weight=0."
                )
            return np.full(n_samples, UNLABELLED)
        return encode_labels(y, f"target_weight={self.target_weight}")

    def _neighbor_pairs(self, data, seed):
        """Return data with the neighbours of each row, and the batches that hold them."""
        labels = data.given
        if isinstance(self.neighbors, str):
            fit_codes = partial(fit_principal_components, standardise=self._standardised, seed=seed)
            if self._compares_views:
                fit_codes = self._fit_directions
            search = NeighborSearch(data.rows, fit_codes, seed)
            nearest = partial(search.nearest, n_neighbors=self._n_neighbors(len(search.indices)))
            landmarks, rows = search.indices, search.landmarks
        else:
            nearest, landmarks, rows = self._given_graph(data), np.arange(len(data)), data.rows

        def graph(X):
            distances, indices = nearest(X)
            own = labels if X is data.rows and labels is not None else np.full(len(X), UNLABELLED)
            columns = indices, self._attraction(distances), own[:, np.newaxis]
            return np.hstack(columns).astype(np.float32)

        classes = []
        if labels is not None and (labels == UNLABELLED).all():
            warn(f"target_weight={self.target_weight}, but no image has a label: y is not used.")
        elif labels is not None:
            found = labels[landmarks]
            labels = np.where(np.isin(labels, found), labels, UNLABELLED)
            classes = [
                torch.from_numpy(np.flatnonzero(found == each)) for each in range(labels.max() + 1)
            ]
        weight = self.target_weight if classes else 0.0
        view = Compose([]) if self._compares_views else self._view()
        pairs = NeighborPairs(rows, self._to_images, view, classes, weight)
        return data.with_given(graph), pairs

    def _standardised(self, rows):
        """Return rows (b, n_features) in the network's units, in the order of images."""
        scaling = self.network_.scaling
        rows = self._to_images(rows).reshape(rows.shape)
        return ((rows - float(scaling.offset.mean())) / float(scaling.scale)).astype(np.float32)

    def _fit_directions(self, landmarks):
        """Return the function that maps rows to what their neighbours are searched by."""
        network = self.network_
        return partial(
            self._features, function=lambda images: network.directions(network.pooled(images))
        )

    def _features(self, rows, function=None):
        """Return the features (n, p) of rows, or another function of images with their width."""
        function = function or self.network_.pooled
        width = self.network_.encoder.width
        return self._apply(lambda tensor: function(self._to_images(tensor)), rows, width)

    def _attraction(self, distances):
        """Return the weights (n, k) of neighbours with these distances."""
        if self.objective == "umap":
            return memberships(distances)
        if self.objective == "tsne":
            return similarities(distances, self._perplexity(distances))
        return equal_weights(distances)

    def _n_neighbors(self, n_landmarks):
        """Return how many neighbours to search; warn if there are fewer than asked for."""
        n_neighbors = self.n_neighbors
        if self.objective == "tsne":
            n_neighbors = math.ceil(NEIGHBORS_PER_PERPLEXITY * self.perplexity)
        if n_neighbors < n_landmarks:
            return n_neighbors
        asked = f"n_neighbors={n_neighbors}"
        if self.objective == "tsne":
            asked = f"perplexity={self.perplexity}, which needs {n_neighbors} neighbours,"
        warn(
            f"{asked} is more than X with n_samples={n_landmarks} has: the {n_landmarks - 1} other "
            "images are taken as neighbours. Lower it for small X."
        )
        return n_landmarks - 1

    def _given_graph(self, data):
        """Return a function that finds the neighbours of rows in a graph, or by a transformer."""
        if isinstance(data.rows, LazyRows):
            raise ValueError(
                f"X is on a disk, and neighbors is {type(self.neighbors).__name__}: expected X in "
                "memory, or neighbors='images'."
            )
        if issparse(self.neighbors):
            own, transform = self.neighbors, None
        else:
            transformer = clone(self.neighbors)
            with config_context(transform_output="default"):
                own = transformer.fit_transform(data.rows)
            transform = transformer.transform

        def nearest(rows):
            is_new = rows is not data.rows
            if is_new and transform is None:
                raise ValueError(
                    "X_val has no neighbours in the graph neighbors=. Leave X_val out, or set "
                    "neighbors to a transformer, such as KNeighborsTransformer."
                )
            graph = own
            if is_new:
                with config_context(transform_output="default"):
                    graph = transform(rows)
            graph = self._check_graph(graph, (len(rows), len(data)))
            distances, indices = from_sparse(graph, has_own=not is_new)
            self._check_isolated(distances, is_new)
            return distances, indices

        return nearest

    def _check_isolated(self, distances, is_new):
        """Warn of images without neighbours; raise a ValueError if that is not possible."""
        n = int(np.isinf(distances[:, 0]).sum())
        if (is_new and n) or n == len(distances):
            name = "X_val" if is_new else "X"
            raise ValueError(
                f"{n} of {len(distances)} images of {name} have no neighbours in the graph of "
                "neighbors=. Search more neighbours, or a larger radius."
            )
        if n:
            warn(
                f"{n} of {len(distances)} images have no neighbours in the graph of neighbors=, "
                "and are only repelled by the others."
            )

    def _check_graph(self, graph, shape):
        """Return a graph of distances as a matrix; raise an error if it is something else."""
        expected = (
            f"expected a sparse matrix of distances of shape {shape}, as KNeighborsTransformer "
            "with mode='distance' returns it"
        )
        if not issparse(graph):
            raise TypeError(f"neighbors gives {type(graph).__name__}: {expected}.")
        if graph.shape != shape:
            raise ValueError(f"neighbors gives a graph of shape {graph.shape}: {expected}.")
        if graph.dtype.kind not in "buif":
            raise TypeError(f"neighbors gives a graph of {graph.dtype}: {expected}.")
        graph = graph.tocsr()
        if not (np.isfinite(graph.data).all() and (graph.data >= 0).all()):
            raise ValueError(f"neighbors gives values below 0, or not finite: {expected}.")
        return graph

    def _perplexity(self, distances):
        """Return the perplexity, or what the neighbours of few images allow."""
        most = np.isfinite(distances).sum(axis=1).min() / NEIGHBORS_PER_PERPLEXITY
        if isinstance(self.neighbors, str):  # `_n_neighbors` has warned
            return max(1.0, min(self.perplexity, most))
        if self.perplexity > most:
            raise ValueError(
                f"perplexity={self.perplexity} needs {NEIGHBORS_PER_PERPLEXITY} times as many "
                f"neighbours, but some images have {round(most * NEIGHBORS_PER_PERPLEXITY)} in the "
                "graph of neighbors=. Search more neighbours, or lower perplexity."
            )
        return self.perplexity
