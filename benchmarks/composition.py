"""What our codes are worth in scikit-learn's pipelines, over seeds, beside pixels and PCA.

    python -m benchmarks.composition --data mnist.npz

Five tables. "clustering": k-means, and UMAP with a Gaussian mixture, on all rows. "density": what
the scale of the codes does to k-means, DBSCAN and HDBSCAN. "labels": classifiers of few labels.
"outliers": one digit is usual, the others are outliers; "contamination": a tenth of the rows that
the detector is fitted to are others. UMAP needs the extra `umap`.
"""

import joblib
import numpy as np
import torch
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.semi_supervised import LabelSpreading

from benchmarks import _common
from benchmarks._judges import umap_embedding
from sklearn_unsup import ConvAutoencoder, ConvGAN, ConvOutlierDetector, ConvVAE
from sklearn_unsup.metrics import clustering_accuracy, k_distance_curve

CODES = (ConvAutoencoder, 10), (ConvAutoencoder, 24), (ConvVAE, 8), (ConvGAN, 4)  # and epochs
N_DENSITY_ROWS = 10_000
N_NEIGHBORS = 20  # of the k-distance curve and, plus one, of DBSCAN and HDBSCAN
N_DRAWS = 5
PER_CLASS = 10, 100
CONTAMINATED = 2, 4, 5, 8  # the digits that are hardest to tell from others


def learn(cls, epochs, X, seed, device):
    """Return the 10-d codes of a model that was fitted to X."""
    return cls(10, max_epochs=epochs, random_state=seed, device=device).fit_transform(X)


def embed(features, seed):
    """Return UMAP's 10-d embedding, made for clustering (min_dist is 0)."""
    return umap_embedding(seed).fit_transform(features)


class Features:
    """All features that are compared, made once for each seed."""

    def __init__(self, X, arguments):
        self.X, self.device = X, arguments.device
        memory = joblib.Memory(arguments.cache, verbose=0)
        self._learn, self._embed = memory.cache(learn), memory.cache(embed)

    def codes(self, seed, cls=ConvAutoencoder, epochs=10):
        return self._learn(cls, epochs, self.X, seed, self.device)

    def embedding(self, features, seed):
        return self._embed(features, seed)

    def all(self, seed):
        """Yield names and features."""
        pixels = self.X / np.float32(255)
        yield "raw pixels", pixels
        yield "PCA(10)", PCA(10, random_state=0).fit_transform(pixels)
        for cls, epochs in CODES:
            yield f"{cls.__name__}(10), {epochs} epochs", self.codes(seed, cls, epochs)


def agreement(y, labels):
    return {
        "accuracy": clustering_accuracy(y, labels),
        "NMI": normalized_mutual_info_score(y, labels),
        "ARI": adjusted_rand_score(y, labels),
    }


def clustering(data, arguments):
    X, y = everything(data)
    features = Features(X, arguments)
    for seed in arguments.seeds:
        for name, table in features.all(seed):
            labels = KMeans(10, n_init=10, random_state=seed).fit_predict(table)
            yield {"features": name, "clusterer": "k-means"}, agreement(y, labels)
            embedding = features.embedding(table, seed)
            mixture = GaussianMixture(10, n_init=10, random_state=seed)
            labels = mixture.fit_predict(embedding)
            yield {"features": name, "clusterer": "UMAP, mixture"}, agreement(y, labels)


def density(data, arguments):
    X, y = everything(data)
    features = Features(X, arguments)
    rows = np.random.RandomState(0).permutation(len(X))[:N_DENSITY_ROWS]
    for seed in arguments.seeds:
        codes = features.codes(seed)
        scaled = {
            "as they are": codes,
            "StandardScaler()": StandardScaler().fit_transform(codes),
            "PCA(whiten=True)": PCA(whiten=True).fit_transform(codes),
            "Normalizer()": Normalizer().fit_transform(codes),
            "UMAP(10)": features.embedding(codes, seed),
        }
        for name, table in scaled.items():
            table = table[rows]
            _, eps = k_distance_curve(table, n_neighbors=N_NEIGHBORS)
            spread = table.std(axis=0)
            clusterers = {
                "k-means": KMeans(10, n_init=10, random_state=seed),
                "DBSCAN": DBSCAN(eps=eps, min_samples=N_NEIGHBORS + 1),
                "HDBSCAN": HDBSCAN(min_cluster_size=100, min_samples=N_NEIGHBORS + 1, copy=True),
            }
            for clusterer, model in clusterers.items():
                labels = model.fit_predict(table)
                yield (
                    {"codes": name, "clusterer": clusterer},
                    {
                        "largest / smallest spread": spread.max() / spread.min(),
                        "eps": eps if clusterer == "DBSCAN" else None,
                        "clusters": labels.max() + 1,
                        "noise": (labels == -1).mean(),
                        "ARI": adjusted_rand_score(y[rows], labels),
                    },
                )


def few_labels(data, arguments):
    X, y = everything(data)
    n_train = len(data[0])
    features = Features(X, arguments)
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    spreading = LabelSpreading(kernel="knn", n_neighbors=N_NEIGHBORS, max_iter=100)
    for seed in arguments.seeds:
        codes = features.codes(seed)
        tables = {
            ("raw pixels", "LogisticRegression"): X / np.float32(255),
            ("ConvAutoencoder(10)", "LogisticRegression"): codes,
            ("ConvAutoencoder(10), UMAP(10)", "LogisticRegression"): features.embedding(
                codes, seed
            ),
            ("ConvAutoencoder(10)", "LabelSpreading"): codes,
        }
        for n in PER_CLASS:
            for draw in range(N_DRAWS):
                rng = np.random.RandomState(draw)
                chosen = np.concatenate(
                    [rng.permutation(np.flatnonzero(y[:n_train] == c))[:n] for c in range(10)]
                )
                known = np.full(len(y), -1)
                known[chosen] = y[chosen]
                for (name, classifier), table in tables.items():
                    if classifier == "LabelSpreading":
                        found = spreading.fit(table, known).transduction_[n_train:]
                    else:
                        found = linear.fit(table[chosen], y[chosen]).predict(table[n_train:])
                    yield (
                        {"features": name, "classifier": classifier, "labels a class": n},
                        {"accuracy": (found == y[n_train:]).mean()},
                    )


def detectors(X, seed, device):
    """Yield names and detectors, fitted to X."""
    for name, encoder in {
        "ConvAutoencoder(32)": ConvAutoencoder(random_state=seed, device=device),
        "PCA(32)": PCA(32, random_state=seed),
    }.items():
        frozen = FrozenEstimator(encoder.fit(X))
        for method in ("combined", "reconstruction_error"):
            detector = ConvOutlierDetector(frozen, method=method)
            yield f"ConvOutlierDetector({name}, method={method!r})", detector.fit(X)
    yield "IsolationForest()", IsolationForest(random_state=seed).fit(X)


def outliers(data, arguments):
    x_train, y_train, x_test, y_test = (array.astype(np.float32) for array in data)
    for seed in arguments.seeds:
        areas = {}
        for digit in range(10):
            for name, detector in detectors(x_train[y_train == digit], seed, arguments.device):
                area = roc_auc_score(y_test == digit, detector.score_samples(x_test))
                areas.setdefault(name, []).append(area)
        yield from means(areas)


def contamination(data, arguments):
    x_train, y_train = data[0].astype(np.float32), data[1]
    for seed in arguments.seeds:
        areas, rng = {}, np.random.RandomState(seed)
        for digit in CONTAMINATED:
            usual = rng.permutation(np.flatnonzero(y_train == digit))[:4500]
            others = rng.permutation(np.flatnonzero(y_train != digit))[:500]
            rows = np.concatenate([usual, others])
            for name, detector in detectors(x_train[rows], seed, arguments.device):
                area = roc_auc_score(y_train[rows] == digit, detector.score_samples(x_train[rows]))
                areas.setdefault(name, []).append(area)
        yield from means(areas)


def means(areas):
    for name, found in areas.items():
        yield {"detector": name}, {"mean over digits": np.mean(found), "worst digit": np.min(found)}


def everything(data):
    return np.concatenate(data[::2]), np.concatenate(data[1::2])


TABLES = {
    "clustering": (
        clustering,
        "All 70,000 rows; k-means and the mixture are the best of ten starts",
    ),
    "density": (
        density,
        f"Codes of ConvAutoencoder(10), {N_DENSITY_ROWS} rows: eps of k_distance_curve with "
        f"n_neighbors={N_NEIGHBORS}, min_samples={N_NEIGHBORS + 1}, min_cluster_size=100",
    ),
    "labels": (
        few_labels,
        f"Accuracy on the test images, {N_DRAWS} draws of labels for each seed; the test images "
        "are among the 70,000 that the features are learnt from, their labels are not used",
    ),
    "outliers": (
        outliers,
        "Fitted to the training images of one digit; area under the ROC curve on all test images",
    ),
    "contamination": (
        contamination,
        "Fitted to 4,500 training images of one digit and 500 of others; area under the ROC curve "
        f"on the same images; digits {CONTAMINATED}",
    ),
}


def summarise(results):
    """Return a row for each setting: means, and standard deviations over seeds and draws."""
    gathered = {}
    for setting, figures in results:
        columns = gathered.setdefault(tuple(setting.items()), {})
        for name, figure in figures.items():
            columns.setdefault(name, []).append(figure)
    rows = []
    for setting, columns in gathered.items():
        row = dict(setting)
        for name, values in columns.items():
            if None not in values:
                row[name] = float(np.mean(values))
                if len(values) > 1:
                    row[f"{name}, sd"] = float(np.std(values, ddof=1))
        rows.append(row)
    return rows


def main():
    parser = _common.parser(__doc__)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, help="of torch; all cores if left out")
    parser.add_argument("--cache", help="folder to keep codes and embeddings in between runs")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    data = _common.load(arguments.data)
    for name in arguments.tables:
        function, heading = TABLES[name]
        results = []
        for setting, figures in function(data, arguments):
            print(setting, figures, flush=True)
            results.append((setting, figures))
        rows = summarise(results)
        columns = list(dict.fromkeys(key for row in rows for key in row))
        heading += f". Mean and standard deviation; seeds {arguments.seeds}"
        target = f"composition_{name}_{arguments.device.split(':')[0]}"
        command = f"python -m benchmarks.composition --data mnist.npz --tables {name}"
        command += f" --threads {arguments.threads}" if arguments.threads else ""
        _common.save(
            None if arguments.no_save else target,
            f"Composition: {name}",
            command,
            [(heading, rows, columns)],
            arguments.device,
        )


if __name__ == "__main__":
    main()
