"""Random translations of the training images."""

from sklearn_unsup.networks.views import RandomTranslation

AUTO_TRANSLATION = 1 / 16
MANY_ROWS = 20_000  # that need no translation: benchmarks/results/architecture.md


class TranslationMixin:
    """Train on randomly translated images.

    For an `ImageEstimator` with the parameter `max_translation`.
    """

    def _train(self, network, data, phases):
        phases.train(network, data, view=self._view(data))

    def _view(self, data):
        """Return the view of the images that training steps see, or None."""
        largest = self.max_translation
        if largest == "auto":
            largest = AUTO_TRANSLATION if len(data) < MANY_ROWS else 0.0
        return RandomTranslation(largest) if largest else None
