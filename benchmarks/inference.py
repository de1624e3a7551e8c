"""transform beside the bare encoder: the same network, the same images.

python -m benchmarks.inference --data mnist.npz
"""

import time

import torch

from benchmarks import _common
from sklearn_unsup import ConvAutoencoder


def main():
    parser = _common.parser(__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    _, _, x_test, _ = _common.load(arguments.data)
    rows = x_test[: arguments.rows]
    estimator = ConvAutoencoder(max_epochs=1, device=arguments.device, random_state=0).fit(
        rows[:2000]
    )
    images = torch.from_numpy(rows).reshape(-1, 1, 28, 28).float().to(arguments.device)
    scaled = estimator.network_.scaling(images)

    @torch.inference_mode()
    def bare():
        estimator.network_.encoder(scaled).cpu()

    arms = {"bare": bare, "transform": lambda: estimator.transform(rows)}
    times = {name: [] for name in arms}
    for turn in range(arguments.rounds + 1):
        for name, function in arms.items():
            start = time.perf_counter()
            function()
            if turn:
                times[name].append(time.perf_counter() - start)
    results = [
        {"arm": name, **_common.statistics(values, times["bare"])} for name, values in times.items()
    ]
    heading = f"Seconds for {len(rows)} rows, {torch.get_num_threads()} thread(s)"
    columns = ["arm", "min", "q1", "median", "q3", "ratio"]
    name = None if arguments.no_save else f"inference_{arguments.device.split(':')[0]}"
    command = f"python -m benchmarks.inference --data mnist.npz --rows {arguments.rows}"
    _common.save(name, "Inference", command, [(heading, results, columns)], arguments.device)


if __name__ == "__main__":
    main()
