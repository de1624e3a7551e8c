"""
Watching a training: progress bars, early stopping, callbacks
=============================================================

How many epochs are enough? Images that are held out tell: the training may end when they are no
longer reconstructed better. Here it is watched on the way, and held beside PCA of the same width,
which needs no epochs at all.
"""

# %%
# A progress bar is a callback of scikit-learn: ``set_callbacks``, on an estimator, on a Pipeline or
# on a search. What happens inside an epoch is a matter for callbacks of skorch, such as its
# ``TensorBoard``, or one of one's own: ``callbacks=``.
import matplotlib.pyplot as plt
from sklearn.callback import ProgressBar
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback

from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import TrainingHistoryDisplay

X, X_test = train_test_split(load_digit_images().data, random_state=0)


class LearningRates(Callback):
    """Note the learning rate at the end of each epoch."""

    def on_train_begin(self, net, **kwargs):  # noqa: D102
        self.rates_ = []

    def on_epoch_end(self, net, **kwargs):  # noqa: D102
        self.rates_.append(net.optimizer_.param_groups[0]["lr"])


autoencoder = ConvAutoencoder(
    16,
    max_epochs=100,
    learning_rate_schedule="constant",  # a schedule would have to know how long it takes
    early_stopping=True,
    n_iter_no_change=8,
    random_state=0,
)
autoencoder.set_callbacks(ProgressBar()).fit(X)
short = ConvAutoencoder(16, max_epochs=15, callbacks=[LearningRates()], random_state=0)
(diary,) = short.fit(X).callbacks_

# %%
# ``history_`` has a row for each epoch. One epoch is less than PCA, five are more; after twenty,
# which is the default, little is left to learn.
pca = PCA(16, random_state=0).fit(X)
by_pca = r2_score(
    X_test, pca.inverse_transform(pca.transform(X_test)), multioutput="variance_weighted"
)
best = min(autoencoder.history_, key=lambda row: row["valid_loss"])["epoch"]
print("variance of held-out digits that is kept")
for epoch in (1, 2, 5, 10, 20, best):
    print(f"{epoch:5} epochs{1 - autoencoder.history_[epoch - 1]['valid_loss']:8.3f}")
print(f"stopped after {autoencoder.n_iter_} epochs, back to epoch {best}")
print(f"new digits: {autoencoder.score(X_test):.3f}, by PCA {by_pca:.3f}")

# %%
# The loss is the share of the variance that is not kept.
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
TrainingHistoryDisplay.from_estimator(autoencoder, ax=axes[0])
axes[0].axhline(1 - by_pca, color="black", linestyle=":", label="PCA, new digits")
axes[0].set(ylim=(0, 0.5), title="Loss")
axes[0].legend()
axes[1].plot(range(1, len(diary.rates_) + 1), diary.rates_)
axes[1].set(title="Learning rate of the default schedule, 20 epochs", xlabel="epoch")
plt.show()
