"""
An explorer: which digits lie where they do not belong?
=======================================================

A map shows that some digits lie among others, but not why. In the explorer below, rest the pointer
on a point to see its image; choose the lasso to draw around some, and copy their row numbers into
Python.
"""

# %%
# Codes of an autoencoder, laid out by t-SNE.
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import LatentSpaceDisplay, SampleDisplay, explore

digits = load_digit_images()
X, y = digits.data, digits.target
autoencoder = ConvAutoencoder(10, noise_level=1.0, max_epochs=12, random_state=0)
embedding = make_pipeline(autoencoder, Normalizer(), TSNE(random_state=0)).fit_transform(X)

# %%
# The explorer is one file, which opens without a network: mail it, or put it beside a paper.
Path("output/site").mkdir(parents=True, exist_ok=True)
path = explore(X, embedding, y, "output/site/explorer.html", title="Digits, by their codes")
print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")

# %%
# .. raw:: html
#
#    <div class="explorer">
#    <iframe src="../explorer.html" title="Explorer of 1,797 digits" loading="lazy"></iframe></div>

# %%
# The same for print, and the digits whose nearest neighbours on the map are all of other kinds:
# many of them are badly written.
neighbours = KNeighborsClassifier(11).fit(embedding, y).predict_proba(embedding)
lost = [row for row in range(len(X)) if neighbours[row, y[row]] <= 1 / 11]
print(f"{len(lost)} of {len(X)} digits lie among others: rows {lost[:8]}, ...")
figure, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
LatentSpaceDisplay.from_arrays(embedding, y, X, cmap="gray_r", ax=axes[0])
SampleDisplay.from_arrays(X[lost[:30]], n_columns=6, cmap="gray_r", ax=axes[1])
axes[1].set_title("They lie among other digits")
plt.show()
