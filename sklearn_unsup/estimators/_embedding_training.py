"""The training of a neighbour embedding: the map, then its decoder."""

import math
from functools import partial

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from sklearn_unsup._data import LazyRows
from sklearn_unsup._devices import seed_from
from sklearn_unsup._persistence import array
from sklearn_unsup._warnings import warn
from sklearn_unsup.estimators._neighbor_graph import (
    NEIGHBORS_PER_PERPLEXITY,
    NeighborSearch,
    from_sparse,
    memberships,
    similarities,
)
from sklearn_unsup.estimators._phases import resolve_epochs
from sklearn_unsup.networks import NeighborPairs
from sklearn_unsup.networks.views import Compose, TwoViews, preset

UNLABELLED = -1  # as in sklearn.semi_supervised
VIEWS = "views"  # of `neighbors`
FEATURES, MAP, DECODER = "features", "map", "decoder"  # phases, in history_
AUTO_SHARE = 0.5  # of the epochs of the map, if both numbers are "auto"


class EmbeddingTrainingMixin:
    """The phases of a fit, for an `ImageEstimator` that maps images.

    It has `EncoderMixin`, `DecoderMixin` and `RandomViewsMixin`, and the parameters `objective`,
    `neighbors`, `n_neighbors`, `perplexity`, `target_weight`, `views` and `decoder_epochs`.
    """

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
        y = column_or_1d(y)
        check_classification_targets(y)
        is_labelled = y != UNLABELLED
        labels = np.full(len(y), UNLABELLED)
        labels[is_labelled] = np.unique(y[is_labelled], return_inverse=True)[1]
        return labels

    def _train(self, network, data, phases):
        self._check_size(len(data))
        vars(self).pop("embedding_", None)  # of an earlier fit
        if self._compares_views:
            views = TwoViews(self._view())
            options = {"view": views, "validation_view": views}
            if network.projector is not None and not self.history_:
                network.learns = FEATURES
                phases.train(network, data, FEATURES, **options)
        else:
            data, pairs = self._neighbor_pairs(data, seed_from(phases.generator))
            options = {"batch_view": pairs}
        network.learns = MAP
        phases.train(network, data, MAP, **options)
        network.eval()
        self.embedding_ = self._encode(data.rows)
        n_epochs = self._n_decoder_epochs(len(data))
        if not n_epochs:
            return
        mean, scale = self.embedding_.mean(axis=0), self.embedding_.std()
        network.start_decoder(torch.from_numpy(mean), float(scale) or 1.0)
        network.learns = DECODER
        data = data.with_given(
            lambda rows: self.embedding_ if rows is data.rows else self._encode(rows)
        )
        try:
            phases.train(network, data, DECODER, n_epochs)
        finally:
            network.learns = MAP

    def _after_training(self, rows, seed):
        if not hasattr(self, "embedding_"):  # Ctrl-C came before the end of the map
            self.embedding_ = self._encode(rows)

    @property
    def _compares_views(self):
        return isinstance(self.neighbors, str) and self.neighbors == VIEWS

    def _view(self):
        if self.views is None:
            return preset("auto", self.image_shape_) if self._compares_views else Compose([])
        return super()._view()

    def _network_params(self):
        learns_features = self._compares_views and self.encoder is None
        return {**super()._network_params(), "learns_features": learns_features}

    def _check_size(self, n):
        if n < 3:
            raise ValueError(
                f"X has n_samples={n}: {type(self).__name__} compares neighbours with other "
                "images, and expects at least 3 samples."
            )
        if self.batch_size == 1:
            raise ValueError(
                "batch_size=1, but the training compares the images of a batch: expected at least "
                "2, or 'auto'."
            )

    def _neighbor_pairs(self, data, seed):
        """Return data with the neighbours of each row, and the batches that hold them."""
        labels = data.given
        if isinstance(self.neighbors, str):
            scaling = self.network_.scaling
            units = float(scaling.offset.mean()), float(scaling.scale)
            search = NeighborSearch(data.rows, self._to_images, *units, seed)
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
        if labels is not None:
            found = labels[landmarks]
            labels = np.where(np.isin(labels, found), labels, UNLABELLED)
            classes = [
                torch.from_numpy(np.flatnonzero(found == each)) for each in range(labels.max() + 1)
            ]
        weight = self.target_weight if classes else 0.0
        pairs = NeighborPairs(rows, self._to_images, self._view(), classes, weight)
        return data.with_given(graph), pairs

    def _attraction(self, distances):
        """Return the weights (n, k) of neighbours with these distances."""
        if self.objective == "umap":
            return memberships(distances)
        if self.objective == "tsne":
            return similarities(distances, self._perplexity(distances))
        return np.isfinite(distances).astype(np.float64)

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
            f"{asked} is more than X with n_samples={n_landmarks} has: all other images are taken "
            "as neighbours. Lower it for small X."
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
            own = transformer.fit_transform(self._to_output(data.rows))
            transform = transformer.transform

        def nearest(rows):
            is_new = rows is not data.rows
            if is_new and transform is None:
                raise ValueError(
                    "X_val has no neighbours in the graph neighbors=. Leave X_val out, or set "
                    "neighbors to a transformer, such as KNeighborsTransformer."
                )
            graph = transform(self._to_output(rows)) if is_new else own
            self._check_graph(graph, (len(rows), len(data)))
            return from_sparse(graph, has_own=not is_new)

        return nearest

    def _check_graph(self, graph, shape):
        """Raise an error if `neighbors` does not give a graph of distances."""
        expected = (
            f"expected a sparse matrix of distances of shape {shape}, as KNeighborsTransformer "
            "with mode='distance' returns it"
        )
        if not issparse(graph):
            raise TypeError(f"neighbors gives {type(graph).__name__}: {expected}.")
        if graph.shape != shape:
            raise ValueError(f"neighbors gives a graph of shape {graph.shape}: {expected}.")
        if not (np.isfinite(graph.data).all() and (graph.data >= 0).all()):
            raise ValueError(f"neighbors gives values below 0, or not finite: {expected}.")

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

    def _n_decoder_epochs(self, n_rows):
        if self.decoder_epochs != "auto":
            return int(self.decoder_epochs)
        n_epochs = resolve_epochs(self, self.max_epochs, n_rows)
        return max(1, round(AUTO_SHARE * n_epochs)) if self.max_epochs == "auto" else n_epochs

    def _decodes(self):
        if hasattr(self, "network_"):
            return any(row.get("phase") == DECODER for row in self.history_)
        return self.decoder_epochs != 0

    def _specs(self, state):
        width = state["_fitted_params"]["n_components"]
        return {**super()._specs(state), "embedding_": array(np.float32, (None, width))}
