"""Four fixed changes of an image that codes should tell apart."""

import torch
from torch.nn import functional as F

N_TURNS = 4


def turn(images, k):
    """Return images (b, c, h, w) turned by k times 90 degrees, at their size.

    Images that are not square are resized. Signals, which are images of height 1, are reversed in
    time (k is odd) and mirrored at their mean (k is at least 2).
    """
    if images.shape[2] > 1:
        turned = torch.rot90(images, k, (2, 3))
        if turned.shape == images.shape:
            return turned
        return F.interpolate(turned, images.shape[2:], mode="bilinear", align_corners=False)
    if k % 2:
        images = images.flip(3)
    return images if k < 2 else 2 * images.mean((2, 3), keepdim=True) - images
