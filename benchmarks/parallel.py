"""A grid search of eight fits with two workers beside the same with one.

    python -m benchmarks.parallel --data mnist.npz

One worker has all the cores, each of several has its share.
"""

import time

import numpy as np
import torch
from sklearn.model_selection import GridSearchCV

from benchmarks import _common
from sklearn_unsup import ConvAutoencoder

GRID = {"n_components": [8, 16, 32, 64]}  # and two folds


def main():
    parser = _common.parser(__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="half of them are a fold")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    X = _common.load(arguments.data)[0][: arguments.rows]
    model = ConvAutoencoder(max_epochs=arguments.epochs, device=arguments.device, random_state=0)
    times, fits = {n: [] for n in arguments.n_jobs}, {n: [] for n in arguments.n_jobs}
    for _ in range(arguments.rounds):
        for n_jobs in arguments.n_jobs:
            search = GridSearchCV(model, GRID, cv=2, n_jobs=n_jobs, refit=False)
            start = time.perf_counter()
            search.fit(X)
            times[n_jobs].append(time.perf_counter() - start)
            fits[n_jobs].append(search.cv_results_["mean_fit_time"].mean())
    first = arguments.n_jobs[0]
    rows = [
        {
            "n_jobs": n,
            "seconds of a fit": float(np.median(fits[n])),
            **_common.statistics(times[n], times[first]),
        }
        for n in arguments.n_jobs
    ]
    heading = f"Seconds of a search of eight fits, {torch.get_num_threads()} threads in all"
    name = None if arguments.no_save else f"parallel_{arguments.device.split(':')[0]}"
    command = (
        f"python -m benchmarks.parallel --data mnist.npz --rows {arguments.rows} "
        f"--epochs {arguments.epochs} --rounds {arguments.rounds}"
    )
    _common.save(name, "Parallel", command, [(heading, rows, list(rows[0]))], arguments.device)


if __name__ == "__main__":
    main()
