"""Random views of images."""

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils import gen_batches

from sklearn_unsup._data import to_rows
from sklearn_unsup._devices import (
    draw_seed,
    is_out_of_memory,
    isolated_settings,
    isolated_torch_rng,
)
from sklearn_unsup.estimators._values import check_can_be_pickled
from sklearn_unsup.networks.views import preset

BLOCK_SIZE = 2**22  # numbers, 16 MB in float32


class RandomViewsMixin:
    """`draw_views`, for an `ImageEstimator` with the parameter `views`."""

    def _start(self, rows, generator):
        if not isinstance(self.views, str):
            check_can_be_pickled("views", self.views)
        return super()._start(rows, generator)

    def _view(self):
        """Return the view that `views` asks for; `image_shape_` is known."""
        if isinstance(self.views, str):
            return preset(self.views, self.image_shape_)
        return CustomView(self.views)

    @isolated_settings()
    def draw_views(self, X, random_state=None):
        """Draw a random view of each image, as training sees it.

        The estimator need not be fitted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images. Like a batch in training, they give the range and the standard deviation that
            changes of brightness, noise and colour refer to.
        random_state : int, RandomState instance or None, default=None
            Seed of the views. With None, each call returns other views.

        Returns
        -------
        views : ndarray of the shape of X, float32
            In the units of X.
        """
        is_fitted = self.__sklearn_is_fitted__()
        model = self if is_fitted else clone(self)
        model._validate_params()
        rows = model._validate(X, reset=not is_fitted)
        seed = draw_seed(random_state)
        return model._to_output(model._draw_views(rows, seed, model._view()))

    def _draw_views(self, rows, seed, view):
        """Return a view of each row (n, n_features), drawn on the CPU."""
        generator = torch.Generator().manual_seed(seed)
        views = np.empty(rows.shape, dtype=np.float32)
        for block in gen_batches(len(rows), max(2, BLOCK_SIZE // rows.shape[1])):
            images = self._to_images(torch.from_numpy(rows[block].astype(np.float32)))
            with torch.no_grad():
                views[block] = to_rows(view(images, generator), self._layout).numpy()
        return views


class CustomView:
    """Call a user's view, and check what it returns.

    The view gets a copy, as it may change its input in place. What it draws from torch's global
    random state depends on the generator alone, and leaves that state unchanged.

    Parameters
    ----------
    function : callable
        ``function(images, generator) -> images``.
    """

    def __init__(self, function):
        self.function = function
        self.is_checked = False

    def __call__(self, images, generator):
        """Return the views (b, c, h, w) of images (b, c, h, w).

        Raises
        ------
        TypeError, ValueError
            If the function fails, or does not return finite float32 images of the same shape on the
            same device.
        """
        name = f"views={self.function!r}"
        shape, device = tuple(images.shape), images.device
        expected = f"expected a float32 tensor of shape {shape} on '{device}', like the images"
        seed = int(torch.randint(2**31 - 1, (), generator=generator, device=generator.device))
        try:
            with isolated_torch_rng(seed, device):
                views = self.function(images.clone(), generator)
        except Exception as error:
            if isinstance(error, MemoryError) or is_out_of_memory(error):
                raise
            raise ValueError(
                f"{name} fails for images of shape {shape} and a torch.Generator: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not torch.is_tensor(views):
            raise TypeError(f"{name} returns {type(views).__name__}, {expected}.")
        if views.shape != shape or views.device != device:
            found = f"shape {tuple(views.shape)} on '{views.device}'"
            raise ValueError(f"{name} returns {found}, {expected}.")
        if views.dtype != torch.float32:
            raise TypeError(f"{name} returns {views.dtype}, {expected}.")
        if not self.is_checked and not bool(torch.isfinite(views).all()):
            raise ValueError(f"{name} returns values that are not finite, {expected}.")
        self.is_checked = True
        return views
