"""ConvClusterer beside k-means of pixels, of PCA codes, and of its own features, and beside IDEC.

    python -m benchmarks.clusters --data FOLDER

Accuracy by the best assignment of clusters to classes, and normalised mutual information, of the
training images and of the test images, which `predict` assigns. Digits are split in two. ClustPy's
IDEC runs where it is installed, with its defaults, on standardised pixels. With ``--unequal`` the
classes have from all to a tenth of their training images.
"""

import shlex
import sys
import time
from dataclasses import replace

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import normalized_mutual_info_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from benchmarks import _common, _suite_data
from sklearn_unsup import ConvClusterer
from sklearn_unsup.metrics import clustering_accuracy

try:
    from clustpy.deep import IDEC
except ImportError:
    IDEC = None

IDEC_PARAMS = {"method": "idec", "pretrain": "autoencoder", "n_components": 10}
DATA_SETS = "digits", "shapes32", "cifar10", "mnist"


class WithFirstFeatures(ConvClusterer):
    """A clusterer that keeps the codes that its refinement starts from."""

    def _refine(self, network, data, *arguments):
        network.eval()
        self.codes_ = self._encode(data.rows)
        super()._refine(network, data, *arguments)


def pixel_models(data, seed):
    """Yield names and clusterers of pixels."""
    kmeans = KMeans(data.n_classes, n_init=10, random_state=seed)
    yield "k-means of pixels", kmeans
    yield "k-means of PCA(32)", make_pipeline(PCA(32, random_state=0), kmeans)
    if IDEC is not None:
        idec = IDEC(data.n_classes, device="cpu", random_state=seed)
        yield "IDEC of ClustPy", make_pipeline(AllStandardised(), idec)


class AllStandardised(FunctionTransformer):
    """Rows minus one mean and over one standard deviation, those of all pixels."""

    def fit(self, X, y=None):
        self.mean_, self.scale_ = X.mean(), X.std()
        return self

    def transform(self, X):
        return ((X - self.mean_) / self.scale_).astype(np.float32)


def models(data, seed, chosen):
    """Yield names, labels of the training rows, those of the held-out rows or None, and seconds."""
    for name, model in pixel_models(data, seed):
        if chosen and name not in chosen:
            continue
        start = time.process_time()
        labels = model.fit_predict(data.train.astype(np.float32))
        seconds = time.process_time() - start
        yield name, labels, model.predict(data.held_out.astype(np.float32)), seconds
    params = {"image_shape": data.image_shape, "random_state": seed, "device": "cpu"}
    kmeans = KMeans(data.n_classes, n_init=10, random_state=seed)
    for name, features, own in (
        ("ConvClusterer", "k-means of its first features", {}),
        ("ConvClusterer, idec", "k-means of its first codes", IDEC_PARAMS),
    ):
        if chosen and name not in chosen:
            continue
        start = time.process_time()
        clusterer = WithFirstFeatures(data.n_classes, **own, **params).fit(data.train)
        seconds = time.process_time() - start
        scaler = StandardScaler(with_std=not own)  # as the clusterer does
        first = make_pipeline(scaler, kmeans).fit_predict(clusterer.codes_)
        yield features, first, None, seconds
        yield name, clusterer.labels_, clusterer.predict(data.held_out), seconds


def unequal(y):
    """Return indices of rows such that the last class has a tenth of the first."""
    rng, classes = np.random.RandomState(0), np.unique(y)
    shares = np.linspace(1, 0.1, len(classes))
    rows = [rng.permutation(np.flatnonzero(y == each)) for each in classes]
    chosen = [each[: round(share * len(each))] for each, share in zip(rows, shares, strict=True)]
    return np.sort(np.concatenate(chosen))


def main():
    parser = _common.parser(__doc__.partition("\n")[0], data=False)
    parser.add_argument("--data", help="folder of the .npz files")
    parser.add_argument("--datasets", nargs="+", choices=DATA_SETS, default=DATA_SETS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, help="of the training images, at most")
    parser.add_argument("--models", nargs="+", help="names in the table; default: all")
    parser.add_argument("--unequal", action="store_true")
    arguments = parser.parse_args()
    found = {}
    for name in arguments.datasets:
        data = _suite_data.load(name, arguments.data, "all", "test")
        chosen = np.random.RandomState(0).permutation(len(data.train))[: arguments.rows]
        data = replace(data, train=data.train[chosen], y_train=data.y_train[chosen])
        if arguments.unequal:
            chosen, name = unequal(data.y_train), f"{name}, unequal"
            data = replace(data, train=data.train[chosen], y_train=data.y_train[chosen])
        for seed in range(arguments.seeds):
            for model, labels, new, seconds in models(data, seed, arguments.models):
                figures = {"CPU seconds": seconds}
                for rows, y, given in (
                    ("training", data.y_train, labels),
                    ("test", data.y_held_out, new),
                ):
                    if given is not None:
                        figures[f"accuracy, {rows}"] = clustering_accuracy(y, given)
                        figures[f"NMI, {rows}"] = float(normalized_mutual_info_score(y, given))
                print(name, len(data.train), seed, model, figures, flush=True)
                found.setdefault((name, len(data.train), model), []).append(figures)
    rows = [
        {"data": name, "rows": n_rows, "model": model, "seeds": len(runs)}
        | {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
        | {"worst accuracy": min(run["accuracy, training"] for run in runs)}
        for (name, n_rows, model), runs in found.items()
    ]
    columns = ["accuracy, training", "worst accuracy", "NMI, training", "accuracy, test"]
    columns = ["data", "rows", "model", *columns, "NMI, test", "CPU seconds", "seeds"]
    given = ["FOLDER" if "/" in each else each for each in sys.argv[1:]]
    _common.save(
        None if arguments.no_save else "clusters",
        "Clusters beside k-means",
        shlex.join(["python", "-m", "benchmarks.clusters", *given]),
        [("Means over seeds", rows, columns)],
    )


if __name__ == "__main__":
    main()
