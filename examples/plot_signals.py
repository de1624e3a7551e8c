"""
Signals instead of images
=========================

A signal is an image of height 1. Pulses of random height, width and place are encoded by few
numbers. How many does PCA need, and how many an autoencoder? A pulse that moves is hard for PCA,
which adds up fixed curves.
"""

# %%
# Pulses of 64 points, with a little noise.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.displays import ReconstructionDisplay

rng = np.random.default_rng(0)
n, time = 1200, np.arange(64)
place, width, height = (
    rng.uniform(low, high, (n, 1)) for low, high in ((10, 54), (2, 5), (0.5, 1))
)
X = height * np.exp(-(((time - place) / width) ** 2) / 2) + rng.normal(scale=0.02, size=(n, 64))
X_train, X_test = train_test_split(X, random_state=0)

# %%
# ``image_shape`` says that a row is no 8 x 8 image.
widths = [2, 3, 6]
kept = {"PCA": [], "ConvAutoencoder": []}
models = {}
for width in widths:
    pca = PCA(width).fit(X_train)
    models[width] = ConvAutoencoder(width, image_shape=(1, 64), max_epochs=15, random_state=0).fit(
        X_train
    )
    errors = np.square(X_test - pca.inverse_transform(pca.transform(X_test))).sum()
    kept["PCA"].append(1 - errors / np.square(X_test - X_test.mean(axis=0)).sum())
    kept["ConvAutoencoder"].append(models[width].score(X_test))
print("share of the variance of new pulses that is kept, by number of components")
print(f"{'':18}" + "".join(f"{width:8}" for width in widths))
for name, shares in kept.items():
    print(f"{name:18}" + "".join(f"{share:8.3f}" for share in shares))

# %%
# Three numbers made the pulses; with three, the autoencoder draws them.
figure, axes = plt.subplots(1, 3, figsize=(13, 3.2), layout="constrained", width_ratios=(2, 3, 3))
for name, shares in kept.items():
    axes[0].plot(widths, shares, "o-", label=name)
axes[0].set(xlabel="components", title="Variance kept", ylim=(0, 1), xticks=widths)
axes[0].legend()
pca = PCA(3).fit(X_train)
for ax, (name, model) in zip(
    axes[1:], {"PCA": pca, "ConvAutoencoder": models[3]}.items(), strict=True
):
    ReconstructionDisplay.from_estimator(model, X_test, n_images=5, image_shape=(1, 64), ax=ax)
    ax.set_title(f"{name}, 3 components")
plt.show()
