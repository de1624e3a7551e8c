"""Views that suit kinds of images."""

from sklearn_unsup.networks.views._colour import RandomColour
from sklearn_unsup.networks.views._geometry import RandomGeometry
from sklearn_unsup.networks.views._pixels import RandomChannelDrop, RandomNoise
from sklearn_unsup.networks.views._view import Compose


def photographs(image_shape):
    """Crops, reflections and other colours: the kind of a thing stays the same."""
    colours = {"saturation": 0.4, "hue": 0.1, "grey": 0.2} if image_shape[0] == 3 else {}
    return Compose(
        [
            RandomGeometry(crop=(0.25, 1.0), horizontal_flip=0.5),
            RandomColour(0.4, 0.4, probability=0.8, **colours),
        ]
    )


def drawings(image_shape):
    """Small changes of position, size, slant and shape; a reflection would change the meaning."""
    return Compose(
        [
            RandomGeometry(
                crop=(0.6, 1.0), max_rotation=15, max_scale=1.2, max_shear=15, max_translation=0.1
            ),
            RandomColour(0.2, 0.4),
        ]
    )


def signals(image_shape):
    """Windows, changes of speed and amplitude, noise, and dropped channels."""
    return Compose(
        [
            RandomGeometry(crop=(0.5, 1.0), warp=0.02),
            RandomColour(0.0, 0.4),
            RandomNoise(0.2),
            RandomChannelDrop(0.1),
        ]
    )


PRESETS = {"photographs": photographs, "drawings": drawings, "signals": signals}


def preset(name, image_shape):
    """Return the views of a preset for images of a shape (C, H, W).

    Parameters
    ----------
    name : {"auto", "photographs", "drawings", "signals"}
        "auto" is "signals" for images of height 1, "photographs" for three channels, and "drawings"
        for others.
    image_shape : tuple of int

    Returns
    -------
    view : Compose

    Examples
    --------
    >>> from sklearn_unsup.networks.views import preset
    >>> [type(view).__name__ for view in preset("drawings", (1, 28, 28)).views]
    ['RandomGeometry', 'RandomColour']
    """
    if name == "auto":
        channels, height, _ = image_shape
        name = "signals" if height == 1 else "photographs" if channels == 3 else "drawings"
    return PRESETS[name](image_shape)
