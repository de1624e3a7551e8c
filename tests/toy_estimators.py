"""A small model: a sampler with two phases that uses y."""

import numpy as np
import torch
from sklearn.utils import column_or_1d
from torch import nn

from sklearn_unsup._persistence import Spec
from sklearn_unsup.estimators._base import ImageEstimator
from sklearn_unsup.estimators._parameters import store, with_shared_parameters
from sklearn_unsup.estimators._sampling import SamplerMixin
from sklearn_unsup.networks import Network, Scaling, build_decoder, build_encoder, losses

CLASSES = Spec(
    lambda value: np.size(value) > 0 and np.array_equal(np.unique(value), value), "sorted classes"
)


class LabelledNetwork(Network):
    """Autoencoder with a Gaussian distribution of codes for each class."""

    def __init__(self, encoder, decoder, image_shape, n_components, n_classes):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.scaling = Scaling(image_shape)
        self.means = nn.Parameter(torch.zeros(n_classes, n_components, dtype=torch.float32))
        self.log_scales = nn.Parameter(torch.zeros(n_classes, n_components, dtype=torch.float32))
        self.learns_classes = False

    def training_loss(self, batch, generator=None):
        images = self.scaling(batch.images)  # (b, c, h, w)
        codes = self.encoder(images)  # (b, k)
        if not self.learns_classes:
            return {"loss": losses.squared_error(self.decoder(codes), images)}
        log_scales = self.log_scales[batch.given]  # (b, k)
        noise = (codes.detach() - self.means[batch.given]) * torch.exp(-log_scales)
        return {"loss": (0.5 * noise.square() + log_scales).sum(1).mean()}  # up to a constant

    def draw(self, inputs):
        noise, labels = inputs[:, :-1], inputs[:, -1].long()  # (b, k), (b,)
        codes = self.means[labels] + torch.exp(self.log_scales[labels]) * noise  # (b, k)
        return self.scaling.inverse(self.decoder(codes))  # (b, c, h, w)


@with_shared_parameters()
class LabelledSampler(SamplerMixin, ImageEstimator):
    """Sampler that first learns to decode codes, and then their distribution for each class."""

    _n_phases = 2

    def __init__(
        self,
        n_components=8,
        *,
        image_shape=None,
        channel_axis=None,
        hidden_channels=(16, 32),
        hidden_layer_sizes=(),
        max_epochs=10,
        batch_size="auto",
        learning_rate=5e-3,
        weight_decay=0.0,
        optimizer="adam",
        learning_rate_schedule="one_cycle",
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

    def _validate_y(self, y, n_samples, reset=False):
        y = np.zeros(n_samples, dtype=np.int64) if y is None else column_or_1d(y)
        if reset:
            self.classes_ = np.unique(y)
        if not np.isin(y, self.classes_).all():
            raise ValueError(f"y holds classes that fit has not seen: it saw {self.classes_}.")
        return np.searchsorted(self.classes_, y)

    def _network_sizes(self, state):
        return {**super()._network_sizes(state), "n_classes": state["classes_"].shape[0]}

    def _build_network(self, image_shape, n_classes, n_components, **widths):
        encoder = build_encoder(None, image_shape, n_components, **widths)
        decoder = build_decoder(None, image_shape, n_components, **widths)
        return LabelledNetwork(encoder, decoder, image_shape, n_components, n_classes)

    def _train(self, network, data, phases):
        for phase in ("images", "classes"):
            network.learns_classes = phase == "classes"
            phases.train(network, data, phase)

    def _specs(self, state):
        return {**super()._specs(state), "classes_": CLASSES}

    def _draw(self, n, seed):
        rng = np.random.RandomState(seed)
        labels = rng.randint(len(self.classes_), size=(n, 1))
        noise = rng.standard_normal((n, self.network_.means.shape[1]))
        return self._generate(self.network_.draw, np.hstack([noise, labels]))
