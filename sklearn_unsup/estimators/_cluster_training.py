"""The training of a clusterer: features, first clusters, and the refinement of both."""

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from sklearn_unsup._data import rows_at
from sklearn_unsup._devices import seed_from
from sklearn_unsup._persistence import array, integer
from sklearn_unsup._warnings import warn
from sklearn_unsup.estimators._clusters import (
    N_CLOSE,
    Neighborhood,
    choose_head,
    choose_landmarks,
    copy_weights,
    neighbor_agreement,
    start_clusters,
    without_own,
)
from sklearn_unsup.estimators._phases import resolve_epochs
from sklearn_unsup.estimators._values import check_batches_compare
from sklearn_unsup.networks import NeighborViews
from sklearn_unsup.networks.views import Compose, TwoViews

LOYALTY = 0.1  # of this agreement, earlier clusters may lose before others replace them
TOLERANCE = 0.02  # of the agreement of neighbours that a refinement may lose
EARLIER, K_MEANS, HEAD, REFINED = "earlier", "k-means", "head", "refined"  # candidates
AUTO_SHARE = 0.6  # of the epochs of features, if both numbers are "auto"
FEATURES, CLUSTERS = "features", "clusters"  # phases, in history_


class ClusterTrainingMixin:
    """The phases of a fit, for an `ImageEstimator` that clusters images.

    It has `ClusterPredictionMixin`, `EncoderMixin` and `RandomViewsMixin`, and the parameters
    `n_clusters`, `pretrain` and `refinement_epochs`.
    """

    def _train(self, network, data, phases):
        n_least = max(2, self.n_clusters)
        if len(data) < n_least:
            raise ValueError(
                f"X has n_samples={len(data)}: {type(self).__name__} with n_clusters="
                f"{self.n_clusters} expects at least {n_least} samples."
            )
        check_batches_compare(self.batch_size)
        seed, interrupt = seed_from(phases.generator), None
        try:
            if isinstance(self.pretrain, str):
                self._learn_features(network, data, phases)
        except KeyboardInterrupt as error:
            if not phases.epochs():
                raise
            interrupt = error
        network.eval()
        landmarks = choose_landmarks(*data.rows.shape, seed)
        rows = rows_at(data.rows, landmarks)
        neighborhood, neighbors = self._neighborhood(rows)
        candidates = {}  # name: agreement of neighbours, weights
        if network.has_clusters:  # with warm_start
            self._add(candidates, EARLIER, network, rows, neighbors, LOYALTY)
        labels = start_clusters(network, neighborhood, seed)
        candidates[K_MEANS] = self._agreement(labels, neighbors), copy_weights(network)
        if not network.has_centers and interrupt is None:
            choose_head(network, neighborhood, neighbors, seed)
            self._add(candidates, HEAD, network, rows, neighbors)
        if EARLIER in candidates:  # what is refined, and compared with the result
            self._choose(network, candidates)
            candidates = {}
            self._add(candidates, HEAD, network, rows, neighbors)
        n_epochs = 0 if interrupt is not None else self._n_refinement_epochs(len(data))
        if n_epochs:
            try:
                self._refine(network, data, phases, n_epochs, landmarks, rows, neighborhood)
            except KeyboardInterrupt as error:
                interrupt = error
            self._add(candidates, REFINED, network, rows, neighbors, TOLERANCE)
        self._choose(network, candidates)
        if interrupt is not None:
            raise interrupt
        self._agreements = {name: agreement for name, (agreement, _) in candidates.items()}

    def _learn_features(self, network, data, phases):
        """Train the encoder alone."""
        view = self._view()
        if self.pretrain == "autoencoder":
            phases.train(network, data, FEATURES, view=view)
        else:
            views = TwoViews(view)
            phases.train(network, data, FEATURES, view=views, validation_view=views)

    def _add(self, candidates, name, network, rows, neighbors, bonus=0.0):
        """Add the present clusters to those that are compared."""
        network.eval()
        agreement = self._agreement(self._labels(rows), neighbors) + bonus
        candidates[name] = agreement, copy_weights(network)

    def _choose(self, network, candidates):
        """Give the network the weights of the candidate whose clusters agree most."""
        weights = max(candidates.values(), key=lambda candidate: candidate[0])[1]
        network.load_state_dict(weights)

    def _agreement(self, labels, neighbors):
        return neighbor_agreement(labels, neighbors, self.n_clusters)

    def _refine(self, network, data, phases, n_epochs, landmarks, rows, neighborhood):
        """Train clusters and features together."""
        network.learns_clusters = True
        try:
            if network.has_centers:
                views = TwoViews(self._view(), first=Compose([]))
                options = {"view": views, "validation_view": views}
            else:
                close = self._close_landmarks(data, landmarks, neighborhood)
                data, rows = data.with_given(close), torch.tensor(rows)
                options = {"batch_view": NeighborViews(self._view(), rows, self._to_images)}
            phases.train(network, data, CLUSTERS, n_epochs, **options)
        finally:
            network.learns_clusters = False

    def _close_landmarks(self, data, landmarks, neighborhood):
        """Return a function that maps rows to the indices of the nearest landmarks of each."""
        own = np.full(len(data), -1)
        own[landmarks] = np.arange(len(landmarks))

        def close(rows):
            indices = self._neighbors(rows, neighborhood, own if rows is data.rows else None)
            return indices[:, :N_CLOSE]

        return close

    def _neighborhood(self, rows):
        """Return the neighbourhood of landmarks, and the neighbours of each among the others."""
        network = self.network_
        options = network.scaling.scale.device, hasattr(network, "decode")
        neighborhood = Neighborhood(self._encode(rows), *options)
        return neighborhood, self._neighbors(rows, neighborhood, np.arange(len(rows)))

    def _neighbors(self, rows, neighborhood, own=None):
        """Return the nearest landmarks of rows, without those that they are."""
        indices = self._apply(
            lambda tensor: neighborhood.nearest(self.network_.encode(self._to_images(tensor))),
            rows,
            neighborhood.n_found,
        ).astype(np.int64)
        return without_own(indices, np.full(len(rows), -1) if own is None else own)

    def _n_refinement_epochs(self, n_rows):
        if self.refinement_epochs != "auto":
            return int(self.refinement_epochs)
        n_epochs = resolve_epochs(self, self.max_epochs, n_rows)
        return round(AUTO_SHARE * n_epochs) if self.max_epochs == "auto" else n_epochs

    def _after_training(self, rows, seed):
        some = rows_at(rows, choose_landmarks(*rows.shape, seed))
        self.labels_ = self._labels(rows)
        self.n_clusters_ = len(np.unique(self.labels_))
        self.cluster_centers_ = self._centers(some)

    def _centers(self, rows):
        """Return the centres that were learnt, or the mean code of each cluster."""
        if self.network_.has_centers:
            return self.network_.centers().cpu().numpy()
        shares = self._probabilities(rows)
        shares /= np.maximum(shares.sum(axis=0), np.finfo(np.float32).tiny)
        return shares.T @ self._encode(rows)

    def _specs(self, state):
        width, n_clusters = (
            state["_fitted_params"][name] for name in ("n_components", "n_clusters")
        )
        return {
            **super()._specs(state),
            "labels_": array(np.int32, (None,), 0),
            "n_clusters_": integer(1, n_clusters),
            "cluster_centers_": array(np.float32, (n_clusters, width)),
        }

    def _warn_of_failure(self):
        super()._warn_of_failure()
        agreements = vars(self).pop("_agreements", {})
        if REFINED in agreements and agreements[REFINED] < max(agreements.values()):
            after, before = agreements.pop(REFINED) - TOLERANCE, max(agreements.values())
            warn(
                "The refinement of clusters and features did not help, and is left out: neighbours "
                f"share a cluster in {after:.3f} of cases after it, and in {before:.3f} before, as "
                f"a mean over clusters. Check views and n_clusters ({self.n_clusters}), or set "
                "refinement_epochs=0.",
                ConvergenceWarning,
            )
        if self.n_clusters_ < self.n_clusters:
            warn(
                f"{self.n_clusters - self.n_clusters_} of {self.n_clusters} clusters are empty. "
                "Lower n_clusters, or train for more epochs.",
                ConvergenceWarning,
            )
