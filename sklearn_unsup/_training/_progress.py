"""Report epochs to scikit-learn's callbacks: progress bars, monitors, early stopping."""

from time import perf_counter

from sklearn.callback import ProgressBar
from skorch.callbacks import Callback

# Bars estimate the remaining time from what ended in the last 30 s. Longer epochs are reported in
# parts, each of which is a task within the epoch.
LONG_EPOCH = 15.0  # seconds
LONG_FIRST_EPOCH = 5.0  # the first one is waited for without any estimate
MEASURED = 1.0  # seconds after which the duration of the first epoch is estimated
MAX_PARTS = 100  # a task for each step would take time


class ScikitLearnCallbacks(Callback):
    """Report each epoch of a skorch net as a task of a scikit-learn estimator.

    If all callbacks are progress bars, parts of a long epoch are tasks within it, so that the bars
    move during the epoch. Other callbacks see one task per epoch and no parts.

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

    def on_train_begin(self, net, **kwargs):
        """Find out whether epochs may have parts, and forget their duration in the last phase."""
        callbacks = getattr(self.estimator, "_skl_callbacks", ())
        are_bars = [isinstance(callback, ProgressBar) for callback in callbacks]
        self.divides_ = bool(are_bars) and all(are_bars)
        self.duration_ = None

    def on_epoch_begin(self, net, dataset_train=None, **kwargs):
        """Start a task for the epoch; if bars need its duration, first wait until it is known."""
        self.epoch_, self.start_ = None, perf_counter()
        self.n_steps_, self.n_per_epoch_ = 0, len(dataset_train)
        if not self.divides_:
            self._begin(is_long=False)
        elif self.duration_ is not None:
            self._begin(self.duration_ > LONG_EPOCH)

    def on_batch_end(self, net, training=False, **kwargs):
        """Report the parts of a long epoch."""
        if not (training and self.divides_):
            return
        self.n_steps_ += 1
        if self.epoch_ is None:
            elapsed = perf_counter() - self.start_
            if elapsed < MEASURED:
                return
            self._begin(elapsed / self.n_steps_ * self.n_per_epoch_ > LONG_FIRST_EPOCH)
        while self.n_reported_ < self.n_parts_ * self.n_steps_ // self.n_per_epoch_:
            part = self.epoch_.subcontext(task_name="part of an epoch")
            part.call_on_fit_task_begin(estimator=self.estimator)
            part.call_on_fit_task_end(estimator=self.estimator)
            self.n_reported_ += 1

    def on_epoch_end(self, net, **kwargs):
        """End the task of the epoch; a callback that returns True stops the training."""
        self.duration_ = perf_counter() - self.start_
        if self.epoch_ is None:
            self._begin(is_long=False)
        stop = self.epoch_.call_on_fit_task_end(
            estimator=self.estimator, X=self.X, reconstruction_attributes=lambda: self.snapshot(net)
        )
        if stop:
            net.stop_after_this_epoch()

    def _begin(self, is_long):
        self.n_parts_ = min(MAX_PARTS, self.n_per_epoch_) if is_long else 0
        self.n_reported_ = 0
        self.epoch_ = self.context.subcontext(task_name="epoch", max_subtasks=self.n_parts_)
        self.epoch_.call_on_fit_task_begin(estimator=self.estimator, X=self.X)
