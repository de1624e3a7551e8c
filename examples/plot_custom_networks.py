"""
A network of one's own
======================

The convolution stages are a default, not a must: any torch module that maps images to codes will
do. Does a digit need convolutions at all? The default is held beside fully connected layers,
residual blocks as a user might write them, and PCA, all with codes of ten numbers.
"""

# %%
# A custom encoder is a class or a function that is called with the image's shape and the width of
# the code, and builds a module. Scaling, seeds, devices and batches are not its matter.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from torch import nn

from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import SampleDisplay
from sklearn_unsup.networks import MLPDecoder, MLPEncoder


class Residual(nn.Module):
    """Add to its input what two convolutions make of it."""

    def __init__(self, width):
        super().__init__()
        convolutions = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.layers = nn.Sequential(nn.ReLU(), next(convolutions), nn.ReLU(), next(convolutions))

    def forward(self, images):  # noqa: D102
        return images + self.layers(images)  # (b, width, h, w)


def residual_encoder(image_shape, n_outputs, width=32):
    """Build two residual blocks, each at half the size of the one before."""
    return nn.Sequential(
        nn.Conv2d(image_shape[0], width, 3, stride=2, padding=1),
        Residual(width),
        nn.Conv2d(width, width, 3, stride=2, padding=1),
        Residual(width),
        nn.Flatten(),
        nn.LazyLinear(n_outputs),
    )


# %%
# Each is a parameter like any other: it is cloned, searched over, and saved with the estimator.
X, X_test = train_test_split(load_digit_images().data, random_state=0)
default = ConvAutoencoder(10, max_epochs=12, random_state=0)
candidates = {
    "PCA": PCA(10, random_state=0),
    "fully connected": clone(default).set_params(encoder=MLPEncoder, decoder=MLPDecoder),
    "convolutions (default)": default,
    "residual blocks": clone(default).set_params(encoder=residual_encoder),
}
rows, kept = [], []
for name, model in candidates.items():
    back = model.inverse_transform(model.fit(X).transform(X_test))
    kept.append(r2_score(X_test, back, multioutput="variance_weighted"))
    network = model.network_.parameters() if name != "PCA" else [model.components_]
    n_weights = sum(weight.size if name == "PCA" else weight.numel() for weight in network)
    rows.append(back[:12].reshape(12, 8, 8, 1))
    print(f"{name:24}{kept[-1]:8.3f} of the variance of new digits, {n_weights:9,} weights")

# %%
# Fully connected layers keep as much, with eight times the weights.
names = [f"{name}: {share:.2f}" for name, share in zip(candidates, kept, strict=True)]
images = np.stack([X_test[:12].reshape(12, 8, 8, 1), *rows])
SampleDisplay(images=images, row_labels=["new digits", *names]).plot(limits=(0, 16), cmap="gray_r")
plt.show()
