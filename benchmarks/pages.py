"""What it costs to give memory back after each step: epochs with and without `retain_freed_memory`.

    python -m benchmarks.pages

Each network has two processes, one of which does not call it, and takes turns with the other.
"""

import resource
from contextlib import ExitStack

import numpy as np
import torch

from benchmarks import _common
from sklearn_unsup import ConvAutoencoder
from sklearn_unsup._devices import _workers

NETWORKS = {  # (rows, image_shape, hidden_channels)
    "28 x 28, (16, 32)": (6400, (28, 28), (16, 32)),
    "28 x 28, (32, 64, 64, 32)": (6400, (28, 28), (32, 64, 64, 32)),
    "28 x 28, (64, 128)": (3200, (28, 28), (64, 128)),
    "64 x 64 x 3, (32, 64, 64, 32)": (1280, (64, 64, 3), (32, 64, 64, 32)),
    "64 x 64 x 3, (64, 128, 256)": (640, (64, 64, 3), (64, 128, 256)),
}


def epoch(network, keeps):
    """Return a function that gives the seconds of an epoch, and the pages handed out in a step."""
    n, shape, widths = NETWORKS[network]
    if not keeps:
        _workers.retain_freed_memory = lambda: None
    X = np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)
    model = ConvAutoencoder(
        hidden_channels=widths, max_epochs=3, batch_size=128, device="cpu", random_state=0
    )

    def run():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        seconds = np.median([row["duration"] for row in model.fit(X).history_])
        pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        return seconds, pages / (3 * n / 128)

    return run


def main():
    parser = _common.parser(__doc__, data=False)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows = []
    for network in NETWORKS:
        with ExitStack() as processes:
            arms = {
                keeps: processes.enter_context(_common.Apart(epoch, network, keeps))
                for keeps in (False, True)
            }
            found = _common.interleave(arms, arguments.rounds)
        (given, pages_given), (kept, pages_kept) = (np.median(found[k], 0) for k in arms)
        row = {"network": network, "s, given back": given, "s, kept": kept, "ratio": kept / given}
        rows.append({**row, "pages, given back": pages_given, "pages, kept": pages_kept})
        print(rows[-1], flush=True)
    heading = f"Median seconds of an epoch, and pages of a step, {torch.get_num_threads()} threads"
    name = None if arguments.no_save else "pages_cpu"
    sections = [(heading, rows, list(rows[0]))]
    _common.save(name, "Pages", "python -m benchmarks.pages", sections)


if __name__ == "__main__":
    main()
