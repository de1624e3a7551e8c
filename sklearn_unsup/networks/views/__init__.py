"""Random views of a batch of images, on its device."""

from sklearn_unsup.networks.views._colour import RandomColour
from sklearn_unsup.networks.views._few_rows import RandomGaussianImages, RandomTranslation
from sklearn_unsup.networks.views._geometry import RandomGeometry
from sklearn_unsup.networks.views._pixels import (
    RandomBlur,
    RandomChannelDrop,
    RandomErasing,
    RandomNoise,
)
from sklearn_unsup.networks.views._presets import PRESETS, preset
from sklearn_unsup.networks.views._view import Compose, TwoViews, View

__all__ = [
    "PRESETS",
    "Compose",
    "RandomBlur",
    "RandomChannelDrop",
    "RandomColour",
    "RandomErasing",
    "RandomGaussianImages",
    "RandomGeometry",
    "RandomNoise",
    "RandomTranslation",
    "TwoViews",
    "View",
    "preset",
]
