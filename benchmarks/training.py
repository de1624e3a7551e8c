"""One and the same network, trained by several engines: time per epoch beside a bare torch loop.

    python -m benchmarks.training --data mnist.npz
    python -m benchmarks.training --model autoencoder --shape 3 64 64 --hidden-channels 128 256 512

The network is the 1-16-32-128 convolutional autoencoder with 3 x 3 kernels and stride 2 unless
options say otherwise, with Adam, in batches of 128. Without data, images are noise. Engines take
turns, an epoch each, over several rounds, each in a process of its own: what one does to the
allocator does not reach the others. Beside them the machine's rate of multiplying matrices is
measured, in the precision that ours trains in: the share is that of the operations of an epoch's
convolutions and matrix products.
"""

import argparse
import gc
import math
import os
import resource
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import _common
from benchmarks._engines import ENGINES, Task, step_function, synchronise

COLUMNS = ["arm", "min", "q1", "median", "q3", "ratio", "ratio of medians", "images/s"]
COLUMNS += ["of matrix rate"]
NAMES = list(dict.fromkeys(engine.__name__ for kind in ENGINES.values() for engine in kind))


def matrix_products(task, side=None):
    """Return a function that multiplies matrices, and gives the seconds of 1e12 operations."""
    usual, n = (8192, 20) if task.device.startswith("cuda") else (2048, 4)
    side = side or usual
    matrix = torch.randn(side, side, device=task.device).to(task.dtype())

    def multiply():
        synchronise(task.device)
        start = time.perf_counter()
        for _ in range(n):
            matrix @ matrix
        synchronise(task.device)
        return (time.perf_counter() - start) / (n * 2 * side**3) * 1e12

    return multiply


def n_operations(task):
    """Return the operations of an epoch's convolutions and matrix products."""
    images = Task(**{**vars(task), "rows": task.rows[:2]}).images()
    step = step_function(task.losses(), torch.autocast("cpu", enabled=False))
    with FlopCounterMode(display=False) as counter:
        step(images)
    return counter.get_total_flops() / len(images) * len(task.rows)


def measure(task, arms, rounds, deadline=math.inf, failed=None, side=None):
    """Return a row of the table for each engine, and the matrix rate in 1e12 operations a second.

    Parameters
    ----------
    deadline, failed
        As of `_common.interleave`; what fails of the matrix products is raised all the same.
    side : int or None
        Of the matrices; None for one that keeps the device busy.
    """
    epochs = {"matrix products": matrix_products(task, side)}
    with ExitStack() as processes:
        started = {
            engine.__name__: _common.Apart(engine, task, deadline=deadline)
            for engine in ENGINES[task.model]
            if engine.__name__ in arms
        }
        for name, process in started.items():
            try:
                with _common.noting_failure(name, failed):
                    epochs[name] = processes.enter_context(process)
            except ImportError as error:
                print(f"{name} is left out: {error}", file=sys.stderr)
        times = _common.interleave(epochs, rounds, deadline, failed)
    if failed and "matrix products" in failed:
        raise RuntimeError(failed.pop("matrix products"))
    per_tera, operations = np.median(times.pop("matrix products")), n_operations(task)
    rows = []
    for name, values in times.items():
        row = {"arm": name, **_common.statistics(values, times.get("bare", values))}
        row["images/s"] = round(len(task.rows) / row["median"])
        row["of matrix rate"] = operations / 1e12 * per_tera / row["median"]
        rows.append(row)
    return rows, 1 / per_tera


def measure_memory(task, name):
    """Print one epoch's peak of resident memory above the data, and the device's, in MB."""
    engine = next(engine for engine in ENGINES[task.model] if engine.__name__ == name)
    small = Task(**{**vars(task), "rows": task.rows[:512].copy()})
    engine(small)()  # libraries and kernels are loaded before we look
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    on_cuda = task.device.startswith("cuda")
    if on_cuda:
        torch.cuda.reset_peak_memory_stats()
    engine(task)()
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    device = torch.cuda.max_memory_allocated() / 1e6 if on_cuda else 0.0
    print((peak * 1024 - before) / 1e6, device)


def peak_memory(options, model, name):
    """Return what `measure_memory` finds in a new process."""
    command = [sys.executable, "-m", "benchmarks.training", *options, "--model", model]
    result = subprocess.run(
        [*command, "--memory-of", name], capture_output=True, text=True, check=True
    )
    host, device = map(float, result.stdout.split()[-2:])
    return {"arm": name, "host, MB": host, "device, MB": device or None}


def parse():
    parser = _common.parser(__doc__, data=False)
    parser.add_argument("--data", help="an .npz with x_train; without it, noise of --shape")
    parser.add_argument("--model", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument(
        "--arms", nargs="+", choices=NAMES, metavar="ARM", help="by default all that differ here"
    )
    parser.add_argument("--rows", type=int, help="of an epoch; 6,400, on cuda 60,000")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, nargs="+", help="of torch; one, and all")
    parser.add_argument("--shape", type=int, nargs=3, default=[1, 28, 28], metavar="SIDE")
    parser.add_argument("--hidden-channels", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--components", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--precision", default="auto", help="of ours, and of bare_tuned")
    parser.add_argument("--name", default="training", help="of the results")
    parser.add_argument("--memory-of", choices=NAMES, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    arguments = parse()
    on_cuda = arguments.device.startswith("cuda")
    arms = arguments.arms or [name for name in NAMES if on_cuda or name != "ours_without_graphs"]
    n = arguments.rows or (60_000 if on_cuda else 6400)
    if arguments.data:
        all_rows = _common.load(arguments.data)[0]
    else:
        n_features = int(np.prod(arguments.shape))
        all_rows = np.random.default_rng(0).integers(0, 256, (n, n_features), dtype=np.uint8)

    def task(model, rows):
        return Task(
            model=model,
            rows=rows,
            image_shape=tuple(arguments.shape),
            hidden_channels=tuple(arguments.hidden_channels),
            n_components=arguments.components,
            batch_size=arguments.batch_size,
            device=arguments.device,
            precision=arguments.precision,
            max_epochs=3 if on_cuda else 1,  # the first of ours captures graphs
        )

    if arguments.memory_of:
        return measure_memory(task(arguments.model[0], all_rows), arguments.memory_of)

    sections, options = [], sys.argv[1:]
    all_threads = {torch.get_num_threads()}
    for model in arguments.model:
        for threads in sorted(arguments.threads or (all_threads if on_cuda else {1} | all_threads)):
            torch.set_num_threads(threads)
            rows, rate = measure(task(model, all_rows[:n]), arms, arguments.rounds)
            heading = (
                f"{model}: seconds per epoch of {n} rows, {threads} thread(s); matrix products at "
                f"{rate * 1000:.0f} GFLOP/s"
            )
            sections.append((heading, rows, COLUMNS))
        if os.path.exists("/proc/self/clear_refs"):
            memory = [peak_memory(options, model, row["arm"]) for row in rows]
            as_float32 = all_rows.size * 4 / 1e6
            heading = (
                f"{model}: peak memory above the data (as float32 it takes {as_float32:.0f} MB)"
            )
            sections.append((heading, memory, ["arm", "host, MB", "device, MB"]))
    shown = " ".join(["mnist.npz" if option == arguments.data else option for option in options])
    name = f"{arguments.name}_{arguments.device.split(':')[0]}"
    command = f"python -m benchmarks.training {shown}"
    _common.save(
        None if arguments.no_save else name, "Training", command, sections, arguments.device
    )


if __name__ == "__main__":
    main()
