"""ConvNeighborEmbedding beside UMAP, t-SNE, openTSNE and a two-dimensional autoencoder.

    python -m benchmarks.maps --data FOLDER

Accuracy of 10 nearest neighbours on the map, of held-out images among the training images;
trustworthiness with 10 neighbours of 5,000 images by the distance of pixels; share of the variance
of held-out images that `inverse_transform` of their positions explains. With ``--clusters`` there
are ten dimensions, and a Gaussian mixture is fitted to the positions of all images. What does not
place new images has no figures of them. openTSNE runs where it is installed.
"""

import pickle
import shlex
import sys
import time

import numpy as np
from sklearn.manifold import TSNE, trustworthiness
from sklearn.metrics import normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier
from umap import UMAP

from benchmarks import _common, _suite_data
from sklearn_unsup import ConvAutoencoder, ConvNeighborEmbedding
from sklearn_unsup.metrics import clustering_accuracy

try:
    import openTSNE
except ImportError:
    openTSNE = None

N_TRUSTED = 5000
MODELS = {
    "ConvNeighborEmbedding": {},
    "ConvNeighborEmbedding, infonce": {"objective": "infonce"},
    "ConvNeighborEmbedding, tsne": {"objective": "tsne"},
    "ConvNeighborEmbedding, views": {"neighbors": "views"},
}
FOR_CLUSTERS = {"min_dist": 0.0, "views": "auto"}
OTHERS = "ConvAutoencoder", "UMAP", "TSNE", "openTSNE"


class OpenTSNE:
    """openTSNE with the methods of scikit-learn."""

    def __init__(self, seed):
        self.model = openTSNE.TSNE(random_state=seed)

    def fit(self, X):
        self.embedding_ = self.model.fit(X)
        return self

    def transform(self, X):
        return np.asarray(self.embedding_.transform(X))


def build(name, data, n_components, seed):
    """Return a model, or None if it is not installed."""
    params = {"image_shape": data.image_shape, "random_state": seed, "device": "cpu"}
    if name in MODELS:
        return ConvNeighborEmbedding(n_components, **params, **MODELS[name])
    if name == "ConvAutoencoder":
        return ConvAutoencoder(n_components, **params)
    if name == "UMAP":  # without a seed it uses all cores
        return UMAP(n_components=n_components)
    if name == "TSNE":
        return TSNE(n_components, random_state=seed)
    return None if openTSNE is None else OpenTSNE(seed)


def trust(rows, positions):
    chosen = np.random.RandomState(0).permutation(len(rows))[:N_TRUSTED]
    return float(trustworthiness(rows[chosen], positions[chosen], n_neighbors=10))


def timed(function, X):
    start, cpu = time.perf_counter(), time.process_time()
    result = function(X)
    return result, time.perf_counter() - start, time.process_time() - cpu


def measure(model, data):
    """Return the figures of a map in two dimensions."""
    train, held_out = (rows.astype(np.float32) for rows in (data.train, data.held_out))
    _, seconds, cpu = timed(model.fit, train)
    positions = model.embedding_ if hasattr(model, "embedding_") else model.transform(train)
    positions = np.asarray(positions)
    figures = {"trustworthiness, training": trust(train, positions)}
    if hasattr(model, "transform"):
        new, placing, _ = timed(model.transform, held_out)
        neighbors = KNeighborsClassifier(10).fit(positions, data.y_train)
        figures["10-NN, test"] = float(neighbors.score(new, data.y_held_out))
        figures["trustworthiness, test"] = trust(held_out, new)
        figures["seconds to place"] = placing
    if hasattr(model, "reconstruct"):
        errors = np.square(model.reconstruct(held_out) - held_out).sum()
        total = np.square(held_out - held_out.mean(axis=0)).sum()
        figures["explained"] = float(1 - errors / total)
    size = len(pickle.dumps(model)) / 1e6
    return figures | {"MB": size, "seconds of fit": seconds, "CPU seconds": cpu}


def measure_clusters(model, data, seed):
    """Return the figures of a Gaussian mixture of the positions of all images."""
    rows = np.concatenate([data.train, data.held_out]).astype(np.float32)
    y = np.concatenate([data.y_train, data.y_held_out])
    if hasattr(model, "min_dist"):
        model.set_params(min_dist=0.0)
    if hasattr(model, "decoder_epochs"):
        model.set_params(**FOR_CLUSTERS, decoder_epochs=0)
    positions, seconds, cpu = timed(model.fit_transform, rows)
    mixture = GaussianMixture(data.n_classes, n_init=10, random_state=seed)
    labels = mixture.fit_predict(positions.astype(np.float64))
    return {
        "accuracy": clustering_accuracy(y, labels),
        "NMI": float(normalized_mutual_info_score(y, labels)),
        "seconds of fit": seconds,
        "CPU seconds": cpu,
    }


def main():
    parser = _common.parser(__doc__.partition("\n")[0], data=False)
    parser.add_argument("--data", help="folder of the .npz files")
    parser.add_argument("--datasets", nargs="+", default=["digits", "mnist", "cifar10"])
    parser.add_argument("--models", nargs="+", default=[*MODELS, *OTHERS])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--clusters", action="store_true")
    arguments = parser.parse_args()
    found = {}
    for data_set in arguments.datasets:
        data = _suite_data.load(data_set, arguments.data, "all", "test")
        for name in arguments.models:
            for seed in range(arguments.seeds):
                model = build(name, data, 10 if arguments.clusters else 2, seed)
                if model is None:
                    continue
                if arguments.clusters:
                    figures = measure_clusters(model, data, seed)
                else:
                    figures = measure(model, data)
                print(data_set, name, seed, figures, flush=True)
                found.setdefault((data_set, name), []).append(figures)
    rows = [
        {"data": data_set, "model": name, "seeds": len(runs)}
        | {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
        for (data_set, name), runs in found.items()
    ]
    names = list(dict.fromkeys(key for row in rows for key in row))
    given = ["FOLDER" if "/" in each else each for each in sys.argv[1:]]
    _common.save(
        None if arguments.no_save else ("maps_clusters" if arguments.clusters else "maps"),
        "Maps of images",
        shlex.join(["python", "-m", "benchmarks.maps", *given]),
        [("Means over seeds", rows, names)],
    )


if __name__ == "__main__":
    main()
