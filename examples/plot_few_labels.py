"""
Many images, few labels
=======================

Labels cost more than images. Codes are learnt from all 1,797 digits, and a classifier from a
handful of labels a class: how many does it need, beside one that sees pixels? Accuracies are of all
digits whose labels were not used, over five draws of labels.
"""

# %%
# The autoencoder learns from all images once; `FrozenEstimator` keeps it as it is when the pipeline
# is fitted to the few that have a label. `LabelSpreading` takes the images without labels as well
# (their label is -1) and spreads the few labels along neighbouring codes.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading

from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.datasets import load_digit_images

X, y = load_digit_images().data, load_digit_images().target
codes = FrozenEstimator(ConvAutoencoder(16, noise_level=1.0, random_state=0).fit(X))
pca = FrozenEstimator(PCA(16, random_state=0).fit(X))
linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
spreading = LabelSpreading(kernel="knn", n_neighbors=10)
classifiers = {
    "pixels, linear": linear,
    "PCA, linear": make_pipeline(pca, linear),
    "codes, linear": make_pipeline(codes, linear),
    "PCA and codes, linear": make_pipeline(make_union(pca, codes), linear),
    "codes, label spreading": make_pipeline(codes, spreading),
}

# %%
# The draws are balanced: as many labels of each digit.
n_labels = [1, 2, 3, 5, 10, 20]
accuracies = {name: np.zeros((len(n_labels), 5)) for name in classifiers}
for i, n in enumerate(n_labels):
    for draw in range(5):
        order = np.random.default_rng(draw).permutation(len(y))
        few = np.concatenate([order[y[order] == digit][:n] for digit in range(10)])
        rest = np.setdiff1d(order, few)
        partly = np.full(len(y), -1)
        partly[few] = y[few]
        for name, classifier in classifiers.items():
            if classifier[-1] is spreading:
                found = classifier.fit(X, partly)[-1].transduction_[rest]
            else:
                found = classifier.fit(X[few], y[few]).predict(X[rest])
            accuracies[name][i, draw] = (found == y[rest]).mean()

print(f"{'labels a class':24}" + "".join(f"{n:8}" for n in n_labels))
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, table in accuracies.items():
    print(f"{name:24}" + "".join(f"{mean:8.3f}" for mean in table.mean(axis=1)))
    ax.errorbar(n_labels, table.mean(axis=1), table.std(axis=1), label=name, capsize=2)
ax.set(xscale="log", xlabel="labels a class", ylabel="accuracy", xticks=n_labels)
ax.set_xticks(n_labels, n_labels)
ax.legend()
plt.show()
