"""
Clusters of handwritten digits, without labels
==============================================

Do the codes of a convolutional autoencoder say more about a digit than its raw pixels do? It is
trained on the 1,797 digits that come with scikit-learn; k-means then clusters pixels and codes.
Labels are used at the very end only, to count how many images of a cluster are the same digit.
"""

# %%
# Learn codes, reduce them, cluster them: one pipeline. With few codes there is nothing to reduce.
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import normalized_mutual_info_score
from sklearn.pipeline import make_pipeline

from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import SampleDisplay
from sklearn_unsup.metrics import clustering_accuracy

digits = load_digit_images()
X, y = digits.data, digits.target
kmeans = KMeans(10, n_init=10, random_state=0)
wide = make_pipeline(ConvAutoencoder(32, random_state=0), PCA(16, random_state=0), clone(kmeans))
wide_labels = wide.fit_predict(X)
pipe = make_pipeline(ConvAutoencoder(10, max_epochs=50, random_state=0), clone(kmeans))
labels = pipe.fit_predict(X)
autoencoder = pipe[0]

# %%
# Beside two baselines: k-means on raw pixels, and on PCA of the same width.
pca = PCA(10, random_state=0).fit(X)
rows = {
    "64 raw pixels": (kmeans.fit_predict(X), 1.0),
    "10 codes of PCA": (kmeans.fit_predict(pca.transform(X)), pca.explained_variance_ratio_.sum()),
    "32 codes of ConvAutoencoder, PCA": (wide_labels, wide[0].score(X)),
    "10 codes of ConvAutoencoder": (labels, autoencoder.score(X)),
}
print(f"{'clustered by k-means':33}{'accuracy':>10}{'NMI':>8}{'variance kept':>16}")
for name, (found, kept) in rows.items():
    accuracy, nmi = clustering_accuracy(y, found), normalized_mutual_info_score(y, found)
    print(f"{name:33}{accuracy:10.3f}{nmi:8.3f}{kept:16.3f}")


# %%
# What the autoencoder keeps, and what the clusters hold.
some = np.random.default_rng(0).choice(len(X), 100, replace=False)
nearest = pipe.transform(X).argsort(axis=0)[:10].T  # by distance to the centres: (10, 10)
panels = {
    "A hundred digits": X[some],
    f"Their reconstructions from 10 numbers: {autoencoder.score(X):.0%} of the variance": (
        autoencoder.reconstruct(X[some])
    ),
    "The ten images nearest to the centre of each cluster (a row)": X[nearest.ravel()],
}
figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
for ax, (title, images) in zip(axes, panels.items(), strict=True):
    SampleDisplay.from_arrays(images, n_columns=10, limits=(0, 16), cmap="gray_r", ax=ax)
    ax.set_title(title, fontsize=9)

path = Path("output/quickstart.png")
path.parent.mkdir(exist_ok=True)
figure.savefig(path, dpi=120)
print(f"\nA picture of reconstructions and clusters: {path}")
