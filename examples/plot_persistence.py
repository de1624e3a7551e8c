"""
A model on disk, and a flipped bit
==================================

Disks, networks and copies lose a bit now and then. What happens to a trained model whose file has
one bit flipped? Plain arrays of weights open as if nothing had happened. A file of
``save_weights`` and a pickle of an estimator carry a digest, and are refused.
"""

# %%
# Two files of the same autoencoder: weights with a digest, and plain arrays.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklearn_unsup import ConvAutoencoder, CorruptedModelError
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import ReconstructionDisplay

X = load_digit_images().data
autoencoder = ConvAutoencoder(16, max_epochs=10, random_state=0).fit(X)
folder = Path(tempfile.mkdtemp())
autoencoder.save_weights(folder / "digits.safetensors")
plain = autoencoder.network_.encoder.head[0].weight.detach().numpy().copy()
np.save(folder / "plain.npy", plain)


def flip(path, place, bit=1):
    """Flip a bit of the byte at a place; this one makes a small float 16 times as large."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


# %%
# The file opens on any machine, in an estimator with the same parameters of the network.
opened = ConvAutoencoder(16).load_weights(folder / "digits.safetensors")
print("The same codes:", np.array_equal(opened.transform(X), autoencoder.transform(X)))

# %%
# One bit of plain weights: no error, and a network that answers, a little worse than it did.
flip(folder / "plain.npy", -4 * 300 - 1)
broken = ConvAutoencoder(16).load_weights(folder / "digits.safetensors")
weight = broken.network_.encoder.head[0].weight
weight.data.copy_(weight.new_tensor(np.load(folder / "plain.npy")))
print(
    f"Variance explained: {autoencoder.score(X):.3f}, with one bit flipped: {broken.score(X):.3f}"
)

# %%
# One bit of a file of weights: an error.
flip(folder / "digits.safetensors", -4 * 300 - 1)
try:
    ConvAutoencoder(16).load_weights(folder / "digits.safetensors")
except CorruptedModelError as error:
    print("CorruptedModelError:", str(error).split("/")[-1])

# %%
figure, axes = plt.subplots(2, 1, figsize=(8, 5), layout="constrained")
titles = {"the model": autoencoder, "plain weights with one bit flipped": broken}
for ax, (title, model) in zip(axes, titles.items(), strict=True):
    ReconstructionDisplay.from_estimator(model, X, n_images=10, ax=ax)
    ax.set_title(title)
plt.show()
