"""What codes are worth: judges that the benchmarks share. They know nothing of any model."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def probe(train, y_train, test, y_test):
    """Accuracy of a linear classifier on standardised features."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return float(model.fit(train, y_train).score(test, y_test))


def neighbors(train, y_train, test, y_test, n_neighbors=20):
    """Accuracy of a classifier by nearest neighbours."""
    model = KNeighborsClassifier(min(n_neighbors, len(train)))
    return float(model.fit(train, y_train).score(test, y_test))


def few_labels(train, y_train, test, y_test, n_labels=10, n_draws=5):
    """Mean accuracy of a linear classifier of a few labelled rows of each class, over draws."""
    found = []
    for seed in range(n_draws):
        rng = np.random.RandomState(seed)
        rows = [
            rng.permutation(np.flatnonzero(y_train == label))[:n_labels]
            for label in np.unique(y_train)
        ]
        rows = np.concatenate(rows)
        found.append(probe(train[rows], y_train[rows], test, y_test))
    return float(np.mean(found))


def umap_embedding(seed):
    """Return an unfitted UMAP to 10 dimensions, set for clustering (min_dist is 0)."""
    from umap import UMAP

    return UMAP(n_components=10, n_neighbors=20, min_dist=0, random_state=seed, n_jobs=1)
