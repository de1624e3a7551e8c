"""The most unusual images, where they are unusual, and how unusual beside the others."""

import numpy as np

from sklearn_unsup.displays._pictures import (
    as_pictures,
    find_shape,
    is_signal,
    show_grid,
    to_rgb,
    value_range,
)

QUANTILE = 0.99  # of the maps of inliers: pixels above are marked
RED = np.array([1.0, 0.1, 0.1])
OPACITY = 0.6
N_BINS = 40
HISTOGRAM_INCHES, GAP_INCHES, MIN_WIDTH = 0.8, 0.15, 4


class OutlierDisplay:
    """Show the images with the lowest scores, and where an outlier detector finds them unusual.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    images : ndarray of shape (n_images, H, W, C)
        With one channel or three.
    maps : ndarray of shape (n_images, H, W)
        Scores of pixels, larger where an image is unusual.
    scores : ndarray of shape (n_images,)
        Decision function of each image, negative for outliers.
    threshold : float
        Pixels with larger values in `maps` are marked.
    all_scores : ndarray of shape (n_samples,), default=None
        Decision function of all images, for their histogram. None plots no histogram.

    Attributes
    ----------
    ax_ : matplotlib Axes
    score_ax_ : matplotlib Axes or None
        Of the histogram.
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage

    Examples
    --------
    >>> from sklearn_unsup import ConvOutlierDetector
    >>> from sklearn_unsup.datasets import load_digit_images
    >>> from sklearn_unsup.displays import OutlierDisplay
    >>> images = load_digit_images().images[:500].copy()
    >>> images[7, 0] = 16  # a bright line
    >>> detector = ConvOutlierDetector(method="patches").fit(images)
    >>> display = OutlierDisplay.from_estimator(detector, images, n_images=5)
    >>> bool((display.images[0, ..., 0] == images[7]).all())
    True
    """

    def __init__(self, *, images, maps, scores, threshold, all_scores=None):
        self.images = images
        self.maps = maps
        self.scores = scores
        self.threshold = threshold
        self.all_scores = all_scores

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        n_images=8,
        threshold=None,
        image_shape=None,
        channel_axis=None,
        ax=None,
        **plot,
    ):
        """Show the images of X with the lowest scores, beginning with the lowest.

        Parameters
        ----------
        estimator : ConvOutlierDetector
            Fitted, with `anomaly_map` or `error_map`.
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.
        n_images : int, default=8
            Number of images to show.
        threshold : float, default=None
            Values of the map above which pixels are marked. None is the 99 % quantile of the maps
            of the inliers in X, or of all images if there are none.
        image_shape, channel_axis : default=None
            As for the estimators; None takes the estimator's settings.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : OutlierDisplay
            Plotted.
        """
        if n_images < 1:
            raise ValueError(f"n_images={n_images}: expected at least 1.")
        X = np.asarray(X)
        scores = estimator.decision_function(X)
        order = np.argsort(scores, kind="stable")[:n_images]
        shape = find_shape(estimator, image_shape, channel_axis)
        images = as_pictures(X[order], *shape)
        maps = _maps(estimator, X[order], shape)
        if threshold is None:
            is_common = scores >= 0
            common = X[is_common] if is_common.any() else X
            threshold = float(np.quantile(_maps(estimator, common, shape), QUANTILE))
        display = cls(
            images=images,
            maps=maps,
            scores=scores[order],
            threshold=threshold,
            all_scores=scores,
        )
        return display.plot(ax, **plot)

    def plot(self, ax=None, *, cmap="gray", map_cmap="magma"):
        """Plot one column for each image: the image, its map, and the pixels above the threshold.

        The decision function is written above, which is negative for outliers. A histogram of it
        for all images is below, with a red line at the threshold of outliers.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        cmap, map_cmap : str or matplotlib Colormap
            Colours of grey images, and of the maps.

        Returns
        -------
        display : OutlierDisplay
            Plotted.
        """
        if is_signal(self.images):
            raise ValueError(
                "OutlierDisplay shows images, and these are signals of height 1. Plot what "
                "anomaly_map or error_map of the estimator returns as curves."
            )
        images = to_rgb(self.images, value_range(self.images), cmap)
        maps = to_rgb(self.maps[..., None], value_range(self.maps), map_cmap)
        is_marked = (self.maps > self.threshold)[..., None]
        marked = np.where(is_marked, (1 - OPACITY) * images + OPACITY * RED, images)
        self.ax_, self.figure_, self.image_ = show_grid(
            ax,
            np.stack([images, maps, marked]),
            row_labels=["image", "map", "marked"],
            column_labels=[f"{score:.3g}" for score in self.scores],
        )
        self.score_ax_ = None
        if self.all_scores is not None:
            self.score_ax_ = _plot_histogram(self.ax_, self.all_scores, grows=ax is None)
        return self


def _plot_histogram(ax, scores, grows):
    """Plot a histogram of scores below Axes, in a figure that may grow."""
    from mpl_toolkits.axes_grid1 import make_axes_locatable

    if grows:
        width, height = ax.figure.get_size_inches()
        ax.figure.set_size_inches(max(width, MIN_WIDTH), height + HISTOGRAM_INCHES + 4 * GAP_INCHES)
    score_ax = make_axes_locatable(ax).append_axes("bottom", HISTOGRAM_INCHES, GAP_INCHES)
    score_ax.hist(scores, N_BINS, color="gray")
    score_ax.axvline(0, color=RED)
    score_ax.set_yscale("symlog", linthresh=1)
    score_ax.set(xlabel="decision function", ylabel="images")
    return score_ax


def _maps(estimator, X, shape):
    """Return maps (n, H, W) of images."""
    if hasattr(estimator, "anomaly_map"):
        return np.asarray(estimator.anomaly_map(X), dtype=np.float64)
    return as_pictures(estimator.error_map(X), *shape).mean(axis=-1)
