"""
Clusters of images, and how sure they are
=========================================

Which digits are there, if nobody says which is which? ``ConvClusterer`` learns features and
clusters together. k-means on pixels and on PCA codes are beside it, and labels are used to score
the groups only.
"""

# %%
# Keep a third of the images back: a clusterer assigns new ones with ``predict``.
import matplotlib.pyplot as plt
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import normalized_mutual_info_score
from sklearn.pipeline import make_pipeline

from sklearn_unsup import ConvClusterer
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import ClusterDisplay

X, y = load_digit_images().data, load_digit_images().target
train, test = slice(0, 1200), slice(1200, None)
clusterer = ConvClusterer(10, n_components=64, max_epochs=20, random_state=0)
kmeans = KMeans(10, n_init=10, random_state=0)
models = {
    "k-means of pixels": kmeans,
    "k-means of PCA(16)": make_pipeline(PCA(16, random_state=0), kmeans),
    "ConvClusterer": clusterer,
}
print(f"{'mutual information with labels':32}{'training':>10}{'new':>8}")
for name, model in models.items():
    model.fit(X[train])
    scores = [
        normalized_mutual_info_score(y[rows], model.predict(X[rows])) for rows in (train, test)
    ]
    print(f"{name:32}{scores[0]:10.2f}{scores[1]:8.2f}")

# %%
# Typical images of each cluster.
ClusterDisplay.from_estimator(clusterer, X[test])

# %%
# The images whose largest probability is lowest are between two clusters.
probabilities = clusterer.predict_proba(X[test])
unsure = probabilities.max(axis=1).argsort()[:10]
figure, axes = plt.subplots(1, 10, figsize=(10, 1.6), layout="constrained")
for ax, i in zip(axes, unsure, strict=True):
    ax.imshow(X[test][i].reshape(8, 8), cmap="gray")
    ax.set_title(f"{probabilities[i].max():.2f}", fontsize=9)
    ax.axis("off")
figure.suptitle("Largest probability")
plt.show()
