"""Outlier detectors on real data: one kind of images against others, and magnetic tiles.

    python -m benchmarks.outliers --data FOLDER

A detector sees training images of one kind, and scores held-out images of that kind and of others:
area under the ROC curve. With ``--contaminated``, a tenth of the training images are of others.
Of the tiles, the training images have no fault; `pixels` is the area of the pixels of maps.
"""

import shlex
import sys
import time
from functools import partial
from itertools import chain, product

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.svm import OneClassSVM

from benchmarks import _common, _suite_data
from sklearn_unsup import ConvAutoencoder, ConvOutlierDetector
from sklearn_unsup.metrics import per_region_overlap, pixel_roc_auc

KINDS = {"tiles": [None], "cells": [None], "cifar10": range(4), "vibration": [0, 2, 5, 8]}
KINDS |= {"speech": [1, 3, 5, 9], "mnist": range(10)}
CHOSEN = {"mnist": [2, 4, 5, 8], "cifar10": [1, 3, 6, 8]}  # on validation rows, contaminated
POOLED = {"mean": np.mean, "max": np.max, "q99": partial(np.quantile, q=0.99)}
SIMILARITY, LARGEST = {"error": "structural_similarity"}, {"pooling": "max"}
OURS = (  # estimator (None: ConvAutoencoder), method, parameters
    *((None, method, {}) for method in ("combined", "patches", "nearest_neighbors")),
    *((None, "reconstruction_error", params) for params in ({}, SIMILARITY, LARGEST)),
    *((PCA, "reconstruction_error", params) for params in (SIMILARITY, LARGEST)),
)
MOST_BASELINE_ROWS = 3000  # that OneClassSVM and LocalOutlierFactor of pixels see


def problem(name, kind, folder, on, contaminated, seed):
    """Return training rows, an image's shape, rows to score, whether they are outliers, masks."""
    if name == "tiles":
        with np.load(f"{folder}/tiles_dev.npz") as arrays:
            train, test, masks = (arrays[key] for key in ("x_train", "x_test", "mask_test"))
        masks = masks > 0
        if on == "validation":  # a third, which defaults were chosen by
            third = np.random.RandomState(0).permutation(len(test)) % 3 == 0
            test, masks = test[third], masks[third]
        rows = train.reshape(len(train), -1), train.shape[1:], test.reshape(len(test), -1)
        return *rows, masks.any(axis=(1, 2)), masks
    data = _suite_data.load(name, folder, "all", on)
    if kind is None:  # the largest class
        kind = np.bincount(data.y_train).argmax()
    is_usual, rng = data.y_train == kind, np.random.RandomState(seed)
    X = data.train[is_usual]
    if contaminated:
        others = data.train[~is_usual]
        X = np.concatenate([X, others[rng.permutation(len(others))[: len(X) // 9]]])
        X = X[rng.permutation(len(X))]
    return X, data.image_shape, data.held_out, data.y_held_out != kind, None


def baselines(X, new):
    """Yield names, scores (larger for outliers), and facts, of what scikit-learn has."""
    X, new = X.astype(np.float32), new.astype(np.float32)
    for k in (32, 128):
        start = time.process_time()
        pca = PCA(min(k, min(X.shape) - 1), random_state=0).fit(X)
        errors = np.square(new - pca.inverse_transform(pca.transform(new)))
        for pooling, pool in POOLED.items():
            yield f"PCA({k}), {pooling} error", pool(errors, axis=1), seconds_since(start)
        factors = LocalOutlierFactor(novelty=True).fit(pca.transform(X))
        scores = -factors.score_samples(pca.transform(new))
        yield f"LOF of PCA({k}) codes", scores, seconds_since(start)
    few = X[:MOST_BASELINE_ROWS]
    for name, model, rows in (
        ("IsolationForest", IsolationForest(random_state=0), X),
        ("LOF of pixels", LocalOutlierFactor(novelty=True), few),
        (
            "OneClassSVM of PCA(64) codes",
            make_pipeline(PCA(min(64, min(few.shape) - 1), whiten=True), OneClassSVM()),
            few,
        ),
    ):
        start = time.process_time()
        yield name, -model.fit(rows).score_samples(new), seconds_since(start)
    yield from pyod_autoencoder(X, new)


def pyod_autoencoder(X, new):
    """Yield what the fully connected autoencoder of pyod finds, with its defaults."""
    try:
        from pyod.models.auto_encoder import AutoEncoder
    except ImportError:
        print("pyod is missing: pip install sklearn-unsup[bench]")
        return
    start = time.process_time()
    model = AutoEncoder(verbose=0, random_state=0, device="cpu").fit(X)
    yield "pyod's AutoEncoder", model.decision_function(new), seconds_since(start)


def seconds_since(start):
    return {"CPU seconds": time.process_time() - start}


def ours(X, shape, new, masks, is_outlier, seed, methods):
    """Yield names, scores, and facts, of our methods, or of those in `methods`."""
    start = time.process_time()
    options = {"image_shape": shape, "random_state": seed, "device": "cpu"}
    autoencoder = FrozenEstimator(ConvAutoencoder(**options).fit(X))
    trained = time.process_time() - start
    for kind, method, extra in OURS:
        if methods and (method not in methods or extra or kind):
            continue
        estimator, name = autoencoder, f'"{method}"'
        if kind is PCA:
            estimator = PCA(min(128, min(X.shape) - 1), random_state=seed)
            name += " of PCA(128)"
        is_trained = kind is None and method != "patches"
        start = time.process_time() - trained * is_trained
        params = {"method": method, "image_shape": shape, **extra}
        detector = ConvOutlierDetector(estimator, **params).fit(X)
        scores, flagged = -detector.score_samples(new), detector.predict(new) == -1
        facts = seconds_since(start)
        facts["found"], facts["false positives"] = (
            flagged[is_outlier].mean(),
            flagged[~is_outlier].mean(),
        )
        if masks is not None and method == "patches":
            maps = detector.anomaly_map(new)
            facts["pixels"] = pixel_roc_auc(masks, maps)
            facts["regions"] = per_region_overlap(masks, maps)
        name = ", ".join(["ConvOutlierDetector", name, *map(str, extra.values())])
        yield name, scores, facts


def main():
    parser = _common.parser(__doc__.partition("\n")[0], data=False)
    parser.add_argument("--data", required=True, help="folder of the .npz files")
    parser.add_argument("--datasets", nargs="+", default=list(KINDS))
    parser.add_argument("--on", choices=["test", "validation"], default="test")
    parser.add_argument("--contaminated", action="store_true")
    parser.add_argument("--few-kinds", action="store_true", help="four kinds of each data set")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--methods", nargs="+", help="of ours; default: all, with variants")
    arguments = parser.parse_args()
    found = {}
    for name in arguments.datasets:
        kinds = CHOSEN.get(name, KINDS[name]) if arguments.few_kinds else KINDS[name]
        for kind, seed in product(kinds, range(arguments.seeds)):
            X, shape, new, is_outlier, masks = problem(
                name, kind, arguments.data, arguments.on, arguments.contaminated, seed
            )
            runs = ours(X, shape, new, masks, is_outlier, seed, arguments.methods)
            for detector, scores, facts in chain(baselines(X, new) if seed == 0 else (), runs):
                figures = {"area": roc_auc_score(is_outlier, scores), **facts}
                rounded = {key: round(float(value), 3) for key, value in figures.items()}
                print(name, kind, seed, detector, rounded, flush=True)
                found.setdefault((name, detector), []).append(figures)
    rows = [
        {"data": name, "detector": detector}
        | {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
        for (name, detector), runs in found.items()
    ]
    columns = ["data", "detector", "area", "pixels", "regions", "found", "false positives"]
    _common.save(
        None if arguments.no_save else "_".join(["outliers", *variants(arguments)]),
        "Outlier detectors: one kind of images against others",
        shlex.join(["python", "-m", "benchmarks.outliers", *hide_paths(sys.argv[1:])]),
        [
            (
                "Area under the ROC curve of held-out images (pixels, and the per-region overlap, "
                "of maps), share of outliers that are found and of false positives with "
                'contamination="auto": means over kinds and seeds',
                rows,
                [*columns, "CPU seconds"],
            )
        ],
    )


def variants(arguments):
    """Return what distinguishes the table from the default one."""
    return [
        *(["contaminated"] if arguments.contaminated else []),
        *([f"{arguments.seeds}_seeds"] if arguments.seeds > 1 else []),
    ]


def hide_paths(arguments):
    return ["FOLDER" if "/" in each else each for each in arguments]


if __name__ == "__main__":
    main()
