"""Report epochs to scikit-learn's callbacks: progress bars, monitors, early stopping."""

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
        The X that the user passed to `fit`.
    snapshot : callable
        ``snapshot(net)`` returns the fitted attributes that the estimator would have if training
        stopped now. It is called only if a callback needs the fitted estimator.
    """

    def __init__(self, context, estimator, X, snapshot):
        self.context = context
        self.estimator = estimator
        self.X = X
        self.snapshot = snapshot

    def on_epoch_begin(self, net, **kwargs):
        """Start a task for the epoch."""
        self.epoch_ = self.context.subcontext(task_name="epoch")
        self.epoch_.call_on_fit_task_begin(estimator=self.estimator, X=self.X)

    def on_epoch_end(self, net, **kwargs):
        """End the task of the epoch; a callback that returns True stops the training."""
        stop = self.epoch_.call_on_fit_task_end(
            estimator=self.estimator, X=self.X, reconstruction_attributes=lambda: self.snapshot(net)
        )
        if stop:
            net.stop_after_this_epoch()
