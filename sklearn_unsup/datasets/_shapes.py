"""Images of geometric shapes with known factors of variation."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch, check_random_state, gen_batches

KINDS = ("ellipse", "rectangle", "triangle")
FACTORS = ("kind", "x", "y", "size", "angle", "colour")
BLOCK = 256  # images drawn at a time, so that memory stays bounded
DESCR = """\
One shape an image, on a black background. Factors, each drawn uniformly and independently:
kind (0: ellipse, 1: rectangle, 2: triangle), x and y (the centre, from 0.3 to 0.7 of the side, x
to the right, y downwards), size (from 0.12 to 0.24 of the side: half of the longer axis of ellipse
and rectangle, the circumradius of the triangle), angle (from 0 to the shape's symmetry: pi, or 2
pi / 3 for the triangle; anticlockwise in radians) and colour (from 0 to 1: the hue of colour
images from red to blue, the brightness of grey ones from 0.5 to 1). Edges are anti-aliased, so
that images vary smoothly with the factors."""


def make_shapes(n_samples=1000, image_size=32, n_channels=1, noise=0.0, random_state=None):
    """Draw images of one geometric shape each, and return their generating factors.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images.
    image_size : int, default=32
        Side of the square images, in pixels; at least 8.
    n_channels : {1, 3}, default=1
        Grey or colour.
    noise : float, default=0.0
        Standard deviation of Gaussian noise, which is added to the pixels.
    random_state : int, RandomState instance or None, default=None
        Seed of the factors and of the noise. None gives different images in each call.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_samples, image_size ** 2 * n_channels), float32; rows of
          pixels, from 0 to 1 if there is no noise.
        - images : ndarray of shape (n_samples, image_size, image_size) or (n_samples, image_size,
          image_size, 3); the same pixels as images.
        - image_shape : tuple; the shape of one image.
        - target : ndarray of shape (n_samples,), int64; the kind.
        - factors : ndarray of shape (n_samples, 6), float64; kind, x, y, size, angle and colour.
        - factor_names : list of str
        - DESCR : str; the ranges of the factors.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> from sklearn_unsup.datasets import make_shapes
    >>> shapes = make_shapes(100, image_size=16, n_channels=3, random_state=0)
    >>> shapes.images.shape
    (100, 16, 16, 3)
    >>> shapes.factor_names
    ['kind', 'x', 'y', 'size', 'angle', 'colour']
    """
    for name, value, kind, least in (
        ("n_samples", n_samples, Integral, 1),
        ("image_size", image_size, Integral, 8),
        ("noise", noise, Real, 0),
    ):
        if not isinstance(value, kind) or not value >= least:
            raise ValueError(f"{name}={value!r}: expected {kind.__name__.lower()} >= {least}.")
    if n_channels not in (1, 3):
        raise ValueError(f"n_channels={n_channels!r}: expected 1 (grey) or 3 (colour).")
    rng = np.random.default_rng() if random_state is None else check_random_state(random_state)
    kind = rng.permutation(np.arange(n_samples) % len(KINDS))  # balanced
    unit = rng.uniform(size=(n_samples, 5))
    symmetry = np.where(kind == KINDS.index("triangle"), 2 * np.pi / 3, np.pi)
    low = np.array([0.3, 0.3, 0.12, 0.0, 0.0])
    span = np.column_stack(
        [np.full((n_samples, 3), [0.4, 0.4, 0.12]), symmetry, np.ones(n_samples)]
    )
    factors = np.column_stack([kind, low + span * unit])

    sides = (image_size, image_size) if n_channels == 1 else (image_size, image_size, 3)
    images = np.empty((n_samples, *sides), dtype=np.float32)
    for block in gen_batches(n_samples, BLOCK):
        images[block] = _draw(factors[block], image_size, n_channels)
    if noise:
        images += noise * rng.normal(size=images.shape).astype(np.float32)
    return Bunch(
        data=images.reshape(n_samples, -1),
        images=images,
        image_shape=sides,
        target=kind.astype(np.int64),
        factors=factors,
        factor_names=list(FACTORS),
        DESCR=DESCR,
    )


def _draw(factors, side, n_channels):
    """Return images (n, side, side) or (n, side, side, 3) with the factors (n, 6)."""
    kind, x, y, size, angle, colour = (column[:, None, None] for column in factors.T)  # (n, 1, 1)
    centres = (np.arange(side) + 0.5) / side
    dx, dy = centres[None, None, :] - x, y - centres[None, :, None]  # (n, side, side), y upwards
    u = dx * np.cos(angle) + dy * np.sin(angle)
    v = -dx * np.sin(angle) + dy * np.cos(angle)
    distance = np.select(
        [kind == 0, kind == 1],
        [_ellipse(u, v, size), _rectangle(u, v, size)],
        _triangle(u, v, size),
    )
    cover = np.clip(0.5 - distance * side, 0, 1)  # an edge is one pixel wide
    if n_channels == 1:
        return cover * (0.5 + 0.5 * colour)
    return cover[..., None] * np.concatenate(_hue(colour[..., None]), axis=-1)


def _ellipse(u, v, size):
    """Signed distance to an ellipse with axes 1 : 0.6, to first order."""
    a, b = size, 0.6 * size
    level = np.hypot(u / a, v / b)
    slope = np.hypot(u / a**2, v / b**2) / np.maximum(level, 1e-9)
    return (level - 1) / np.maximum(slope, 1e-9)


def _rectangle(u, v, size):
    """Signed distance to a rectangle with sides 1 : 0.6, approximate beyond its corners."""
    return np.maximum(np.abs(u) - size, np.abs(v) - 0.6 * size)


def _triangle(u, v, size):
    """Signed distance to an equilateral triangle: the largest distance to one of its sides."""
    turns = 2 * np.pi / 3 * np.arange(3)
    return np.maximum.reduce([u * np.cos(t) + v * np.sin(t) for t in turns]) - size / 2


def _hue(colour):
    """Red, green and blue of a hue from red (0) through green to blue (1), fully saturated."""
    hue = 4 * colour  # sixths of the colour circle
    return [np.clip(2 - hue, 0, 1), np.clip(2 - np.abs(hue - 2), 0, 1), np.clip(hue - 2, 0, 1)]
