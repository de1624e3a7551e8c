"""Views of a user's function, which are checked."""

import torch

from sklearn_unsup.networks.views._view import View


class CustomView(View):
    """Call a user's function, and check what it returns.

    Parameters
    ----------
    function : callable
        ``function(images, generator) -> images``. It may change its input in place.

    Raises
    ------
    TypeError, ValueError
        If the function fails, or returns something else than a float32 tensor of the same shape on
        the same device.
    """

    def __init__(self, function):
        self.function = function

    def __call__(self, images, generator):
        """Return the views (b, c, h, w) of images (b, c, h, w)."""
        expected = (
            "expected a float32 tensor of the shape and on the device of the images: "
            f"{tuple(images.shape)} on {str(images.device)!r}"
        )
        try:
            views = self.function(images.clone(), generator)
        except Exception as error:
            raise ValueError(
                f"views={self.function!r} fails for images of shape {tuple(images.shape)} and a "
                f"torch.Generator: {type(error).__name__}: {error}"
            ) from error
        if not torch.is_tensor(views):
            raise TypeError(f"views={self.function!r} returns {type(views).__name__}, {expected}.")
        if views.shape != images.shape or views.device != images.device:
            raise ValueError(
                f"views={self.function!r} returns shape {tuple(views.shape)} on "
                f"{str(views.device)!r}, {expected}."
            )
        if views.dtype != torch.float32:
            raise TypeError(f"views={self.function!r} returns {views.dtype}, {expected}.")
        return views
