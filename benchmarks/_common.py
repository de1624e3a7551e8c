"""What the benchmarks share: data, the machine, statistics of rounds, results on disk."""

import argparse
import contextlib
import json
import math
import os
import platform
import signal
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

import numpy as np
import sklearn
import torch

RESULTS = Path(__file__).parent / "results"
FAST_START = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
LEAST_SECONDS = 30  # that anything in another process may take


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


def interleave(epochs, rounds, deadline=math.inf, failed=None):
    """Time each arm's epoch, in another order each round; the first round warms up.

    Parameters
    ----------
    epochs : dict of callable
        Each returns its seconds.
    rounds : int
    deadline : float
        Of `time.monotonic`; the first round that counts is run even after it.
    failed : dict or None
        Takes the traceback of an arm that raises, which is then left out; None lets it raise.
    """
    times = {name: [] for name in epochs}
    for turn in range(rounds + 1):
        names = list(times)
        start = turn % max(1, len(names))
        if turn > 1 and time.monotonic() > deadline:
            break
        for name in names[start:] + names[:start]:
            with noting_failure(name, failed):
                seconds = epochs[name]()
                if turn:
                    times[name].append(seconds)
            if failed and name in failed:
                del times[name]
    return times


@contextlib.contextmanager
def noting_failure(name, failed):
    """Write the traceback of what is raised inside the block into `failed`, unless it is None."""
    try:
        yield
    except Exception:
        if failed is None:
            raise
        failed[name] = traceback.format_exc()


class Apart:
    """A function in a process of its own, with as many threads, which ends with the context.

    Without a GPU, processes are forked from one that has imported the engines and computed nothing,
    where the system can do so: each is as good as new, and there in a moment. With one they are
    started anew: an import may have touched CUDA, which does not survive a fork.

    Parameters
    ----------
    build : callable
        Called there with the arguments; returns the function. `with` waits for it: processes that
        are made before the first `with` build at the same time.
    deadline : float
        Of `time.monotonic`. A build or a call that takes longer, and more than `LEAST_SECONDS`, is
        a TimeoutError, and the process is killed.
    """

    function = None  # in that process

    def __init__(self, build, *arguments, deadline=math.inf):
        context = get_context("spawn" if torch.cuda.is_available() else FAST_START)
        if context.get_start_method() == "forkserver":
            context.set_forkserver_preload(["benchmarks.training"])
        self.deadline = deadline
        self.pool = ProcessPoolExecutor(1, mp_context=context)
        self.process = self.pool.submit(os.getpid)
        self.built = self.pool.submit(self._build, torch.get_num_threads(), build, arguments)

    def __enter__(self):
        try:
            self._wait_for(self.built)
        except BaseException:
            self.pool.shutdown()
            raise
        return self

    def __exit__(self, *error):
        self.pool.shutdown()

    def __call__(self, *arguments):
        return self._wait_for(self.pool.submit(self._call, *arguments))

    def _wait_for(self, future):
        seconds = max(self.deadline - time.monotonic(), LEAST_SECONDS)
        try:
            return future.result(None if seconds == math.inf else seconds)
        except TimeoutError as error:
            if future.done():  # it was raised there
                raise
            os.kill(self.process.result(), signal.SIGKILL)
            raise TimeoutError(f"No answer within {seconds:.0f} seconds.") from error

    @staticmethod
    def _build(n_threads, build, arguments):
        torch.set_num_threads(n_threads)
        Apart.function = staticmethod(build(*arguments))

    @staticmethod
    def _call(*arguments):
        return Apart.function(*arguments)


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
    text, content = report(title, command, sections, device)
    print(text)
    if name is not None:
        write(RESULTS / name, text, content)


def report(title, command, sections, device="cpu"):
    """Return the tables as Markdown, and as a dict for JSON."""
    facts = machine(device)
    text = [f"# {title}", "", f"`{command}`", ""]
    text += [", ".join(f"{key}: {value}" for key, value in facts.items() if value), ""]
    for heading, rows, columns in sections:
        text += [f"## {heading}", "", table(rows, columns), ""]
    content = {"machine": facts, "command": command}
    content |= {heading: rows for heading, rows, _ in sections}
    return "\n".join(text), content


def write(path, text, content):
    """Write what `report` returns to path.md and path.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".md").write_text(text)
    path.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")


def _cell(value):
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
