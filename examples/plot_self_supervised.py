"""
Features from self-supervision
==============================

How many labels does a classifier need? A self-supervised encoder learns features from random views
of unlabelled images. They are compared with codes of PCA and of an autoencoder, for a classifier
with few labels and for a search for similar images.
"""

# %%
# Fit the three models to all digits. Labels are not used. The encoder learns from small
# translations, rotations, shears and scales of each digit.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_unsup import ConvAutoencoder, ConvSelfSupervisedEncoder
from sklearn_unsup.datasets import load_digit_images
from sklearn_unsup.displays import SampleDisplay

digits = load_digit_images()
X, y = digits.data, digits.target
models = {
    "PCA": PCA(32, random_state=0),
    "autoencoder": ConvAutoencoder(32, max_epochs=15, random_state=0),
    "self-supervised": ConvSelfSupervisedEncoder(64, max_epochs=15, random_state=0),
}
codes = {name: model.fit_transform(X) for name, model in models.items()}
codes = {name: StandardScaler().fit_transform(each) for name, each in codes.items()}

# %%
# Few labels
# ----------
# Train a linear classifier on one to twenty labels of each digit, and test it on all others.
# :class:`~sklearn.semi_supervised.SelfTrainingClassifier` adds its own most certain predictions to
# the labels; unlabelled digits have the label -1.
linear = LogisticRegression(max_iter=1000)
self_training = SelfTrainingClassifier(linear, criterion="k_best", k_best=300)
n_labels = [1, 2, 5, 10, 20]
accuracies = {name: np.zeros((len(n_labels), 2)) for name in [*codes, "self-training"]}
for i, n in enumerate(n_labels):
    for draw in range(2):
        order = np.random.default_rng(draw).permutation(len(y))
        few = np.concatenate([order[y[order] == digit][:n] for digit in range(10)])
        rest = np.setdiff1d(order, few)
        for name, Z in codes.items():
            accuracies[name][i, draw] = linear.fit(Z[few], y[few]).score(Z[rest], y[rest])
        partly = np.full(len(y), -1)
        partly[few] = y[few]
        Z = codes["self-supervised"]
        accuracies["self-training"][i, draw] = self_training.fit(Z, partly).score(Z[rest], y[rest])

print(f"{'labels a class':18}" + "".join(f"{n:8}" for n in n_labels))
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, table in accuracies.items():
    print(f"{name:18}" + "".join(f"{mean:8.3f}" for mean in table.mean(axis=1)))
    label = "self-supervised, self-training" if name == "self-training" else name
    ax.errorbar(n_labels, table.mean(axis=1), table.std(axis=1), label=label, capsize=2)
ax.set(xscale="log", xlabel="labels a class", ylabel="accuracy on the other digits")
ax.set_xticks(n_labels, n_labels)
ax.minorticks_off()
ax.legend(frameon=False)

# %%
# Similar images
# --------------
# The first column shows a digit, and the others its nearest neighbours in the codes.
queries = [5, 8, 18, 31, 69]
neighbors = NearestNeighbors(n_neighbors=9).fit(codes["self-supervised"])
found = neighbors.kneighbors(codes["self-supervised"][queries], return_distance=False)
SampleDisplay.from_arrays(digits.images[found.ravel()], n_columns=9)
for name, Z in codes.items():
    nearest = NearestNeighbors(n_neighbors=10).fit(Z).kneighbors(return_distance=False)
    print(f"{name:18}{(y[nearest] == y[:, None]).mean():.3f} of the neighbours are the same digit")
plt.show()
