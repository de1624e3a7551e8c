"""A score of the network after each epoch."""

from skorch.callbacks import Callback


class EpochScore(Callback):
    """Record a score in the history after each epoch.

    Parameters
    ----------
    measure : callable
        Returns the score of the network, a number.
    """

    def __init__(self, measure):
        self.measure = measure

    def on_epoch_end(self, net, **kwargs):
        """Record the score."""
        net.module_.eval()
        net.history.record("score", float(self.measure()))
