"""Two criteria that find the number of clusters without labels, on data with a known number.

    python -m benchmarks.number_of_clusters --data FOLDER

k-means of codes of ConvSelfSupervisedEncoder, standardised and of length 1, with several numbers of
clusters: the silhouette, and the adjusted Rand index between the clusters of two halves of the
images, both assigned to all images, as a mean over three splits.
"""

import shlex
import sys

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.preprocessing import Normalizer, StandardScaler

from benchmarks import _common, _suite_data
from sklearn_unsup import ConvSelfSupervisedEncoder

ROWS = {"digits": 1797, "mnist": 4000, "cells": 2000, "vibration": 2000, "speech": 2000}  # at most
NUMBERS = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 25]
N_SCORED = 4000  # rows of a silhouette


def agreement_of_halves(codes, n_clusters, seed):
    """Return the adjusted Rand index of the clusters of two halves, on all rows."""
    halves = np.array_split(np.random.RandomState(seed).permutation(len(codes)), 2)
    kmeans = KMeans(n_clusters, n_init=3, random_state=seed)
    return adjusted_rand_score(*(kmeans.fit(codes[half]).predict(codes) for half in halves))


def main():
    parser = _common.parser(__doc__.partition("\n")[0], data=False)
    parser.add_argument("--data", help="folder of the .npz files")
    parser.add_argument("--datasets", nargs="+", choices=list(ROWS), default=list(ROWS))
    arguments = parser.parse_args()
    curves, best = [], []
    for name in arguments.datasets:
        data = _suite_data.load(name, arguments.data, "all", "validation")
        X, y = data.train[: ROWS[name]], data.y_train[: ROWS[name]]
        params = {"image_shape": data.image_shape, "random_state": 0, "device": "cpu"}
        codes = ConvSelfSupervisedEncoder(128, **params).fit_transform(X)
        codes = Normalizer().fit_transform(StandardScaler().fit_transform(codes))
        found = []
        for n_clusters in NUMBERS:
            labels = KMeans(n_clusters, n_init=5, random_state=0).fit_predict(codes)
            figures = {
                "silhouette": silhouette_score(
                    codes, labels, sample_size=min(N_SCORED, len(codes)), random_state=0
                ),
                "agreement of halves": np.mean(
                    [agreement_of_halves(codes, n_clusters, seed) for seed in range(3)]
                ),
                "adjusted Rand index": adjusted_rand_score(y, labels),
            }
            found.append({"data": name, "clusters": n_clusters} | figures)
            print(found[-1], flush=True)
        curves += found
        best.append({"data": name, "rows": len(X), "kinds": len(np.unique(y))})
        for criterion in list(found[0])[2:]:
            best[-1][criterion] = max(found, key=lambda row: row[criterion])["clusters"]
    given = ["FOLDER" if "/" in each else each for each in sys.argv[1:]]
    _common.save(
        None if arguments.no_save else "number_of_clusters",
        "The number of clusters",
        shlex.join(["python", "-m", "benchmarks.number_of_clusters", *given]),
        [
            ("The number with the largest value of each", best, list(best[0])),
            ("Each number", curves, list(curves[0])),
        ],
    )


if __name__ == "__main__":
    main()
