"""The training of a neighbour embedding: the map, then its decoder."""

import numpy as np
import torch

from sklearn_unsup._devices import seed_from
from sklearn_unsup._persistence import array
from sklearn_unsup.estimators._code_density import RowSample
from sklearn_unsup.estimators._embedding_neighbors import IMAGES, VIEWS
from sklearn_unsup.estimators._neighbor_graph import moments
from sklearn_unsup.estimators._phases import resolve_epochs
from sklearn_unsup.estimators._values import check_batches_compare
from sklearn_unsup.networks.views import Compose, TwoViews, preset

FEATURES, MAP, DECODER = "features", "map", "decoder"  # phases, in history_
AUTO_SHARE = 0.5  # of the epochs of the map, if both numbers are "auto"


class EmbeddingTrainingMixin:
    """The phases of a fit, for an `ImageEstimator` that maps images.

    It has `NeighborsMixin`, `EncoderMixin`, `DecoderMixin` and `RandomViewsMixin`, and the
    parameters `views` and `decoder_epochs`.
    """

    def _train(self, network, data, phases):
        self._check_size(len(data))
        vars(self).pop("embedding_", None)  # of an earlier fit
        if self._compares_views:
            views = TwoViews(self._view())
            network.learns = FEATURES
            phases.train(network, data, FEATURES, view=views, validation_view=views)
            network.eval()
            features = self._features(RowSample(data.rows, seed_from(phases.generator)))
            network.start_map(*map(torch.from_numpy, moments(features)))
        network.learns = MAP
        network.eval()
        data, pairs = self._neighbor_pairs(data, seed_from(phases.generator))
        phases.train(network, data, MAP, batch_view=pairs)
        network.eval()
        self.embedding_ = self._encode(data.rows)
        n_epochs = self._n_decoder_epochs(len(data))
        if not n_epochs:
            return
        mean = self.embedding_.mean(axis=0)
        scale = (self.embedding_ - mean).std()
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

    def _view(self):
        if self.views is None:
            return preset("auto", self.image_shape_) if self._compares_views else Compose([])
        return super()._view()

    def _network_params(self):
        if self._compares_views and self.encoder is not None:
            raise ValueError(
                "neighbors='views' learns features with the encoder of this package, and encoder= "
                "would not be used. Leave encoder out, or set neighbors to a pipeline of your "
                "features and a KNeighborsTransformer."
            )
        return {**super()._network_params(), "neighbors": VIEWS if self._compares_views else IMAGES}

    def _check_size(self, n):
        if n < 3:
            raise ValueError(
                f"X has n_samples={n}: {type(self).__name__} compares neighbours with other "
                "images, and expects at least 3 samples."
            )
        check_batches_compare(self.batch_size)

    def _n_decoder_epochs(self, n_rows):
        if self.decoder_epochs != "auto":
            return int(self.decoder_epochs)
        n_epochs = resolve_epochs(self, self.max_epochs, n_rows)
        return max(1, round(AUTO_SHARE * n_epochs)) if self.max_epochs == "auto" else n_epochs

    def _decodes(self):
        if hasattr(self, "network_"):
            return self.history_[-1].get("phase") == DECODER  # else it is of an earlier map
        return self.decoder_epochs != 0

    def _specs(self, state):
        width = state["_fitted_params"]["n_components"]
        return {**super()._specs(state), "embedding_": array(np.float32, (None, width))}
