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
