"""
How many clusters?
==================

How many kinds of images are there? Features are learnt once, without labels. Then k-means is run
with several numbers of clusters, and two criteria that need no labels are compared: the silhouette,
and how well two halves of the images agree on the clusters.
"""

# %%
# Learn features. Codes of length one make distances those of directions.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.preprocessing import Normalizer, StandardScaler

from sklearn_unsup import ConvClusterer, ConvSelfSupervisedEncoder
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import ClusterDisplay

X, y = load_digit_images().data, load_digit_images().target
encoder = ConvSelfSupervisedEncoder(64, max_epochs=20, random_state=0).fit(X)
codes = Normalizer().fit_transform(StandardScaler().fit_transform(encoder.transform(X)))

# %%
# Two criteria. For the second, k-means is fitted to each half of the images, and both assign all.
halves = np.array_split(np.random.RandomState(0).permutation(len(codes)), 2)
numbers = [4, 6, 8, 9, 10, 11, 12, 14, 16, 20]
silhouettes, agreements = [], []
for n_clusters in numbers:
    kmeans = KMeans(n_clusters, n_init=5, random_state=0)
    silhouettes.append(silhouette_score(codes, kmeans.fit_predict(codes)))
    first, second = (kmeans.fit(codes[half]).predict(codes) for half in halves)
    agreements.append(adjusted_rand_score(first, second))
best = numbers[int(np.argmax(silhouettes))]
print(f"largest silhouette: {best} clusters; there are {len(set(y))} digits")

figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(numbers, silhouettes, "o-", label="silhouette")
ax.set(xlabel="number of clusters", ylabel="silhouette")
twin = ax.twinx()
twin.plot(numbers, agreements, "s--", color="C1", label="agreement of halves")
twin.set_ylabel("agreement of halves (adjusted Rand index)")
_ = figure.legend(loc="outside upper center", ncols=2)

# %%
# ``ConvClusterer`` starts from the same encoder. Look at its clusters before you believe a number.
clusterer = ConvClusterer(
    best, n_components=64, pretrain=FrozenEstimator(encoder), refinement_epochs=0, random_state=0
).fit(X)
ClusterDisplay.from_estimator(clusterer, X)
plt.show()
