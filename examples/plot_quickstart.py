"""
Clusters of handwritten digits, without labels
==============================================

Do the codes of a convolutional autoencoder say more about a digit than its raw pixels do? It is
trained on the 1,797 digits that come with scikit-learn; k-means then clusters pixels and codes
alike. Labels are used at the very end only, to count how many images of a cluster are the same
digit.
"""

# %%
# Learn codes, reduce them, cluster them: one pipeline.
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import normalized_mutual_info_score
from sklearn.pipeline import make_pipeline

from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.metrics import clustering_accuracy

digits = load_digit_images()
X, y = digits.data, digits.target
kmeans = KMeans(10, n_init=10, random_state=0)
pipe = make_pipeline(ConvAutoencoder(n_components=32, random_state=0), PCA(16), kmeans)
labels = pipe.fit_predict(X)
autoencoder = pipe[0]

# %%
# Beside two baselines: k-means on raw pixels, and on PCA of the same width.
pca = PCA(16, random_state=0).fit(X)
rows = {
    "raw pixels (64)": (kmeans.fit_predict(X), 1.0),
    "PCA (16)": (kmeans.fit_predict(pca.transform(X)), pca.explained_variance_ratio_.sum()),
    "ConvAutoencoder (32) + PCA (16)": (labels, autoencoder.score(X)),
}
print(f"{'clustered by k-means':34}{'accuracy':>10}{'NMI':>8}{'variance kept':>16}")
for name, (found, kept) in rows.items():
    accuracy, nmi = clustering_accuracy(y, found), normalized_mutual_info_score(y, found)
    print(f"{name:34}{accuracy:10.3f}{nmi:8.3f}{kept:16.3f}")

# %%
# What the autoencoder keeps, and what the clusters hold.
figure, axes = plt.subplots(1, 3, figsize=(11, 4.4), width_ratios=(1, 1, 1.3), layout="constrained")
some = np.random.RandomState(0).choice(len(X), 64, replace=False)
images = digits.images[some]
reconstructed = autoencoder.reconstruct(X[some]).reshape(images.shape)


def grid(images, n_columns):
    """Put images (n, h, w) side by side, with a line of zeros between them."""
    padded = np.pad(images, ((0, 0), (0, 1), (0, 1)))
    n, h, w = padded.shape
    stacked = padded.reshape(n // n_columns, n_columns, h, w)
    return stacked.transpose(0, 2, 1, 3).reshape(n // n_columns * h, -1)


typical = []  # of each cluster, the images nearest to its centre
distances = pipe.transform(X)
for cluster in range(10):
    members = np.flatnonzero(labels == cluster)
    nearest = members[np.argsort(distances[members, cluster])]
    typical.extend(digits.images[np.resize(nearest[:10], 10)])
panels = {
    "Images": grid(images, 8),
    f"Their reconstructions: {autoencoder.score(X):.0%} of the variance": grid(reconstructed, 8),
    "The ten most typical images of each cluster (a row)": grid(np.array(typical), 10),
}
for ax, (title, panel) in zip(axes, panels.items(), strict=True):
    ax.imshow(panel, cmap="gray_r", vmin=0, vmax=16)
    ax.set_title(title, fontsize=9)
    ax.set_axis_off()

path = Path("output/quickstart.png").resolve()
path.parent.mkdir(exist_ok=True)
figure.savefig(path, dpi=120)
print(f"\nPicture of reconstructions and clusters: {path}")
