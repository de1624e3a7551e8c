"""What ConvAutoencoder's defaults learn, by the number of epochs, beside PCA and raw pixels.

python -m benchmarks.quality --data mnist.npz
"""

import time

import numpy as np
from sklearn.decomposition import PCA

from benchmarks import _common
from benchmarks._judges import cluster, probe
from sklearn_unsup import ConvAutoencoder


def main():
    parser = _common.parser(__doc__)
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 2, 5, 10])
    parser.add_argument("--cluster-epochs", type=int, default=10)
    arguments = parser.parse_args()
    x_train, y_train, x_test, y_test = _common.load(arguments.data)
    total = x_test.var(axis=0).sum()

    pca = PCA(32, random_state=0).fit(x_train)
    codes = pca.transform(x_train), pca.transform(x_test)
    unexplained = ((x_test - pca.inverse_transform(codes[1])) ** 2).mean(axis=0).sum() / total
    rows = [
        {
            "model": "PCA(32)",
            "explained": float(1 - unexplained),
            "unexplained / PCA's": 1.0,
            "linear probe": probe(codes[0], y_train, codes[1], y_test),
            "k-means, test": cluster(codes[1], y_test)[0],
        }
    ]
    for epochs in arguments.epochs:
        start = time.perf_counter()
        model = ConvAutoencoder(32, max_epochs=epochs, random_state=0, device=arguments.device).fit(
            x_train
        )
        seconds = time.perf_counter() - start
        train, test = model.transform(x_train), model.transform(x_test)
        explained = model.score(x_test)
        rows.append(
            {
                "model": "ConvAutoencoder(32)",
                "epochs": epochs,
                "explained": explained,
                "unexplained / PCA's": float((1 - explained) / unexplained),
                "linear probe": probe(train, y_train, test, y_test),
                "k-means, test": cluster(test, y_test)[0],
                "seconds": seconds,
            }
        )
        print(rows[-1], flush=True)

    X, y = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    model = ConvAutoencoder(
        10, max_epochs=arguments.cluster_epochs, random_state=0, device=arguments.device
    )
    found = {"raw pixels": X / 255, "PCA(10)": PCA(10, random_state=0).fit_transform(X / 255)}
    found[f"ConvAutoencoder(10), {arguments.cluster_epochs} epochs"] = model.fit_transform(X)
    clusters = [
        dict(zip(("features", "accuracy", "NMI"), (name, *cluster(features, y)), strict=True))
        for name, features in found.items()
    ]
    columns = ["model", "epochs", "explained", "unexplained / PCA's", "linear probe"]
    sections = [
        ("32 components", rows, [*columns, "k-means, test", "seconds"]),
        ("k-means on all 70,000 rows", clusters, ["features", "accuracy", "NMI"]),
    ]
    name = None if arguments.no_save else f"quality_{arguments.device.split(':')[0]}"
    command = "python -m benchmarks.quality --data mnist.npz"
    _common.save(name, "Quality", command, sections, arguments.device)


if __name__ == "__main__":
    main()
