"""
A map that places new images
============================

Where would t-SNE or UMAP put a new image, and what lies between two groups? The map of
``ConvNeighborEmbedding`` is a network: ``transform`` places new images on it, and
``inverse_transform`` draws the image of any position.
"""

# %%
# Learn the map from 1,200 digits, and place the others. PCA in two dimensions is beside it.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from sklearn_unsup import ConvNeighborEmbedding
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import DecodedPlaneDisplay, InterpolationDisplay, LatentSpaceDisplay

X, y = load_digit_images().data, load_digit_images().target
order = np.random.default_rng(0).permutation(len(X))
train, new = order[:1200], order[1200:]
embedding = ConvNeighborEmbedding(hidden_channels=(32, 64), max_epochs=25, random_state=0)
embedding.fit(X[train])
for model in (PCA(2).fit(X[train]), embedding):
    neighbors = KNeighborsClassifier(10).fit(model.transform(X[train]), y[train])
    accuracy = neighbors.score(model.transform(X[new]), y[new])
    print(f"{type(model).__name__:24} new digits among their kind: {accuracy:.2f}")

# %%
# Dots are the digits of the training, crosses the new ones.
display = LatentSpaceDisplay.from_estimator(embedding, X[train], y[train], thumbnails=False)
display.ax_.scatter(*embedding.transform(X[new]).T, s=12, c="black", marker="x", linewidth=0.6)

# %%
# What lies where: positions on a grid, decoded. Places without a digit are left empty.
DecodedPlaneDisplay.from_estimator(embedding, X, n_steps=24)

# %%
# A straight way on the map, from one digit to another. Between two groups the decoder has seen
# nothing, and draws a blend.
start, end = (
    X[new][[np.flatnonzero(y[new] == digit)[0] for digit in digits]]
    for digits in ([0, 1, 3], [6, 7, 5])
)
InterpolationDisplay.from_estimator(embedding, start, end, n_steps=12)
plt.show()
