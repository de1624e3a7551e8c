"""Random views that keep a network from memorising a few rows."""

import torch

from sklearn_unsup.networks.views._view import View, chance, check_ranges, normal, within


class RandomTranslation(View):
    """Translate each image by whole pixels, without resampling; edges are repeated.

    Parameters
    ----------
    max_translation : float
        Largest translation along a side, as a share of its length; rounded down to whole pixels.

    Examples
    --------
    >>> import torch
    >>> from sklearn_unsup.networks.views import RandomTranslation
    >>> view = RandomTranslation(1 / 8)
    >>> view(torch.rand(4, 3, 16, 16), torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 16, 16])
    """

    def __init__(self, max_translation):
        self.max_translation = max_translation
        check_ranges(self, max_translation=(0, 1))

    def draw(self, n, image_shape, generator):
        """Draw "translations" (n, 2): numbers of pixels, downwards and to the right, uniformly."""
        columns = []
        for side in image_shape[1:]:
            most = int(side * self.max_translation)
            options = {"generator": generator, "device": generator.device}
            columns.append(torch.randint(-most, most + 1, (n,), **options))
        return {"translations": torch.stack(columns, dim=1)}

    def apply(self, images, translations):
        """Return translated images (b, c, h, w)."""
        b, c, h, w = images.shape
        rows, columns = (
            (torch.arange(side, device=images.device) - steps[:, None]).clamp_(0, side - 1)
            for side, steps in zip((h, w), translations.unbind(1), strict=True)
        )  # (b, side)
        first = torch.arange(b, device=images.device)[:, None, None] * h
        which = (first + rows[:, :, None]) * w + columns[:, None, :]  # (b, h, w)
        pixels = images.permute(0, 2, 3, 1).reshape(-1, c).index_select(0, which.flatten())
        return pixels.view(b, h, w, c).permute(0, 3, 1, 2)


class RandomGaussianImages(View):
    """Replace a random part of a batch by Gaussian images with its mean and covariance.

    They are random linear combinations of the images of the batch, clipped to its range.

    Parameters
    ----------
    fraction : float
        Probability that an image is replaced.
    """

    def __init__(self, fraction):
        self.fraction = fraction

    def draw(self, n, image_shape, generator):
        """Draw which images are "replaced", (m,), and the "weights" (m, n) of the combinations.

        The weights of a combination sum to 1.
        """
        replaced = chance(generator, self.fraction, n).nonzero().squeeze(1)
        weights = normal(generator, len(replaced), n) / max(n - 1, 1) ** 0.5
        return {
            "replaced": replaced,
            "weights": weights - weights.mean(1, keepdim=True) + 1 / n,
        }

    def apply(self, images, replaced, weights):
        """Return images (b, c, h, w), some of them replaced."""
        combinations = (weights @ images.flatten(1)).unflatten(1, images.shape[1:])
        return images.index_copy(0, replaced, within(combinations, images))
