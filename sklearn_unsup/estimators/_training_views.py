"""Random views of the training images."""

from sklearn_unsup.networks.views import Compose, RandomGaussianImages, RandomTranslation

MANY_ROWS = 20_000  # that need no views: benchmarks/results/architecture.md
AUTO_TRANSLATION = 1 / 16
AUTO_GAUSSIAN_ROWS = 300


class TrainingViewsMixin:
    """Train on random views of the images, which keep a network from memorising a few rows.

    For an `ImageEstimator` with the parameters `max_translation` and `gaussian_fraction`.
    """

    def _train(self, network, data, phases):
        phases.train(network, data, view=self._view(data, phases))

    def _view(self, data, phases):
        """Return the view of the images that training steps see, or None."""
        is_few = len(data) < MANY_ROWS and not phases.is_chunk
        largest, fraction = self.max_translation, self.gaussian_fraction
        if largest == "auto":
            largest = AUTO_TRANSLATION if is_few else 0.0
        if fraction == "auto":
            fraction = AUTO_GAUSSIAN_ROWS / (len(data) + AUTO_GAUSSIAN_ROWS) if is_few else 0.0
        views = []
        if largest:
            views.append(RandomTranslation(largest))
        if fraction:
            views.append(RandomGaussianImages(fraction))
        return Compose(views) if views else None
