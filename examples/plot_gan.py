"""
New digits: a generative adversarial network that watches itself
================================================================

Are the digits that a generative adversarial network draws as varied as real ones? Its generator and
its discriminator learn from each other, and neither's loss says how good the images are. So each
epoch is judged by digits that were held out, and the best generator is kept. Its digits are held
here beside those of a Gaussian with the same mean and covariance, and beside new real ones.
"""

# %%
# Two ways to generate digits, from 1,347 of those that come with scikit-learn.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_unsup import ConvGAN
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import SampleDisplay
from sklearn_unsup.metrics import density_coverage, precision_recall

X_train, X_test = train_test_split(load_digit_images().data, random_state=0)
gan = ConvGAN(16, max_epochs=30, random_state=0).fit(X_train)
n = len(X_test)
rng = np.random.default_rng(0)
drawn = {
    "real digits": X_train[:n],
    "Gaussian": rng.multivariate_normal(X_train.mean(axis=0), np.cov(X_train.T), n),
    "ConvGAN": gan.sample(n, random_state=0),
}
print("Beside digits that were not seen:  precision  recall  coverage")
for name, images in drawn.items():
    precision, recall = precision_recall(X_test, images)
    coverage = density_coverage(X_test, images)[1]
    print(f"{name:33}{precision:11.2f}{recall:8.2f}{coverage:10.2f}")
print(f"\nThe generator is that of epoch {gan.best_epoch_} of {gan.n_iter_}.")

# %%
# How the training went; what was generated; digits that were not seen, and what is generated from
# their codes; the way from one to another.
panels = {name: images[:100] for name, images in drawn.items()}
pairs = np.stack([X_test[:50], gan.reconstruct(X_test[:50])], axis=1)
panels["Digits not seen, and from their codes"] = pairs.reshape(100, 64)
panels["From one digit to another"] = np.concatenate(
    gan.interpolate(X_test[:10], X_test[3:13], n_steps=10, path="spherical")
)
figure, axes = plt.subplots(2, 3, figsize=(11, 7.5), layout="constrained")
epochs = [row["epoch"] for row in gan.history_]
for name in ("distance", "coverage"):
    axes[0, 0].plot(epochs, [row[f"valid_{name}"] for row in gan.history_], label=name)
axes[0, 0].axvline(gan.best_epoch_, color="gray", linestyle=":", label="the best epoch")
axes[0, 0].set(xlabel="epoch", ylim=(0, 1), title="Generated beside held-out digits")
axes[0, 0].legend()
for ax, (title, images) in zip(axes.flat[1:], panels.items(), strict=True):
    SampleDisplay.from_arrays(images, n_columns=10, limits=(0, 16), cmap="gray_r", ax=ax)
    ax.set_title(title, fontsize=10)
plt.show()
