"""
How many components, without labels
===================================

Which of five widths of the code is best? Scorers that need no labels are asked in one grid search.
Then the labels, held back until here, are uncovered, to see who was right. Caching in the Pipeline
keeps all models of the search, so that none is trained twice.
"""

# %%
# One search, four opinions. The evidence bound pays for each component that it uses. The silhouette
# of clusters depends on where it is measured: in the space of the codes it likes few dimensions.
import tempfile

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import silhouette_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_unsup import ConvVAE
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.metrics import (
    clustering_accuracy,
    explained_variance_scorer,
    make_unsupervised_scorer,
    silhouette_scorer,
)

X, y = load_digit_images().data, load_digit_images().target
train, test = train_test_split(np.arange(len(X)), random_state=0)
widths = [2, 4, 8, 16, 32]
scoring = {
    "evidence bound (nats)": lambda pipe, X, y=None: pipe[0].score(X),
    "explained variance": lambda pipe, X, y=None: explained_variance_scorer(pipe[0], X),
    "silhouette in X": make_unsupervised_scorer(silhouette_score, response_method="predict"),
    "silhouette in codes": silhouette_scorer,
}
with tempfile.TemporaryDirectory() as cache:
    vae, kmeans = ConvVAE(max_epochs=10, random_state=0), KMeans(10, n_init=10, random_state=0)
    pipe = make_pipeline(vae, kmeans, memory=cache)
    grid = {"convvae__n_components": widths}
    search = GridSearchCV(pipe, grid, scoring=scoring, refit=False, cv=[(train, test)]).fit(X)

    # What the labels say: of clusters, and of a linear classifier on the codes.
    found = {name: search.cv_results_[f"mean_test_{name}"] for name in scoring}
    found |= {"labels: k-means": [], "labels: linear": []}
    for width in widths:
        pipe.set_params(convvae__n_components=width).fit(X[train])  # from the cache
        codes = [pipe[0].transform(X[rows]) for rows in (train, test)]
        linear = LogisticRegression(max_iter=1000).fit(codes[0], y[train])
        found["labels: linear"].append(linear.score(codes[1], y[test]))
        found["labels: k-means"].append(clustering_accuracy(y[test], pipe.predict(X[test])))
print("The evidence bound chose", widths[np.argmax(found["evidence bound (nats)"])], "components")

# %%
figure, axes = plt.subplots(1, len(found), figsize=(14, 2.8), layout="constrained")
for ax, (name, scores) in zip(axes, found.items(), strict=True):
    print(f"{name:24}" + "".join(f"{score:9.3f}" for score in scores))
    ax.plot(widths, scores, "o-", color="C1" if name.startswith("labels") else "C0")
    ax.axvline(widths[np.argmax(scores)], color="grey", linewidth=0.5)
    ax.set(title=name, xscale="log", xlabel="n_components", xticks=widths, xticklabels=widths)
    ax.minorticks_off()  # their labels would cover those of the widths
plt.show()
