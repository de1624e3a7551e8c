"""Random views of images."""

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils import gen_batches

from sklearn_unsup._data import to_rows
from sklearn_unsup._devices import draw_seed, isolated_settings
from sklearn_unsup.networks.views import CustomView, preset

BLOCK_SIZE = 2**22  # numbers, 16 MB in float32


class RandomViewsMixin:
    """`draw_views`, for an `ImageEstimator` with the parameter `views`."""

    def _view(self):
        """Return the view that `views` asks for; `image_shape_` is known."""
        if isinstance(self.views, str):
            return preset(self.views, self.image_shape_)
        return CustomView(self.views)

    @property
    def _has_custom_network(self):  # custom views may draw from torch's global random state, too
        return super()._has_custom_network or not isinstance(self.views, str)

    @isolated_settings()
    def draw_views(self, X, random_state=None):
        """Draw a random view of each image, as training sees it.

        The estimator need not be fitted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.
        random_state : int, RandomState instance or None, default=None
            Seed of the views. With None, each call returns other views.

        Returns
        -------
        views : ndarray of the shape of X, float32
            In the units of X.
        """
        is_fitted = self.__sklearn_is_fitted__()
        model = self if is_fitted else clone(self)
        rows = model._validate(X, reset=not is_fitted)
        return model._to_output(model._draw_views(rows, model._view(), draw_seed(random_state)))

    def _draw_views(self, rows, view, seed):
        """Return a view of each row (n, n_features), drawn on the CPU."""
        generator = torch.Generator().manual_seed(seed)
        views = np.empty(rows.shape, dtype=np.float32)
        for block in gen_batches(len(rows), max(2, BLOCK_SIZE // rows.shape[1])):
            images = self._to_images(torch.from_numpy(rows[block].astype(np.float32)))
            with torch.no_grad():
                views[block] = to_rows(view(images, generator), self._layout).numpy()
        return views
