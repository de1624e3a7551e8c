"""Random views of images, as a model sees them in training."""

import numpy as np

from sklearn_unsup.displays._grid import GridDisplay
from sklearn_unsup.displays._pictures import as_pictures, find_shape, first_images, is_signal


class ViewsDisplay(GridDisplay):
    """Show random views of images: what a self-supervised model sees in training.

    Choose views with it: each view must still show what identifies the image. It is
    recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    images : ndarray of shape (n_rows, n_columns, H, W, C)
        The images, NaN where the grid has none.
    row_labels, column_labels : list of str or None
        Written beside the rows and above the columns.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvSelfSupervisedEncoder
    >>> from sklearn_unsup.displays import ViewsDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> encoder = ConvSelfSupervisedEncoder(views="drawings")  # need not be fitted
    >>> display = ViewsDisplay.from_estimator(encoder, X, n_images=6, n_views=3, random_state=0)
    >>> display.images.shape
    (4, 6, 8, 8, 1)
    """

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        n_images=8,
        n_views=4,
        random_state=None,
        image_shape=None,
        channel_axis=None,
        ax=None,
        **plot,
    ):
        """Show the first images above random views of each; signals are rows.

        Parameters
        ----------
        estimator : object
            With ``draw_views(X, random_state)``, such as ConvSelfSupervisedEncoder. It need not be
            fitted.
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.
        n_images : int, default=8
            Number of images to show.
        n_views : int, default=4
            Number of views of each.
        random_state : int, RandomState instance or None, default=None
            Seed of the views.
        image_shape, channel_axis : default=None
            As for the estimators; None takes the estimator's settings.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : ViewsDisplay
            Plotted.
        """
        if n_images < 1 or n_views < 1:
            raise ValueError(f"n_images={n_images}, n_views={n_views}: expected at least 1.")
        X = first_images(X, n_images)
        rng = random_state
        if not isinstance(rng, np.random.RandomState):
            rng = np.random.RandomState(rng)
        views = [estimator.draw_views(X, random_state=rng) for _ in range(n_views)]
        shape = find_shape(estimator, image_shape, channel_axis)
        images = np.stack([as_pictures(each, *shape) for each in (X, *views)])
        labels = ["original", *[f"view {i}" for i in range(1, n_views + 1)]]
        if is_signal(images):
            return cls(images=images.swapaxes(0, 1), column_labels=labels).plot(ax, **plot)
        return cls(images=images, row_labels=labels).plot(ax, **plot)
