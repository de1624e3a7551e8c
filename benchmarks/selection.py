"""Scores without labels of self-supervised encoders, beside a linear probe.

    python -m benchmarks.selection --data FOLDER

Encoders of different views, objectives, widths and epochs are trained on rows of two data sets of
the suite. Scores of held-out rows are compared with the accuracy of a linear classifier of codes:
`ConvSelfSupervisedEncoder.score`, how well codes tell by how much images were turned, the effective
rank of codes (RankMe), and the share of images whose other view is the nearest of all. Views are
those of "auto", whatever an encoder was trained on. Test rows are not used.
"""

import numpy as np
from scipy.stats import spearmanr
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import _common, _suite_data
from benchmarks._judges import probe
from sklearn_unsup import ConvSelfSupervisedEncoder
from sklearn_unsup.metrics import effective_rank
from sklearn_unsup.networks.views import Compose, RandomColour, RandomGeometry, RandomNoise

N_TRAIN, N_HELD_OUT, EPOCHS = 5000, 2000, 8
MOVED = RandomGeometry(max_translation=0.1)
SETTINGS = {
    "1 epoch": {"max_epochs": 1},
    "3 epochs": {"max_epochs": 3},
    "8 epochs": {},
    "20 epochs": {"max_epochs": 20},
    "SimCLR": {"objective": "simclr"},
    "Barlow Twins": {"objective": "barlow_twins"},
    "16 components": {"n_components": 16},
    "narrow": {"hidden_channels": (8, 16, 32)},
    "views: noise": {"views": RandomNoise(1.0)},
    "views: translation": {"views": MOVED},
    "views: translation, contrast": {"views": Compose([MOVED, RandomColour(0.4, 0.4)])},
    "views: brightness, contrast": {"views": RandomColour(0.4, 0.4)},
}
CANDIDATES = "score", "turns", "effective rank", "nearest view"


def codes_of_views(encoder, X):
    """Return codes (2, n, k) of views, whatever views the encoder was trained on."""
    judge = ConvSelfSupervisedEncoder(image_shape=encoder.image_shape)
    views = (judge.draw_views(X, seed) for seed in range(2))
    return np.stack([encoder.transform(view) for view in views]).astype(np.float64)


def nearest_view(views):
    """Return the share of images whose other view is the nearest of all, in cosine distance."""
    first, second = views - views.mean(axis=(0, 1))
    nearest = NearestNeighbors(n_neighbors=1, metric="cosine").fit(first)
    found = nearest.kneighbors(second, return_distance=False)[:, 0]
    return float((found == np.arange(len(first))).mean())


def turns(encoder, X, image_shape):
    """Return how well a ridge classifier of codes tells by how much images were turned.

    Reed et al. 2021, "SelfAugment: Automatic Augmentation Policies for Self-Supervised Learning".
    """
    images = X.reshape(-1, *image_shape)
    codes = [encoder.transform(np.rot90(images, k, (1, 2)).reshape(X.shape)) for k in range(4)]
    model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=0.01 * 2 * len(X)))
    half = len(X) // 2
    parts = [
        np.concatenate([each[part] for each in codes]) for part in (slice(half), slice(half, None))
    ]
    labels = [np.repeat(np.arange(4), n) for n in (half, len(X) - half)]
    return model.fit(parts[0], labels[0]).score(parts[1], labels[1])


def rows_of(name, folder, seed):
    data = _suite_data.load(name, folder, "all", "validation")
    X, y = data.train[:N_TRAIN], data.y_train[:N_TRAIN]
    held_out, labels = data.held_out[:N_HELD_OUT], data.y_held_out[:N_HELD_OUT]
    for setting, params in SETTINGS.items():
        params = {"max_epochs": EPOCHS, **params}
        encoder = ConvSelfSupervisedEncoder(
            image_shape=data.image_shape, random_state=seed, device="cpu", **params
        ).fit(X)
        codes = encoder.transform(held_out)
        views = codes_of_views(encoder, held_out)
        row = {
            "data": name,
            "setting": setting,
            "linear probe": probe(encoder.transform(X), y, codes, labels),
            "score": encoder.score(held_out),
            "turns": turns(encoder, held_out, data.image_shape),
            "effective rank": effective_rank(codes),
            "nearest view": nearest_view(views),
        }
        print(row, flush=True)
        yield row


def main():
    parser = _common.parser(__doc__.partition("\n")[0], data=False)
    parser.add_argument("--data", required=True, help="folder of the .npz files")
    parser.add_argument("--datasets", nargs="+", default=["cifar10", "mnist"])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows = [
        row for name in arguments.datasets for row in rows_of(name, arguments.data, arguments.seed)
    ]
    correlations = []
    for name in arguments.datasets:
        mine = [row for row in rows if row["data"] == name]
        accuracies = [row["linear probe"] for row in mine]
        found = {
            each: float(spearmanr([row[each] for row in mine], accuracies)[0])
            for each in CANDIDATES
        }
        correlations.append({"data": name, "settings": len(mine), **found})
    _common.save(
        None if arguments.no_save else "selection",
        "Scores of self-supervised encoders without labels",
        "python -m benchmarks.selection --data FOLDER",
        [
            ("Rank correlation with the linear probe", correlations, list(correlations[0])),
            (f"{N_TRAIN} training rows, {N_HELD_OUT} held out", rows, list(rows[0])),
        ],
    )


if __name__ == "__main__":
    main()
