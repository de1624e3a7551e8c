"""Warm-up of a network's regularisation over the first epochs."""

from skorch.callbacks import Callback


class WarmUp(Callback):
    """Increase the buffer `warm_up` of a network linearly from 0 to 1.

    Sønderby et al. 2016, "Ladder Variational Autoencoders". Early stopping starts after the
    warm-up.

    Parameters
    ----------
    n_epochs : int
        Length of the warm-up.
    n_epochs_before : int
        Number of epochs that the network has been trained before.
    """

    def __init__(self, n_epochs, n_epochs_before=0):
        self.n_epochs = n_epochs
        self.n_epochs_before = n_epochs_before

    def on_train_begin(self, net, X=None, **kwargs):
        """Disable early stopping until the end of the warm-up."""
        self.n_batches_ = len(X)
        net.patient_until_ = self.n_epochs - self.n_epochs_before

    def on_epoch_begin(self, net, **kwargs):
        """Set the number of steps before this epoch."""
        self.step_ = (self.n_epochs_before + len(net.history) - 1) * self.n_batches_

    def on_batch_begin(self, net, training=False, **kwargs):
        """Set the weight of this step."""
        if training:
            net.module_.warm_up.fill_(min(self.step_ / (self.n_epochs * self.n_batches_), 1.0))
            self.step_ += 1

    def on_train_end(self, net, **kwargs):
        """Set the weight to 1, for further training without a warm-up."""
        net.module_.warm_up.fill_(1.0)
