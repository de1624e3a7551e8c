"""Time an epoch over images on a disk beside one over the same images in memory.

    python -m benchmarks.out_of_core --data mnist.npz

The files are in the system's cache, as those are that were just written or read: what is compared
is the way of the rows to the network, not the disk.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks import _common
from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.datasets import NpyFiles


def sources(X, folder):
    """Return the same images in memory, and in several ways on a disk."""
    import h5py
    import zarr

    parts = [folder / f"part{i}.npy" for i in range(4)]
    for part, rows in zip(parts, np.array_split(X, 4), strict=True):
        np.save(part, rows)
    np.save(folder / "all.npy", X)
    hdf5 = h5py.File(folder / "X.h5", "w").create_dataset("X", data=X)
    return {
        "memory": X,
        "memory map": np.load(folder / "all.npy", mmap_mode="r"),
        "NpyFiles": NpyFiles(parts),
        "HDF5": hdf5,
        "zarr": zarr.array(X, store=folder / "X.zarr", chunks=(1024, X.shape[1])),
    }


def main():
    parser = _common.parser(__doc__)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    X = _common.load(arguments.data)[0][: arguments.rows]
    model = ConvAutoencoder(
        hidden_channels=(8, 16), max_epochs=1, device=arguments.device, random_state=0
    )
    with tempfile.TemporaryDirectory() as folder:
        arms = sources(X, Path(folder))
        times = {name: [] for name in arms}
        names = list(arms)
        for turn in range(arguments.rounds + 1):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                seconds = model.fit(arms[name]).history_[0]["duration"]
                if turn:
                    times[name].append(seconds)
    results = [
        {"X is in": name, **_common.statistics(values, times["memory"])}
        for name, values in times.items()
    ]
    heading = f"Seconds per epoch of {len(X)} rows, {torch.get_num_threads()} thread(s)"
    columns = ["X is in", "min", "q1", "median", "q3", "ratio", "ratio of medians"]
    name = None if arguments.no_save else f"out_of_core_{arguments.device.split(':')[0]}"
    command = f"python -m benchmarks.out_of_core --data mnist.npz --rows {len(X)}"
    _common.save(name, "Out of core", command, [(heading, results, columns)], arguments.device)


if __name__ == "__main__":
    main()
