"""Time an epoch over images on a disk beside one over the same images in memory.

    python -m benchmarks.out_of_core --data mnist.npz

The files are in the system's cache, as those are that were just written or read: what is compared
is the way of the rows to the network, not the disk. Then the same for a file that is four times as
large as the memory that the process may take for itself (RLIMIT_DATA; the cache is the system's).
"""

import os
import resource
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks import _common
from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.datasets import NpyFiles

COLUMNS = ["X is in", "min", "q1", "median", "q3", "ratio", "ratio of medians"]
TIMES_MEMORY = 4
OPEN = {
    "memory": np.load,
    "memory map": partial(np.load, mmap_mode="r"),
    "NpyFiles": lambda path: NpyFiles([path]),
}


def model(device):
    return ConvAutoencoder(hidden_channels=(8, 16), max_epochs=1, device=device, random_state=0)


def limited(kind, path, device):
    """Return the epoch of a process with a quarter of the memory that X takes, unless it has X."""
    X = OPEN[kind](path)
    model(device).fit(X[:1000])  # what libraries load and keep
    if kind != "memory":
        status = Path("/proc/self/status").read_text()
        used = next(int(line.split()[1]) for line in status.splitlines() if "VmData" in line) * 1024
        limit = used + os.path.getsize(path) // TIMES_MEMORY
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return lambda: model(device).fit(X).history_[0]["duration"]


def compare_limited(X, device, rounds):
    with tempfile.TemporaryDirectory() as folder, ExitStack() as processes:
        path = str(Path(folder) / "X.npy")
        np.save(path, X)
        arms = {
            kind: processes.enter_context(_common.Apart(limited, kind, path, device))
            for kind in OPEN
        }
        times = _common.interleave(arms, rounds)
    heading = (
        f"Seconds per epoch of {len(X)} rows, {X.nbytes / 1e6:.0f} MB, in processes that may take "
        f"{X.nbytes / TIMES_MEMORY / 1e6:.0f} MB (memory: as much as they like), "
        f"{torch.get_num_threads()} thread(s)"
    )
    return heading, rows_of(times), COLUMNS


def rows_of(times):
    return [
        {"X is in": name, **_common.statistics(values, times["memory"])}
        for name, values in times.items()
    ]


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
    parser.add_argument("--limited-rows", type=int, default=650_000, help="with little memory")
    parser.add_argument("--limited-rounds", type=int, default=3)
    arguments = parser.parse_args()
    x_train = _common.load(arguments.data)[0]
    X = x_train[: arguments.rows]
    with tempfile.TemporaryDirectory() as folder:

        def epoch(source):
            return lambda: model(arguments.device).fit(source).history_[0]["duration"]

        arms = {name: epoch(source) for name, source in sources(X, Path(folder)).items()}
        times = _common.interleave(arms, arguments.rounds)
    heading = f"Seconds per epoch of {len(X)} rows, {torch.get_num_threads()} thread(s)"
    sections = [(heading, rows_of(times), COLUMNS)]
    large = np.resize(x_train, (arguments.limited_rows, x_train.shape[1]))
    sections.append(compare_limited(large, arguments.device, arguments.limited_rounds))
    name = None if arguments.no_save else f"out_of_core_{arguments.device.split(':')[0]}"
    command = (
        f"python -m benchmarks.out_of_core --data mnist.npz --rows {len(X)} "
        f"--rounds {arguments.rounds} --limited-rounds {arguments.limited_rounds}"
    )
    _common.save(name, "Out of core", command, sections, arguments.device)


if __name__ == "__main__":
    main()
