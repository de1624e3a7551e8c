"""ConvClusterer beside k-means of pixels, of PCA codes, and of its own features.

    python -m benchmarks.clusters --data FOLDER

Accuracy by the best assignment of clusters to classes, and normalised mutual information, of the
training images and of the test images, which `predict` assigns. Digits are split in two.
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
from sklearn.preprocessing import StandardScaler

from benchmarks import _common, _suite_data
from sklearn_unsup import ConvClusterer
from sklearn_unsup.metrics import clustering_accuracy

DATA_SETS = "digits", "shapes32", "cifar10", "mnist"


class WithFirstFeatures(ConvClusterer):
    """A clusterer that keeps the codes that its refinement starts from."""

    def _refine(self, network, data, *arguments):
        network.eval()
        self.codes_ = self._encode(data.rows)
        super()._refine(network, data, *arguments)


def models(data, seed):
    """Yield names, labels of the training rows, those of the held-out rows or None, and seconds."""
    k = data.n_classes
    kmeans = KMeans(k, n_init=10, random_state=seed)
    for name, model in (
        ("k-means of pixels", kmeans),
        ("k-means of PCA(32)", make_pipeline(PCA(32, random_state=0), kmeans)),
    ):
        start = time.process_time()
        labels = model.fit_predict(data.train.astype(np.float32))
        new = model.predict(data.held_out.astype(np.float32))
        yield name, labels, new, time.process_time() - start
    start = time.process_time()
    params = {"image_shape": data.image_shape, "random_state": seed, "device": "cpu"}
    clusterer = WithFirstFeatures(k, **params).fit(data.train)
    seconds = time.process_time() - start
    own = make_pipeline(StandardScaler(), kmeans).fit_predict(clusterer.codes_)
    yield "k-means of its own first features", own, None, seconds
    yield "ConvClusterer", clusterer.labels_, clusterer.predict(data.held_out), seconds


def main():
    parser = _common.parser(__doc__.partition("\n")[0], data=False)
    parser.add_argument("--data", help="folder of the .npz files")
    parser.add_argument("--datasets", nargs="+", choices=DATA_SETS, default=DATA_SETS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, help="of the training images, at most")
    arguments = parser.parse_args()
    found = {}
    for name in arguments.datasets:
        data = _suite_data.load(name, arguments.data, "all", "test")
        chosen = np.random.RandomState(0).permutation(len(data.train))[: arguments.rows]
        data = replace(data, train=data.train[chosen], y_train=data.y_train[chosen])
        for seed in range(arguments.seeds):
            for model, labels, new, seconds in models(data, seed):
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
