"""The tasks of the suite that look at reconstructions and codes; each runs one cell."""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from sklearn.mixture import GaussianMixture

from benchmarks._judges import few_labels, neighbors, probe, umap_embedding
from benchmarks._suite_cells import (
    LeftOut,
    codes,
    estimator,
    fit,
    fit_pca,
    floats,
    load,
    parse_params,
    unexplained,
)
from sklearn_unsup.metrics import clustering_accuracy

MAX_PROBED = 1e9  # rows * features * classes: a linear classifier of more takes an hour
N_LABELS = 10
MAX_EMBEDDED = 10_000  # rows that UMAP is fitted to
EPOCHS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200)
PATIENCE = 3  # times the reference's seconds, after which no longer fit is tried


def variance(cell, places):
    """Return the share of the variance of held-out rows that is not explained."""
    data = load(cell, places)
    if cell.n_components >= data.train.shape[1]:
        raise LeftOut("as many components as pixels")
    if cell.model == "PCA":
        model, facts = fit_pca(cell.n_components, data.train)
        rows = floats(data.held_out)
        reconstructed = model.inverse_transform(model.transform(rows))
    else:
        model, facts = fit(estimator(cell, data, **parse_params(cell.params)), data.train)
        reconstructed = model.reconstruct(data.held_out)
    return {"unexplained": unexplained(data.held_out, reconstructed), **facts}


def features(cell, places):
    """Return the accuracy of classifiers of codes."""
    data = load(cell, places)
    _check_labels(data)
    train, held_out, facts = codes(cell, places)
    figures = {"20-NN": neighbors(train, data.y_train, held_out, data.y_held_out)}
    if train.size * data.n_classes <= MAX_PROBED:
        figures["linear probe"] = probe(train, data.y_train, held_out, data.y_held_out)
        figures["ten labels a class"] = few_labels(
            train, data.y_train, held_out, data.y_held_out, N_LABELS
        )
    else:
        facts["note"] = f"no linear probe: {data.n_classes} classes of {train.shape[1]} features"
    return {**figures, "largest class": _largest_class(data), **facts}


def clusters(cell, places):
    """Return how well clusters of the training codes tell the classes of held-out rows."""
    data = load(cell, places)
    _check_labels(data)
    n_clusters = data.n_classes
    if len(data.train) < 5 * n_clusters:
        raise LeftOut(f"{len(data.train)} rows for {n_clusters} clusters")
    train, held_out, facts = codes(cell, places)
    k_means = KMeans(n_clusters, n_init=3, random_state=cell.seed).fit(train)
    labels = k_means.predict(held_out)
    figures = {
        "k-means": clustering_accuracy(data.y_held_out, labels),
        "NMI": float(normalized_mutual_info_score(data.y_held_out, labels)),
    }
    try:
        umap = umap_embedding(cell.seed)
    except ImportError:
        facts["note"] = "UMAP is not installed"
    else:
        few = np.random.RandomState(0).permutation(len(train))[:MAX_EMBEDDED]
        embedded = umap.fit_transform(train[few])
        mixture = GaussianMixture(n_clusters, n_init=3, random_state=cell.seed).fit(embedded)
        labels = mixture.predict(umap.transform(held_out))
        figures["UMAP, mixture"] = clustering_accuracy(data.y_held_out, labels)
    return {**figures, "largest class": _largest_class(data), **facts}


def time(cell, places):
    """Return the seconds until a model explains as much as a reference does, and the reference's.

    The epochs grow until it does, or until a fit takes `PATIENCE` times the reference's seconds.
    """
    data = load(cell, places)
    reference = estimator(cell, data, **parse_params(cell.reference, cell.model))
    reference, asked = fit(reference, data.train)
    target = 1 - unexplained(data.held_out, reference.reconstruct(data.held_out))
    for epochs in EPOCHS:
        params = {**parse_params(cell.params), "max_epochs": epochs}
        model, facts = fit(estimator(cell, data, **params), data.train)
        explained = 1 - unexplained(data.held_out, model.reconstruct(data.held_out))
        if explained >= target or facts["seconds"] > PATIENCE * asked["seconds"]:
            break
    return {
        "reference's explained": target,
        "explained": explained,
        "reached": float(explained >= target),
        "reference's seconds": asked["seconds"],
        "ratio of seconds": facts["seconds"] / asked["seconds"],
        "ratio of CPU seconds": facts["CPU seconds"] / asked["CPU seconds"],
        **facts,
    }


def _check_labels(data):
    if not data.n_classes:
        raise LeftOut("no labels of training rows")


def _largest_class(data):
    return float(np.bincount(data.y_held_out).max() / len(data.y_held_out))
