"""Outliers by kind: one class of images against all others.

    python -m benchmarks.one_class --data FOLDER

A detector sees the training images of one class, and scores the test images of all: area under the
ROC curve. The self-supervised encoder learns from the images and from copies that are turned by 90,
180 and 270 degrees, so that it tells orientations apart (Sohn et al. 2021, "Learning and Evaluating
Representations for Deep One-class Classification", section 2.2).
"""

import time

import numpy as np
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score

from benchmarks import _common, _suite_data
from sklearn_unsup import ConvAutoencoder, ConvOutlierDetector, ConvSelfSupervisedEncoder


def turned_copies(X, image_shape):
    """Return images and their copies, turned by 90, 180 and 270 degrees, as rows."""
    images = X.reshape(-1, *image_shape)
    return np.concatenate([np.rot90(images, k, (1, 2)) for k in range(4)]).reshape(-1, X.shape[1])


def detectors(X, image_shape, epochs, seed):
    """Yield names and detectors that are fitted to X."""
    options = {"image_shape": image_shape, "random_state": seed, "device": "cpu"}
    for name, model in (
        ("PCA(64)", PCA(64, random_state=0)),
        ("ConvAutoencoder(64)", ConvAutoencoder(64, **options)),
    ):
        detector = ConvOutlierDetector(model, method="reconstruction_error")
        yield f"{name}, reconstruction_error", detector.fit(X)
    encoder = ConvSelfSupervisedEncoder(max_epochs=epochs, **options)
    fitted = FrozenEstimator(encoder.fit(turned_copies(X, image_shape)))
    yield (
        "ConvSelfSupervisedEncoder, turned copies",
        ConvOutlierDetector(fitted, method="nearest_neighbors").fit(X),
    )


def main():
    parser = _common.parser(__doc__.partition("\n")[0], data=False)
    parser.add_argument("--data", required=True, help="folder of the .npz files")
    parser.add_argument("--classes", nargs="+", type=int, default=[0, 1, 2, 3])
    parser.add_argument("--epochs", type=int, default=30, help="of the images and turned copies")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    data = _suite_data.load("cifar10", arguments.data, "all", "test")
    found = {}
    for label in arguments.classes:
        X = data.train[data.y_train == label]
        for seed in range(arguments.seeds):
            start = time.process_time()
            for name, detector in detectors(X, data.image_shape, arguments.epochs, seed):
                seconds = time.process_time() - start
                area = roc_auc_score(
                    data.y_held_out == label, detector.score_samples(data.held_out)
                )
                print(label, seed, name, round(area, 3), round(seconds), flush=True)
                found.setdefault(name, {}).setdefault(label, []).append((area, seconds))
                start = time.process_time()
    rows = []
    for name, areas in found.items():
        means = {
            f"class {label}": float(np.mean([a for a, _ in runs])) for label, runs in areas.items()
        }
        seconds = float(np.mean([s for runs in areas.values() for _, s in runs]))
        rows.append(
            {"detector": name, **means, "mean": float(np.mean(list(means.values())))}
            | {"CPU seconds": seconds}
        )
    _common.save(
        None if arguments.no_save else "one_class",
        "One class of CIFAR-10 against the rest",
        "python -m benchmarks.one_class --data FOLDER",
        [(f"Area under the ROC curve, {arguments.seeds} seed(s)", rows, list(rows[0]))],
    )


if __name__ == "__main__":
    main()
