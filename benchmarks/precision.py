"""Time bfloat16 beside float32 on a processor that computes in both, and compare what is learnt.

python -m benchmarks.precision --data mnist.npz
"""

import numpy as np
import torch

from benchmarks import _common
from benchmarks.training import BATCH, Decoder, Encoder
from sklearn_unsup import ConvAutoencoder

NETWORKS = {
    "1-16-32-128": {"encoder": Encoder, "decoder": Decoder},
    "default": {},
    "hidden_channels=(64, 128)": {"hidden_channels": (64, 128)},
}
QUALITY_EPOCHS = 3


def model(network, precision, device, max_epochs):
    return ConvAutoencoder(
        128,
        image_shape=(28, 28),
        batch_size=BATCH,
        precision=precision,
        max_epochs=max_epochs,
        device=device,
        random_state=0,
        **NETWORKS[network],
    )


def main():
    parser = _common.parser(__doc__)
    parser.add_argument("--rows", type=int, default=6400)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    x_train, _, x_test, _ = _common.load(arguments.data)
    X = x_train[: arguments.rows]
    results = []
    for network in NETWORKS:
        times = {"float32": [], "bfloat16": []}
        for turn in range(arguments.rounds + 1):
            for precision, seconds in times.items():
                fitted = model(network, precision, arguments.device, 1).fit(X)
                if turn:
                    seconds.append(fitted.history_[0]["duration"])
        for precision, seconds in times.items():
            fitted = model(network, precision, arguments.device, QUALITY_EPOCHS).fit(X)
            results.append(
                {
                    "network": network,
                    "precision": precision,
                    "median": float(np.median(seconds)),
                    "speed-up": float(np.median(times["float32"]) / np.median(seconds)),
                    "variance explained": fitted.score(x_test),
                }
            )
    heading = (
        f"Seconds per epoch of {len(X)} rows, {torch.get_num_threads()} thread(s); variance of the "
        f"test images that is explained after {QUALITY_EPOCHS} epochs"
    )
    name = None if arguments.no_save else f"precision_{arguments.device.split(':')[0]}"
    command = f"python -m benchmarks.precision --data mnist.npz --rows {len(X)}"
    sections = [(heading, results, list(results[0]))]
    _common.save(name, "Precision", command, sections, arguments.device)


if __name__ == "__main__":
    main()
