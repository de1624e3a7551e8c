"""Open all models in a folder, and write what each answers: run as a script, in a new process."""

import pickle
import sys
from pathlib import Path

import joblib
import numpy as np
import skops.io
from every_model import EVERY_MODEL


def open_skops(path):
    return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))


def open_weights(path):
    name, _ = path.name.split(".", 1)
    return EVERY_MODEL[name]().load_weights(path)


OPEN = {
    ".pickle": lambda path: pickle.loads(path.read_bytes()),
    ".joblib": joblib.load,
    ".skops": open_skops,
    ".safetensors": open_weights,
}


def answers(model, X):
    """Return whatever a model can say about X."""
    methods = ("transform", "score_samples", "predict")
    found = {name: getattr(model, name)(X) for name in methods if hasattr(model, name)}
    if hasattr(model, "sample"):
        found["sample"] = model.sample(5, 0)
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    X = np.load(folder / "X.npy")
    for path in sorted(folder.iterdir()):
        if path.suffix in OPEN:
            np.savez(f"{path}.npz", **answers(OPEN[path.suffix](path), X))
