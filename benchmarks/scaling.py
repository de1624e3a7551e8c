"""How the cost of an epoch grows with the rows, the side of the images and the batch.

python -m benchmarks.scaling
"""

from itertools import product

import numpy as np
import torch

from benchmarks import _common
from sklearn_unsup import ConvAutoencoder

ROWS = {"cpu": (500, 1000, 2000), "cuda": (10_000, 20_000, 40_000)}
SIDES = (16, 32, 64, 128)
BATCHES = {"cpu": (16, 64, 256), "cuda": (64, 256, 1024)}


def main():
    parser = _common.parser(__doc__, data=False)
    parser.add_argument("--rounds", type=int, default=3)
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
    powers = [{"of": name, "power": float(p)} for name, p in zip(names, exponents, strict=False)]
    sections = [
        (
            f"Median microseconds per image and epoch, {torch.get_num_threads()} thread(s)",
            rows,
            list(rows[0]),
        ),
        (
            "The seconds of an epoch grow with a power (least squares of logarithms)",
            powers,
            ["of", "power"],
        ),
    ]
    name = None if arguments.no_save else f"scaling_{kind}"
    _common.save(name, "Scaling", "python -m benchmarks.scaling", sections, arguments.device)


if __name__ == "__main__":
    main()
