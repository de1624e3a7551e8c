"""Time bfloat16 beside float32 on a processor that computes in both, and compare what is learnt.

python -m benchmarks.precision --data mnist.npz
"""

import numpy as np
import torch

from benchmarks import _common
from sklearn_unsup import ConvAutoencoder

WIDTHS = ((16, 32), (32, 64, 64, 32), (64, 128), (128, 256))
PRECISIONS = ("float32", "bfloat16")


def main():
    parser = _common.parser(__doc__)
    parser.add_argument("--rows", type=int, default=6400)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quality-epochs", type=int, default=5)
    arguments = parser.parse_args()
    x_train = _common.load(arguments.data)[0]
    X, held_out = x_train[: arguments.rows], x_train[50_000:]

    def model(widths, precision, max_epochs):
        return ConvAutoencoder(
            128,
            hidden_channels=widths,
            batch_size=128,
            precision=precision,
            max_epochs=max_epochs,
            device=arguments.device,
            random_state=0,
        )

    def epoch(widths, precision):
        fresh = model(widths, precision, 1)
        return lambda: fresh.fit(X).history_[0]["duration"]

    sections, all_threads = [], torch.get_num_threads()
    for threads in sorted({1, all_threads}):
        torch.set_num_threads(threads)
        arms = {(widths, kind): epoch(widths, kind) for widths in WIDTHS for kind in PRECISIONS}
        times = _common.interleave(arms, arguments.rounds)
        rows = []
        for (widths, precision), seconds in times.items():
            floor = times[widths, "float32"]
            row = {"hidden_channels": str(widths), "precision": precision}
            row["median"] = float(np.median(seconds))
            row["speed-up"] = float(np.median(floor)) / row["median"]
            row["speed-up of minima"] = min(floor) / min(seconds)
            rows.append(row)
        heading = f"Seconds per epoch of {len(X)} rows, {threads} thread(s)"
        sections.append((heading, rows, list(rows[0])))
    rows = []
    for widths in WIDTHS:
        scores = [
            model(widths, kind, arguments.quality_epochs).fit(X).score(held_out)
            for kind in PRECISIONS
        ]
        names = ("hidden_channels", *PRECISIONS, "lost")
        values = (str(widths), *scores, scores[0] - scores[1])
        rows.append(dict(zip(names, values, strict=True)))
    heading = (
        f"Share of the variance of {len(held_out)} rows held out that is explained after "
        f"{arguments.quality_epochs} epochs"
    )
    sections.append((heading, rows, list(rows[0])))
    name = None if arguments.no_save else f"precision_{arguments.device.split(':')[0]}"
    command = f"python -m benchmarks.precision --data mnist.npz --rows {len(X)}"
    _common.save(name, "Precision", command, sections, arguments.device)


if __name__ == "__main__":
    main()
