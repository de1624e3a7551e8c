"""How the cost of an epoch grows with the rows, the side of the images and the batch.

python -m benchmarks.scaling
"""

from itertools import product

import numpy as np
import torch

from benchmarks import _common
from sklearn_unsup import ConvAutoencoder
from sklearn_unsup._training import BatchSizes

ROWS = {"cpu": (500, 1000, 2000), "cuda": (10_000, 20_000, 40_000)}
SIDES = (16, 32, 64, 128)
BATCHES = {"cpu": (16, 64, 256), "cuda": (64, 256, 1024)}
SHAPES = ((28, 28), (1, 512), (32, 32, 3), (64, 64, 3), (96, 96, 3), (224, 224, 3), (512, 512, 3))
TIMED = 100  # rows of the defaults


def main():
    parser = _common.parser(__doc__, data=False)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--defaults", action="store_true", help="seconds with the defaults")
    arguments = parser.parse_args()
    kind = arguments.device.split(":")[0]
    noise = np.random.default_rng(0)

    def epoch(n, side, batch_size):
        X = noise.integers(0, 256, (n, side * side), dtype=np.uint8)
        model = ConvAutoencoder(
            max_epochs=1 if kind == "cpu" else 2,  # the first of a GPU captures graphs
            batch_size=batch_size,
            device=arguments.device,
            random_state=0,
        )
        return lambda: model.fit(X).history_[-1]["duration"]

    if not arguments.defaults:
        return powers(arguments, kind, epoch)
    rows = [seconds_of_defaults(shape, arguments) for shape in SHAPES]
    title = f"Seconds with the defaults, {torch.get_num_threads()} thread(s)"
    name = None if arguments.no_save else f"scaling_defaults_{kind}"
    command = "python -m benchmarks.scaling --defaults"
    _common.save(name, "Time", command, [(title, rows, list(rows[0]))], arguments.device)


def seconds_of_defaults(shape, arguments):
    """Return what an epoch, and a whole training, of images of a shape takes with the defaults."""
    X = np.random.default_rng(0).integers(0, 256, (TIMED, *shape), dtype=np.uint8)
    model = ConvAutoencoder(
        max_epochs=1 + arguments.rounds,
        batch_size=BatchSizes().auto(10_000, X[0].size, torch.device(arguments.device)),
        compare_with_pca=False,
        device=arguments.device,
        random_state=0,
    )
    seconds = np.median([row["duration"] for row in model.fit(X).history_[1:]]) / TIMED
    cells = {"image": " x ".join(map(str, shape))}
    for n in (200, 1000, 10_000, 60_000):
        cells[f"epoch of {n:,}"] = seconds * n
    for n in (200, 1000, 10_000, 60_000):
        cells[f"fit of {n:,}"] = (
            seconds * n * BatchSizes().auto_epochs(n, ConvAutoencoder._auto_steps)
        )
    return cells


def powers(arguments, kind, epoch):
    """Fit the powers with which an epoch's time grows."""
    cells = list(product(SIDES, ROWS[kind], BATCHES[kind]))
    times = {}
    for side in SIDES:  # one side at a time: images of the others need not be in memory
        arms = {cell: epoch(cell[1], *cell[::2]) for cell in cells if cell[0] == side}
        found = _common.interleave(arms, arguments.rounds)
        times |= {cell: np.median(values) for cell, values in found.items()}
    rows = []
    for side, n in product(SIDES, ROWS[kind]):
        per_image = {f"batch {b}": times[side, n, b] / n * 1e6 for b in BATCHES[kind]}
        rows.append({"side": side, "rows": n, **per_image})
    logs = np.log([[n, side * side, batch, np.e] for side, n, batch in cells])  # e: a constant
    exponents = np.linalg.lstsq(logs, np.log([times[cell] for cell in cells]), rcond=None)[0]
    names = ("rows", "pixels", "batch")
    exponents_of = [
        {"of": name, "power": float(p)} for name, p in zip(names, exponents, strict=False)
    ]
    sections = [
        (
            f"Median microseconds per image and epoch, {torch.get_num_threads()} thread(s)",
            rows,
            list(rows[0]),
        ),
        (
            "The seconds of an epoch grow with a power (least squares of logarithms)",
            exponents_of,
            ["of", "power"],
        ),
    ]
    name = None if arguments.no_save else f"scaling_{kind}"
    _common.save(name, "Scaling", "python -m benchmarks.scaling", sections, arguments.device)


if __name__ == "__main__":
    main()
