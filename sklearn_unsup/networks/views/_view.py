"""Interface of random views: parameters are drawn for each image, then applied."""

import torch


class View:
    """Base class of random views of a batch of images.

    A view is called as ``view(images, generator)``. With `draw` and `apply` the same change can be
    applied again, for example to other images.

    Examples
    --------
    >>> import torch
    >>> from sklearn_unsup.networks.views import View
    >>> class Mirror(View):
    ...     def draw(self, n, image_shape, generator):
    ...         return {"mirrored": torch.rand(n, generator=generator) < 0.5}
    ...
    ...     def apply(self, images, mirrored):
    ...         return torch.where(mirrored[:, None, None, None], images.flip(3), images)
    >>> Mirror()(torch.rand(4, 1, 8, 8), torch.Generator().manual_seed(0)).shape
    torch.Size([4, 1, 8, 8])
    """

    def __call__(self, images, generator):
        """Return changed images (b, c, h, w); each image has parameters of its own."""
        return self.apply(images, **self.draw(len(images), tuple(images.shape[1:]), generator))

    def __repr__(self):
        """Return the call that builds the view."""
        parameters = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({parameters})"

    def draw(self, n, image_shape, generator):
        """Draw the parameters of a view for each of `n` images of shape (C, H, W).

        Returns
        -------
        parameters : dict of Tensor
            The arguments of `apply`, on the device of the generator.
        """
        raise NotImplementedError

    def apply(self, images, **parameters):
        """Return images (b, c, h, w), changed as the parameters say."""
        raise NotImplementedError


class Compose(View):
    """Apply several views, one after the other.

    Parameters
    ----------
    views : sequence of callable
        ``view(images, generator) -> images``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_unsup.networks.views import Compose, RandomNoise, RandomTranslation
    >>> view = Compose([RandomNoise(0.2), RandomTranslation(1 / 8)])
    >>> view(torch.rand(4, 3, 16, 16), torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 16, 16])
    """

    def __init__(self, views):
        self.views = list(views)

    def __call__(self, images, generator):
        """Return the last view of images (b, c, h, w)."""
        for view in self.views:
            images = view(images, generator)
        return images


class TwoViews(View):
    """Two views of each image in one batch: the first of all images, then the second of all.

    Parameters
    ----------
    view : callable
        ``view(images, generator) -> images``.
    first : callable, default=None
        The first view, if it is of another kind. ``Compose([])`` takes the images as they are.
    """

    def __init__(self, view, first=None):
        self.view = view
        self.first = first

    def __call__(self, images, generator):
        """Return views (2b, c, h, w) of images (b, c, h, w)."""
        first = self.view if self.first is None else self.first
        return torch.cat([first(images, generator), self.view(images, generator)])


def check_ranges(view, **ranges):
    """Raise a ValueError if a parameter of a view is not within its range (low, high).

    A tuple holds a lowest and a highest value.
    """
    for name, (low, high) in ranges.items():
        value = getattr(view, name)
        try:
            values = tuple(value) if isinstance(value, tuple | list) else (value,)
            is_valid = len(values) <= 2 and all(low <= each <= high for each in values)
            is_valid = is_valid and values[0] <= values[-1]
        except TypeError:
            is_valid = False
        if not is_valid:
            raise ValueError(
                f"{name}={value!r} of {type(view).__name__}: expected numbers from {low} to {high}."
            )


def uniform(generator, low, high, *shape):
    """Draw a float32 tensor, uniform from `low` to `high`."""
    return empty(generator, *shape).uniform_(low, high, generator=generator)


def normal(generator, *shape):
    """Draw a float32 tensor from the standard normal distribution."""
    return empty(generator, *shape).normal_(generator=generator)


def chance(generator, probability, n):
    """Draw booleans (n,) that are True with a probability."""
    return uniform(generator, 0, 1, n) < probability


def empty(generator, *shape):
    """Return an uninitialised float32 tensor on the generator's device."""
    return torch.empty(shape, dtype=torch.float32, device=generator.device)


def within(images, like):
    """Clip images to the range of a batch."""
    return images.clamp(like.amin(), like.amax())


def per_image(values):
    """Return values (b,) with the axes of images: (b, 1, 1, 1)."""
    return values[:, None, None, None]
