"""A callback that ends a training, as a kill would."""

from skorch.callbacks import Callback


class Stop(Callback):
    """Ends a training with an error after some epochs; a copy never does."""

    n_epochs = 99

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def __getstate__(self):  # it stands for a kill: the end of the training is not its to decide
        return {}

    def __sklearn_clone__(self):
        return self

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) > self.n_epochs:
            raise InterruptedError
