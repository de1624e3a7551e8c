"""Curves: the training history, and the distances to the k-th neighbour."""

import numpy as np

from sklearn_unsup.displays._latent import COLOURS
from sklearn_unsup.displays._pictures import pyplot

NOT_PLOTTED = ("epoch", "duration")


class TrainingHistoryDisplay:
    """Show each part of the training and validation loss over the epochs.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    history : list of dict
        As in `history_`: one dict of numbers for each epoch.
    best_epoch : int or None
        Epoch to mark.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for each part of the loss, as their units differ.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
    lines_ : dict of matplotlib Line2D
        Keys are names in `history`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvVAE
    >>> from sklearn_unsup.displays import TrainingHistoryDisplay
    >>> X = load_digits().data[:200]
    >>> vae = ConvVAE(max_epochs=3, random_state=0).fit(X)
    >>> sorted(TrainingHistoryDisplay.from_estimator(vae).lines_)
    ['train_kl', 'train_loss', 'train_reconstruction']
    """

    def __init__(self, *, history, best_epoch=None):
        self.history = history
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, **plot):
        """Show the history of a fitted estimator.

        Parameters
        ----------
        estimator : object
            Fitted, with `history_`, such as ConvVAE. The best epoch is `best_epoch_`, else that of
            the smallest validation loss, if there is one.
        ax : matplotlib Axes or array of Axes, default=None
            None makes a new figure. A single Axes shows all parts.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : TrainingHistoryDisplay
            Plotted.
        """
        history = estimator.history_
        if not history:
            raise ValueError(
                f"history_ of {type(estimator).__name__} is empty: fit has trained for no epoch."
            )
        best = getattr(estimator, "best_epoch_", None)
        if best is None and "valid_loss" in history[0]:
            best = history[int(np.argmin([row["valid_loss"] for row in history]))]["epoch"]
        return cls(history=history, best_epoch=best).plot(ax, **plot)

    def plot(self, ax=None, **line):
        """Plot the history.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            None makes a new figure with one Axes for each part of the loss. A single Axes shows all
            parts.
        **line
            For :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : TrainingHistoryDisplay
            Plotted.
        """
        names = [name for name in self.history[-1] if name not in NOT_PLOTTED]
        parts = list(dict.fromkeys(_loss_part(name) for name in names))
        if ax is None:
            n = len(parts)
            _, ax = pyplot().subplots(
                1, n, figsize=(1 + 3.2 * n, 3.2), squeeze=False, layout="constrained"
            )
        self.axes_ = np.atleast_1d(ax).ravel()
        if len(self.axes_) not in (1, len(parts)):
            raise ValueError(
                f"ax holds {len(self.axes_)} Axes: expected one, or one for each of {parts}."
            )
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        is_shared, self.lines_ = len(self.axes_) < len(parts), {}
        epochs = [row["epoch"] for row in self.history]
        for i, part in enumerate(parts):
            axes = self.axes_[0 if is_shared else i]
            for name in names:
                if _loss_part(name) != part:
                    continue
                is_validation = name.startswith("valid_")
                style = {
                    "color": COLOURS[i % len(COLOURS) if is_shared else int(is_validation)],
                    "linestyle": "--" if is_validation else "-",
                    "label": name.replace("_", " ") if is_shared else name.split("_")[0],
                    "marker": "o" if len(epochs) == 1 else "",  # a line needs two points
                }
                values = [row.get(name, np.nan) for row in self.history]
                (self.lines_[name],) = axes.plot(epochs, values, **{**style, **line})
            axes.set(xlabel="epoch", ylabel="" if is_shared else part.replace("_", " "))
        for axes in self.axes_:
            if self.best_epoch is not None:
                axes.axvline(self.best_epoch, color="0.6", linewidth=1, label="best epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
            if len(epochs) == 1:
                axes.set_xticks(epochs)
        self.ax_.legend(frameon=False)
        return self


class KDistanceDisplay:
    """Show the sorted distances to the k-th neighbour, and a suggested `eps` for DBSCAN.

    It is recommended to use :meth:`from_arrays`.

    Parameters
    ----------
    distances : ndarray of shape (n_samples,)
        Distance of each row to its neighbour, in ascending order.
    eps : float
        Suggested radius, drawn as a line.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_, eps_line_ : matplotlib Line2D

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_unsup.displays import KDistanceDisplay
    >>> from sklearn_unsup.metrics import k_distance_curve
    >>> X, _ = load_iris(return_X_y=True)
    >>> display = KDistanceDisplay.from_arrays(*k_distance_curve(X))
    >>> display.ax_.get_ylabel()
    'distance to the k-th neighbour'
    """

    def __init__(self, *, distances, eps):
        self.distances = distances
        self.eps = eps

    @classmethod
    def from_arrays(cls, distances, eps, *, ax=None, **plot):
        """Show the result of :func:`sklearn_unsup.metrics.k_distance_curve`.

        Parameters
        ----------
        distances : array-like of shape (n_samples,)
            In ascending order.
        eps : float
            Suggested radius, drawn as a line.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **plot
            For :meth:`plot`.

        Returns
        -------
        display : KDistanceDisplay
            Plotted.
        """
        return cls(distances=np.asarray(distances), eps=float(eps)).plot(ax, **plot)

    def plot(self, ax=None, *, name=None, **line):
        """Plot the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        name : str, default=None
            Name of the curve in the legend.
        **line
            For :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : KDistanceDisplay
            Plotted.
        """
        if ax is None:
            _, ax = pyplot().subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        label = f"eps = {self.eps:.3g}" if name is None else f"{name}: eps = {self.eps:.3g}"
        (self.line_,) = ax.plot(self.distances, **{"label": label, **line})
        self.eps_line_ = ax.axhline(self.eps, color=self.line_.get_color(), linestyle=":")
        ax.set(xlabel="samples, sorted", ylabel="distance to the k-th neighbour")
        ax.legend(frameon=False)
        return self


def _loss_part(name):
    """Return the part of the loss that a name in the history belongs to."""
    return name.removeprefix("train_").removeprefix("valid_")
