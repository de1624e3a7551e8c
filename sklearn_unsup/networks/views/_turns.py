"""Fixed changes of an image that codes should tell apart: turns."""

import torch


def n_turns(image_shape):
    """Return how many turns images of a shape (C, H, W) have: 4, or 2 if they are not square."""
    _, h, w = image_shape
    return 4 if h in (1, w) else 2


def turn(images, k):
    """Return images (b, c, h, w) in the k-th of their turns; the 0th leaves them as they are.

    Square images are rotated by k times 90 degrees, others by k times 180 degrees: resizing would
    show by itself. Signals, which are images of height 1, are reversed in time (k is odd) and
    mirrored at their mean (k is at least 2).
    """
    _, _, h, w = images.shape
    if h > 1:
        return torch.rot90(images, k if h == w else 2 * k, (2, 3))
    if k % 2:
        images = images.flip(3)
    return images if k < 2 else 2 * images.mean((2, 3), keepdim=True) - images
