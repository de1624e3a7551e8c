"""What the benchmarks share: data, the machine, statistics of rounds, results on disk."""

import argparse
import json
import platform
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import sklearn
import torch

RESULTS = Path(__file__).parent / "results"


def parser(description, data=True):
    """Return an argument parser with what every benchmark takes."""
    result = argparse.ArgumentParser(description=description)
    if data:
        text = "an .npz with x_train, y_train, x_test, y_test"
        result.add_argument("--data", required=True, help=text)
    result.add_argument("--device", default="cpu", help="torch device")
    result.add_argument("--no-save", action="store_true", help="print, and leave results/ as it is")
    return result


def load(path):
    """Return the arrays of the data set as rows: x_train, y_train, x_test, y_test."""
    with np.load(path) as arrays:
        names = ("x_train", "y_train", "x_test", "y_test")
        x_train, y_train, x_test, y_test = (arrays[name] for name in names)
    return x_train.reshape(len(x_train), -1), y_train, x_test.reshape(len(x_test), -1), y_test


def machine(device="cpu"):
    """Return a description of the machine and of the versions."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "date": str(date.today()),
        "processor": f"{names[0] if names else platform.processor()}, {len(names) or '?'} cores",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if device.startswith("cuda") else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "scikit-learn": sklearn.__version__,
    }


def interleave(epochs, rounds):
    """Time each arm's epoch, in another order each round; the first round warms up."""
    times, names = {name: [] for name in epochs}, list(epochs)
    for turn in range(rounds + 1):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            seconds = epochs[name]()
            if turn:
                times[name].append(seconds)
    return times


class Apart:
    """A function in a process of its own, with as many threads, which ends with the context.

    Parameters
    ----------
    build : callable
        Called there with the arguments; returns the function.
    """

    function = None  # in that process

    def __init__(self, build, *arguments):
        self.pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        self.pool.submit(self._build, torch.get_num_threads(), build, arguments).result()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.pool.shutdown()

    def __call__(self):
        return self.pool.submit(self._call).result()

    @staticmethod
    def _build(n_threads, build, arguments):
        torch.set_num_threads(n_threads)
        Apart.function = staticmethod(build(*arguments))

    @staticmethod
    def _call():
        return Apart.function()


def statistics(times, floor):
    """Return minimum, quartiles and the ratios of minimum and median to the floor's."""
    low, middle, high = np.percentile(times, [25, 50, 75])
    return {
        "min": min(times),
        "q1": low,
        "median": middle,
        "q3": high,
        "ratio": min(times) / min(floor),
        "ratio of medians": middle / float(np.median(floor)),
    }


def table(rows, columns):
    """Return a Markdown table of dicts."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        lines.append("| " + " | ".join(_cell(row.get(name)) for name in columns) + " |")
    return "\n".join(lines)


def save(name, title, command, sections, device="cpu"):
    """Print the tables, and write them to results/name.md and results/name.json.

    Parameters
    ----------
    sections : list of (heading, rows, columns)
    """
    facts = machine(device)
    text = [f"# {title}", "", f"`{command}`", ""]
    text += [", ".join(f"{key}: {value}" for key, value in facts.items() if value), ""]
    for heading, rows, columns in sections:
        text += [f"## {heading}", "", table(rows, columns), ""]
    print("\n".join(text))
    if name is not None:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text("\n".join(text))
        content = {"machine": facts, "command": command}
        content |= {heading: rows for heading, rows, _ in sections}
        (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def _cell(value):
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
