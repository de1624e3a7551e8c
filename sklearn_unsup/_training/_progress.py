"""skorch epochs -> scikit-learn callbacks: progress bars, monitors, stopping from outside."""

from skorch.callbacks import Callback


class ScikitLearnCallbacks(Callback):
    """Report each epoch of a skorch net as a task of a scikit-learn estimator.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        The context of the estimator's `fit`.
    estimator : estimator
        The estimator that is being fitted.
    X : array-like
        What the user gave to `fit`.
    snapshot : callable
        ``snapshot(net)`` returns the attributes that the estimator would have if it stopped now.
        Called only if a callback asks for the fitted estimator.
    """

    def __init__(self, context, estimator, X, snapshot):
        self.context = context
        self.estimator = estimator
        self.X = X
        self.snapshot = snapshot

    def on_epoch_begin(self, net, **kwargs):
        """Open a task for the epoch."""
        self.epoch_ = self.context.subcontext(task_name="epoch")
        self.epoch_.call_on_fit_task_begin(estimator=self.estimator, X=self.X)

    def on_epoch_end(self, net, **kwargs):
        """Close the epoch's task; a callback that returns True ends the training."""
        stop = self.epoch_.call_on_fit_task_end(
            estimator=self.estimator, X=self.X, reconstruction_attributes=lambda: self.snapshot(net)
        )
        if stop:
            net.stop_after_this_epoch()
