"""How long it takes to open a model, beside `torch.load` of the same weights.

python -m benchmarks.persistence
"""

import pickle
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
import skops.io
import torch

from benchmarks import _common
from sklearn_unsup import ConvAutoencoder

ROUNDS = 100
PARAMETERS = {"hidden_channels": (32, 64, 128), "hidden_layer_sizes": (256,), "device": "cpu"}


def open_pickle(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def openers(model, folder):
    """Save a model in every form; yield names, files and functions that open them."""
    weights = {name: w.contiguous() for name, w in model.network_.state_dict().items()}
    torch.save(weights, folder / "torch")
    yield "torch.load, weights alone", folder / "torch", lambda path: torch.load(path)
    (folder / "pickle").write_bytes(pickle.dumps(model))
    yield "pickle", folder / "pickle", open_pickle
    joblib.dump(model, folder / "joblib")
    yield "joblib", folder / "joblib", joblib.load
    trusted = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    skops.io.dump(model, folder / "skops")
    yield "skops", folder / "skops", lambda path: skops.io.load(path, trusted=trusted)
    model.save_weights(folder / "weights")
    unfitted = ConvAutoencoder(**PARAMETERS)
    yield "load_weights", folder / "weights", unfitted.load_weights


def main():
    arguments = _common.parser(__doc__, data=False).parse_args()
    X = np.random.RandomState(0).uniform(size=(64, 784)).astype(np.float32)
    model = ConvAutoencoder(max_epochs=1, random_state=0, **PARAMETERS).fit(X)
    with tempfile.TemporaryDirectory() as folder:
        forms = list(openers(model, Path(folder)))
        times = {name: [] for name, _, _ in forms}
        for _ in range(ROUNDS):
            for name, path, open_file in forms:
                start = time.perf_counter()
                open_file(path)
                times[name].append(1000 * (time.perf_counter() - start))
        floor = times[forms[0][0]]
        rows = [
            {"form": name, "MB": path.stat().st_size / 1e6} | _common.statistics(times[name], floor)
            for name, path, _ in forms
        ]
    heading = f"Milliseconds to open a model, {ROUNDS} interleaved rounds; ratios to torch.load"
    _common.save(
        None if arguments.no_save else "persistence_cpu",
        "Opening a model",
        "python -m benchmarks.persistence",
        [(heading, rows, list(rows[0]))],
    )


if __name__ == "__main__":
    main()
