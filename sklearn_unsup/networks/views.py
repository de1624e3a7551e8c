"""Random views of a batch of images: parameters are drawn, then applied."""

import torch


def draw_translations(n, image_shape, max_translation, generator):
    """Draw a translation for each image of a batch.

    Parameters
    ----------
    n : int
        Number of images.
    image_shape : tuple of int
        ``(C, H, W)``.
    max_translation : float
        Largest translation along a side, as a share of its length; rounded down to whole pixels.
    generator : torch.Generator
        The translations are on its device.

    Returns
    -------
    translations : Tensor of shape (n, 2), int64
        Numbers of pixels, downwards and to the right, drawn uniformly.
    """
    columns = []
    for side in image_shape[1:]:
        most = int(side * max_translation)
        options = {"generator": generator, "device": generator.device}
        columns.append(torch.randint(-most, most + 1, (n,), **options))
    return torch.stack(columns, dim=1)


def translate(images, translations):
    """Translate images (b, c, h, w) by whole pixels; their edges are repeated.

    Parameters
    ----------
    images : Tensor of shape (b, c, h, w)
    translations : Tensor of shape (b, 2), int64
        Numbers of pixels, downwards and to the right.

    Returns
    -------
    translated : Tensor of shape (b, c, h, w)
    """
    b, c, h, w = images.shape
    rows, columns = (
        (torch.arange(side, device=images.device) - steps[:, None]).clamp_(0, side - 1)  # (b, side)
        for side, steps in zip((h, w), translations.unbind(1), strict=True)
    )
    first = torch.arange(b, device=images.device)[:, None, None] * h
    which = (first + rows[:, :, None]) * w + columns[:, None, :]  # (b, h, w)
    pixels = images.permute(0, 2, 3, 1).reshape(-1, c).index_select(0, which.flatten())
    return pixels.view(b, h, w, c).permute(0, 3, 1, 2)


class RandomTranslation:
    """Translate each image of a batch at random.

    Parameters
    ----------
    max_translation : float
        Largest translation along a side, as a share of its length.
    """

    def __init__(self, max_translation):
        self.max_translation = max_translation

    def __call__(self, images, generator):
        """Return translated images (b, c, h, w)."""
        n, *image_shape = images.shape
        return translate(images, draw_translations(n, image_shape, self.max_translation, generator))


def draw_combinations(n, n_images, generator):
    """Draw the weights of random linear combinations of a batch's images.

    The combinations are Gaussian: their mean and covariance are those of the batch.

    Parameters
    ----------
    n : int
        Number of combinations.
    n_images : int
        Number of images of the batch.
    generator : torch.Generator
        The weights are on its device.

    Returns
    -------
    weights : Tensor of shape (n, n_images)
        Each row sums to 1.
    """
    weights = _empty(generator, n, n_images).normal_(generator=generator)
    weights /= max(n_images - 1, 1) ** 0.5
    return weights - weights.mean(1, keepdim=True) + 1 / n_images


def combine(images, weights):
    """Return linear combinations (n, c, h, w) of images (b, c, h, w), within their range.

    Parameters
    ----------
    images : Tensor of shape (b, c, h, w)
    weights : Tensor of shape (n, b)

    Returns
    -------
    combinations : Tensor of shape (n, c, h, w)
        Clipped to the least and the largest value of the batch.
    """
    combinations = weights @ images.flatten(1)  # (n, c * h * w)
    return combinations.clamp_(images.min(), images.max()).unflatten(1, images.shape[1:])


def _empty(generator, *shape):
    return torch.empty(shape, dtype=torch.float32, device=generator.device)


class RandomGaussianImages:
    """Replace a random part of a batch by Gaussian images with its mean and covariance.

    Parameters
    ----------
    fraction : float
        Probability that an image is replaced.
    """

    def __init__(self, fraction):
        self.fraction = fraction

    def __call__(self, images, generator):
        """Return images (b, c, h, w), some of them replaced."""
        b = len(images)
        draws = _empty(generator, b).uniform_(generator=generator)
        replaced = (draws < self.fraction).nonzero().squeeze(1)  # (n,)
        weights = draw_combinations(len(replaced), b, generator)
        return images.index_copy(0, replaced, combine(images, weights))


class Compose:
    """Apply several views, one after the other.

    Parameters
    ----------
    views : sequence of callable
        ``view(images, generator) -> images``.
    """

    def __init__(self, views):
        self.views = views

    def __call__(self, images, generator):
        """Return the last view of images (b, c, h, w)."""
        for view in self.views:
            images = view(images, generator)
        return images
