"""
Maps of pixels and of codes
===========================

PCA, t-SNE and UMAP draw noisy digits in the plane, from their pixels and from the codes of an
autoencoder. In which map do neighbours show the same digit? Distances between pixels add up the
noise; codes leave most of it out. (Without noise, t-SNE and UMAP do as well on the pixels of images
as small as these.)
"""

# %%
# One network for all maps: frozen, it is not trained again. Maps such as t-SNE cannot place new
# rows; they stand last in a Pipeline, and ``fit_transform`` is called.
from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.manifold import TSNE
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer

from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import LatentSpaceDisplay

clean, y = load_digit_images().data[:800], load_digit_images().target[:800]
X = clean + np.random.default_rng(0).normal(scale=clean.std(), size=clean.shape)
codes = FrozenEstimator(ConvAutoencoder(10, noise_level=1.0, random_state=0).fit(X))
features = {"pixels": FunctionTransformer(), "codes": make_pipeline(codes, Normalizer())}
mappers = [PCA(2), TSNE(max_iter=500, random_state=0)]
if find_spec("umap"):  # the extra `umap`
    from umap import UMAP

    mappers.append(UMAP(random_state=0, n_jobs=1))

# %%
# The share of digits whose five neighbours on the map would name them right.
figure, axes = plt.subplots(2, len(mappers), figsize=(10, 6.4), layout="constrained")
print(f"{'neighbours are alike':24}" + "".join(f"{type(m).__name__:>10}" for m in mappers))
for row, (name, feature) in zip(axes, features.items(), strict=True):
    line = f"{name:24}"
    for ax, mapper in zip(row, mappers, strict=True):
        places = make_pipeline(feature, mapper).fit_transform(X)
        score = cross_val_score(KNeighborsClassifier(), places, y).mean()
        line += f"{score:10.2f}"
        LatentSpaceDisplay.from_arrays(places, y, ax=ax)
        ax.get_legend().set_visible(ax is row[-1])
        ax.set(title=f"{type(mapper).__name__} of {name}: {score:.2f}", xticks=[], yticks=[])
    print(line)
plt.show()
