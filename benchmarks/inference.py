"""transform and sample beside the bare encoder and decoder, for one row to a million.

    python -m benchmarks.inference --data mnist.npz

The bare network gets float32 tensors in its own units, which are where it is needed. On a GPU,
"copy" is the time of moving the same rows there, as bytes. On a CPU a million rows are timed once.
"""

import time

import numpy as np
import torch

from benchmarks import _common
from benchmarks._engines import synchronise
from sklearn_unsup import ConvAutoencoder
from sklearn_unsup._devices import _inference as inference

SIZES = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)
CHUNKS = {"cpu": (16, 32, 64, 128, 256, 1024), "cuda": (512, 1024, 2048, 4096, 8192, 16_384)}
BARE_ROWS = {"cpu": 256, "cuda": 4096}
CHUNKED_ROWS = 10_000


def medians(arms, rounds, device):
    """Call the arms in turn; return the median seconds of each. Of several rounds, one warms up."""
    times = {name: [] for name in arms}
    for turn in range(rounds if rounds == 1 else rounds + 1):
        for name, function in arms.items():
            synchronise(device)
            start = time.perf_counter()
            function()
            synchronise(device)
            if turn or rounds == 1:
                times[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in times.items()}


def arms_of(estimator, rows, device):
    """Return what is timed for these rows."""
    kind = device.split(":")[0]
    network, k = estimator.network_, estimator.n_components

    @torch.inference_mode()
    def bare(function, shape):
        parts = torch.zeros(min(len(rows), BARE_ROWS[kind]), *shape, device=device)
        for start in range(0, len(rows), len(parts)):
            function(parts[: len(rows) - start]).cpu()

    arms = {
        "bare encoder": lambda: bare(network.encoder, (1, 28, 28)),
        "transform": lambda: estimator.transform(rows),
        "bare decoder": lambda: bare(network.decoder, (k,)),
        "sample": lambda: estimator.sample(len(rows), random_state=0),
    }
    arms["copy"] = lambda: torch.from_numpy(rows).to(device, copy=True)
    return arms


def fitted(x_train, device):
    """Return an estimator that has seen some of the rows."""
    estimator = ConvAutoencoder(max_epochs=1, device=device, random_state=0)
    return estimator.fit(x_train[:6400])


def timer(x_train, n, device, rounds):
    """Return a function that gives the median seconds of encoding n rows, and of copying them."""
    rows = np.resize(x_train, (n, x_train.shape[1]))
    arms = arms_of(fitted(x_train, device), rows, device)
    arms = {name: arms[name] for name in ("transform", "copy", "bare encoder")}
    return lambda: medians(arms, rounds, device)


def main():
    parser = _common.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    arguments = parser.parse_args()
    kind = arguments.device.split(":")[0]
    x_train = _common.load(arguments.data)[0]
    estimator = fitted(x_train, arguments.device)
    results = []
    for n in arguments.sizes:
        rows = np.resize(x_train, (n, x_train.shape[1]))
        rounds = 15 if n <= 10_000 else 5 if n <= 100_000 or kind == "cuda" else 1
        arms = arms_of(estimator, rows, arguments.device)
        if kind == "cpu":
            del arms["copy"]
        seconds = medians(arms, rounds, arguments.device)
        row = {"rows": n, **{name: 1000 * value for name, value in seconds.items()}}
        row["transform / bare"] = seconds["transform"] / seconds["bare encoder"]
        row["sample / bare"] = seconds["sample"] / seconds["bare decoder"]
        if "copy" in seconds:
            row["transform / copy"] = seconds["transform"] / seconds["copy"]
        row["transformed rows / s"] = round(n / seconds["transform"])
        results.append(row)
        print(row, flush=True)

    rows = np.resize(x_train, (CHUNKED_ROWS * (100 if kind == "cuda" else 1), x_train.shape[1]))

    def chunked(n):
        def transform():
            inference.CHUNKS[kind] = (n, 2**40, 1)
            estimator.transform(rows)

        return transform

    seconds = medians({n: chunked(n) for n in CHUNKS[kind]}, 9, arguments.device)
    chunks = [{"rows of a chunk": n, "seconds": value} for n, value in seconds.items()]
    threads = f"{torch.get_num_threads()} thread(s)"
    sections = [
        (f"Median milliseconds, {threads}", results, list(results[0])),
        (f"transform of {len(rows)} rows by chunks, {threads}", chunks, list(chunks[0])),
    ]
    name = None if arguments.no_save else f"inference_{kind}"
    command = "python -m benchmarks.inference --data mnist.npz"
    _common.save(name, "Inference", command, sections, arguments.device)


if __name__ == "__main__":
    main()
