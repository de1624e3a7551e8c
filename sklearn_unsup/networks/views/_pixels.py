"""Random blur, noise, erased rectangles and dropped channels."""

import math

import torch
from torch.nn import functional as F

from sklearn_unsup.networks.views._view import (
    View,
    chance,
    check_ranges,
    normal,
    per_image,
    uniform,
    within,
)


class RandomBlur(View):
    """Blur images with Gaussian kernels of random widths.

    Parameters
    ----------
    max_width : float, default=1.5
        Largest standard deviation of the kernel, in pixels; the least is 0.1.
    probability : float, default=0.5
        Probability that an image is blurred.

    Examples
    --------
    >>> import torch
    >>> from sklearn_unsup.networks.views import RandomBlur
    >>> view = RandomBlur(2.0)
    >>> view(torch.rand(4, 3, 16, 16), torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 16, 16])
    """

    def __init__(self, max_width=1.5, probability=0.5):
        self.max_width, self.probability = max_width, probability
        check_ranges(self, max_width=(0, 1000), probability=(0, 1))

    def draw(self, n, image_shape, generator):
        """Draw kernels (n, k), k odd; that of an image that is not blurred is 1 at its centre."""
        reach = max(1, math.ceil(2 * self.max_width))
        distances = torch.arange(-reach, reach + 1, device=generator.device)
        widths = uniform(generator, 0.1, max(self.max_width, 0.1), n)
        widths = widths.where(chance(generator, self.probability, n), torch.tensor(0.1))
        kernels = torch.exp(-0.5 * (distances / widths[:, None]).square())  # (n, k)
        return {"kernels": kernels / kernels.sum(1, keepdim=True)}

    def apply(self, images, kernels):
        """Return blurred images (b, c, h, w); edges are repeated."""
        reach = kernels.shape[1] // 2
        for axis in (2, 3):
            side = images.shape[axis]
            if side == 1:
                continue
            pad = (0, 0, reach, reach) if axis == 2 else (reach, reach, 0, 0)
            padded = F.pad(images, pad, mode="replicate")
            images = sum(
                per_image(weights) * padded.narrow(axis, i, side)
                for i, weights in enumerate(kernels.unbind(1))
            )
        return images


class RandomNoise(View):
    """Add Gaussian noise of a random strength, clipped to the range of the batch.

    Parameters
    ----------
    max_level : float, default=0.1
        Largest standard deviation, in standard deviations of the batch.

    Examples
    --------
    >>> import torch
    >>> from sklearn_unsup.networks.views import RandomNoise
    >>> view = RandomNoise(0.2)
    >>> view(torch.rand(4, 3, 16, 16), torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 16, 16])
    """

    def __init__(self, max_level=0.1):
        self.max_level = max_level
        check_ranges(self, max_level=(0, 1000))

    def draw(self, n, image_shape, generator):
        """Draw noise (n, c, h, w), in standard deviations of the batch."""
        levels = uniform(generator, 0, self.max_level, n)
        return {"noise": per_image(levels) * normal(generator, n, *image_shape)}

    def apply(self, images, noise):
        """Return noisy images (b, c, h, w)."""
        return within(images + images.std(correction=0) * noise, images)


class RandomErasing(View):
    """Replace a random rectangle of an image by the image's mean (Zhong et al. 2020).

    Parameters
    ----------
    area : tuple of float, default=(0.02, 0.2)
        Least and largest area of the rectangle, as a share of the image's.
    probability : float, default=0.5
        Probability that a rectangle is erased.

    Examples
    --------
    >>> import torch
    >>> from sklearn_unsup.networks.views import RandomErasing
    >>> view = RandomErasing((0.05, 0.1))
    >>> view(torch.rand(4, 3, 16, 16), torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 16, 16])
    """

    def __init__(self, area=(0.02, 0.2), probability=0.5):
        self.area, self.probability = area, probability
        check_ranges(self, area=(0, 1), probability=(0, 1))

    def draw(self, n, image_shape, generator):
        """Draw masks (n, 1, h, w) of the pixels to erase."""
        _, h, w = image_shape
        area = uniform(generator, *self.area, n)
        aspect = torch.exp(uniform(generator, -0.5, 0.5, n))
        heights = (area.sqrt() * aspect).clamp(max=1) if h > 1 else torch.ones_like(area)
        mask = chance(generator, self.probability, n)[:, None, None]
        for axis, (side, share) in enumerate(((h, heights), (w, area / heights))):
            start = uniform(generator, 0, 1, n) * (1 - share).clamp(min=0)
            at = (torch.arange(side, device=generator.device) + 0.5) / side  # (side,)
            inside = (at >= start[:, None]) & (at < (start + share)[:, None])  # (n, side)
            mask = mask & (inside[:, :, None] if axis == 0 else inside[:, None, :])
        return {"mask": mask[:, None]}

    def apply(self, images, mask):
        """Return images (b, c, h, w) with erased pixels."""
        return images.where(~mask, images.mean((2, 3), keepdim=True))


class RandomChannelDrop(View):
    """Replace channels by their mean at random; one channel at least stays.

    Parameters
    ----------
    probability : float, default=0.1
        Probability that a channel is dropped.

    Examples
    --------
    >>> import torch
    >>> from sklearn_unsup.networks.views import RandomChannelDrop
    >>> view = RandomChannelDrop(0.2)
    >>> view(torch.rand(4, 8, 1, 100), torch.Generator().manual_seed(0)).shape
    torch.Size([4, 8, 1, 100])
    """

    def __init__(self, probability=0.1):
        self.probability = probability
        check_ranges(self, probability=(0, 1))

    def draw(self, n, image_shape, generator):
        """Draw which channels are dropped, (n, c)."""
        draws = uniform(generator, 0, 1, n, image_shape[0])
        kept = draws == draws.amax(1, keepdim=True)
        return {"dropped": (draws < self.probability) & ~kept}

    def apply(self, images, dropped):
        """Return images (b, c, h, w) with constant channels."""
        return images.where(~dropped[:, :, None, None], images.mean((2, 3), keepdim=True))
