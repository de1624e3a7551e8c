"""
Which clusterer for which codes
===============================

Which clusterer finds the digits, from pixels and from codes? Six of scikit-learn's group both;
labels are used to score the groups only. Clusterers by density need gaps between the groups: an
autoencoder that learns to remove noise makes more of them, codes of length one too
(``Normalizer``), and UMAP (the extra ``umap``) more again.
"""

# %%
# Learn the codes once; freeze them, so that the pipelines below do not train them again.
from importlib.util import find_spec

import matplotlib.pyplot as plt
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering, KMeans, MiniBatchKMeans
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.metrics import k_distance_curve

X, y = load_digit_images().data, load_digit_images().target
autoencoder = ConvAutoencoder(10, noise_level=1.0, max_epochs=12, random_state=0)
codes = FrozenEstimator(autoencoder.fit(X))
features = {"pixels": X, "codes": make_pipeline(codes, Normalizer()).fit_transform(X)}
if find_spec("umap"):
    from umap import UMAP

    umap = UMAP(n_components=10, n_neighbors=10, min_dist=0, random_state=0, n_jobs=1)
    features["UMAP of codes"] = make_pipeline(codes, umap).fit_transform(X)

# %%
# The curve of distances to the tenth neighbour suggests the ``eps`` of DBSCAN.
curves = {name: k_distance_curve(table, n_neighbors=10) for name, table in features.items()}
scores = {}
print(f"{'adjusted Rand index':24}" + "".join(f"{name:>15}" for name in features))
for clusterer in (
    KMeans(10, n_init=10, random_state=0),
    MiniBatchKMeans(10, n_init=10, random_state=0),
    GaussianMixture(10, reg_covar=1e-2, random_state=0),
    AgglomerativeClustering(10),
    HDBSCAN(min_cluster_size=30, min_samples=3, copy=True),
    DBSCAN(min_samples=11),
):
    row = scores[type(clusterer).__name__] = []
    for name, table in features.items():
        if isinstance(clusterer, DBSCAN):
            clusterer.set_params(eps=curves[name][1])
        row.append(adjusted_rand_score(y, clusterer.fit_predict(table)))
    print(f"{type(clusterer).__name__:24}" + "".join(f"{score:15.2f}" for score in row))

# %%
# Where the curve turns, and who finds the digits.
figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
for name, (distances, eps) in curves.items():
    axes[0].plot(distances / distances[-1], label=f"{name}: eps = {eps:.2f}")
    axes[0].axhline(eps / distances[-1], color="grey", linewidth=0.5)
axes[0].set(title="Distance to the 10th neighbour / largest", xlabel="rows, sorted")
axes[0].legend()
for i, name in enumerate(features):
    places = [place + 0.25 * i for place in range(len(scores))]
    axes[1].bar(places, [row[i] for row in scores.values()], width=0.25, label=name)
axes[1].set(title="Adjusted Rand index", ylim=(0, 1))
axes[1].set_xticks(range(len(scores)), scores, rotation=20, ha="right")
plt.show()
