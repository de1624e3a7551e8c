"""All that is asked of a GPU, in minutes: speed first, then the checks of tests/gpu_checks.py.

    python -m benchmarks.gpu --data mnist.npz
    python -m benchmarks.gpu --data mnist.npz --device cpu --tiny --out elsewhere

It is run from the root of the repository and needs the package's dependencies alone; the package
need not be installed. Parts come in the order of their worth, each with a share of the minutes, and
the results are written anew after each. What fails is written there too, with its traceback, the
rest goes on, and the exit status is 1.
"""

import sys
import time
from collections import namedtuple
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks import _common, inference, training
from benchmarks._engines import Task
from sklearn_unsup import ConvAutoencoder, ConvGAN, ConvVAE

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import gpu_checks

MARGIN = 20  # seconds: what is under way at the end may take longer than it should
LEAST_LEFT = 45  # seconds for which another round is begun
KINDS = {"autoencoder": ConvAutoencoder, "vae": ConvVAE, "gan": ConvGAN}
OURS = ["ours", "ours_without_graphs"]
ARMS = {
    "autoencoder": ["bare", "dataloader", "skorch", *OURS],
    "vae": ["bare", "dataloader", *OURS],  # skorch has one loss, of outputs and targets
    "gan": ["bare", "dataloader", *OURS],
    "wide": ["bare_tuned", "ours"],
}
CELLS = (
    "images per second / DataLoader loop",
    "images per second / skorch",
    "images per second / bare loop",
    "share of the matrix rate, wide network",
    "transform / time of copying",
)
ASKED = "≥ 15", "≥ 15", "≥ 3", "≥ 0.3", "≤ 1.5"

Part = namedtuple("Part", "name, seconds, run")  # seconds of eight minutes


@dataclass(frozen=True)
class Sizes:
    """How much there is of everything."""

    rows: int = 60_000
    batch_size: int = 128
    channels: tuple = (16, 32)
    wide_rows: int = 25_600
    wide_shape: tuple = (3, 64, 64)
    wide_channels: tuple = (128, 256, 512)
    transformed: int = 1_000_000
    smoke_rows: int = 4000
    smoke_epochs: int = 5  # of 250 steps in all: enough for graphs
    rounds: int = 5
    matrix_side: int | None = None
    n_checks: int | None = None


TINY = Sizes(
    rows=64,
    batch_size=32,
    channels=(2, 2),
    wide_rows=32,
    wide_shape=(3, 8, 8),
    wide_channels=(2, 2),
    transformed=300,
    smoke_rows=64,
    smoke_epochs=1,
    rounds=1,
    matrix_side=128,
    n_checks=3,
)


class Results:
    """One file of all that was found, written again with each finding."""

    def __init__(self, path, command, device):
        self.path, self.command, self.device = path, command, device
        self.cells = dict.fromkeys(CELLS)
        self.sections, self.failed, self.left_out = [], {}, []

    def add(self, heading, rows, columns=None):
        """Add a table, and print it."""
        if rows:
            self.sections.append((heading, rows, columns or list(rows[0])))
            print(f"\n## {heading}\n\n{_common.table(*self.sections[-1][1:])}", flush=True)
        self.write()

    def fill(self, cell, value):
        """Fill a cell, if it is empty."""
        if self.cells[cell] is None:
            self.cells[cell] = value

    def fail(self, failed):
        """Add tracebacks by name."""
        for name, text in failed.items():
            self.failed[name] = text
            print(f"\n{name} FAILED\n{text}", flush=True)
        self.write()

    def write(self):
        """Write all there is."""
        cells = [
            {"cell": name, "asked": asked, "measured": self.cells[name]}
            for name, asked in zip(CELLS, ASKED, strict=True)
        ]
        counts = f"{len(self.failed)} failed, {len(self.left_out)} left out for want of time"
        sections = [(f"Cells of speed.md ({counts})", cells, list(cells[0])), *self.sections]
        text, content = _common.report("GPU", self.command, sections, self.device)
        for name, trace in self.failed.items():
            text += f"\n## Failed: {name}\n\n```\n{trace.rstrip()}\n```\n"
        for name in self.left_out:
            text += f"\nLeft out for want of time: {name}.\n"
        content |= {"failed": self.failed, "left out": self.left_out}
        _common.write(self.path, text, content)


def one_by_one(build, arguments, names, deadline):
    """Call a function in another process with each name; a new process after each failure.

    Returns
    -------
    seconds : dict of float
        What it returned, by name.
    failed : dict of str
        Tracebacks, by name.
    """
    seconds, failed, process = {}, {}, None
    with ExitStack() as stack:
        for name in names:
            if time.monotonic() > deadline:
                break
            with _common.noting_failure(name, failed):
                if process is None:
                    process = _common.Apart(build, *arguments, deadline=deadline)
                    stack.enter_context(process)
                seconds[name] = process(name)
            if name in failed:
                stack.close()
                process = None
    return seconds, failed


def smoker(rows, device, max_epochs):
    """Return a function that fits a model, by name, uses it, and returns the seconds."""

    def smoke(name):
        start = time.perf_counter()
        estimator = gpu_checks.fitted(
            KINDS[name], device, rows, max_epochs=max_epochs, random_state=0
        )
        assert np.isfinite(estimator.transform(rows)).all()
        assert np.isfinite(estimator.sample(5, 0)).all()
        return time.perf_counter() - start

    return smoke


def checker(device):
    """Return a function that runs a check, by name, and returns the seconds."""

    def check(name):
        start = time.perf_counter()
        getattr(gpu_checks, name)(device)
        return time.perf_counter() - start

    return check


class Run:
    """The parts, each a method that takes a label for its results, and its deadline."""

    def __init__(self, x_train, sizes, device, results):
        self.x_train, self.sizes, self.device, self.results = x_train, sizes, device, results

    def parts(self):
        """Return the parts, in the order of their worth."""
        first = [
            Part("smoke", 60, self.smoke),
            Part("autoencoder", 90, partial(self.train, "autoencoder")),
            Part("vae", 60, partial(self.train, "vae")),
            Part("gan", 60, partial(self.train, "gan")),
            Part("wide", 60, partial(self.train, "wide")),
            Part("transform", 60, self.transform),
            Part("checks", 150, self.check),
        ]
        again = [part for part in first if part.name not in ("smoke", "checks")]
        return first, [part._replace(name=f"{part.name}, again") for part in again]

    def smoke(self, label, deadline):
        """Fit each model once, quickly."""
        arguments = self.x_train[: self.sizes.smoke_rows], self.device, self.sizes.smoke_epochs
        found, failed = one_by_one(smoker, arguments, KINDS, deadline)
        self._add(f"{label}, a fit of each model", "model", found, failed, KINDS)

    def check(self, label, deadline):
        """Run the checks that need no pytest."""
        checks = gpu_checks.CHECKS[: self.sizes.n_checks]
        if self.device.startswith("cuda"):
            checks = [*checks, *gpu_checks.ON_A_GPU]
        names = [check.__name__ for check in checks]
        found, failed = one_by_one(checker, (self.device,), names, deadline)
        self._add(label, "check", found, failed, names)

    def _add(self, heading, kind, found, failed, names):
        done = [name for name in names if name in found or name in failed]
        rows = [{kind: name, "passed": name in found, "seconds": found.get(name)} for name in done]
        self.results.left_out += [name for name in names if name not in done]
        self.results.add(f"{heading}: {len(found)} of {len(list(names))} passed", rows)
        self.results.fail(failed)

    def train(self, name, label, deadline):
        """Time epochs of the arms of a model."""
        task, failed = self._task(name), {}
        rows, rate = training.measure(
            task, ARMS[name], self.sizes.rounds, deadline, failed, self.sizes.matrix_side
        )
        medians = {row["arm"]: row["median"] for row in rows}
        if name == "autoencoder" and "ours" in medians:
            for cell, arm in zip(CELLS, ("dataloader", "skorch", "bare"), strict=False):
                if arm in medians:
                    self.results.fill(cell, medians[arm] / medians["ours"])
        if name == "wide" and "ours" in medians:
            self.results.fill(CELLS[3], rows[-1]["of matrix rate"])
        heading = (
            f"{label}: seconds per epoch of {len(task.rows)} rows; matrix products at "
            f"{rate:.1f} TFLOP/s"
        )
        self.results.add(heading, rows, training.COLUMNS)
        self.results.fail({f"{label}: {arm}": text for arm, text in failed.items()})

    def _task(self, name):
        sizes, rows, shape, channels = self.sizes, self.x_train, (1, 28, 28), self.sizes.channels
        if name == "wide":
            shape, channels = sizes.wide_shape, sizes.wide_channels
            rng = np.random.default_rng(0)
            rows = rng.integers(0, 256, (sizes.wide_rows, int(np.prod(shape))), dtype=np.uint8)
        return Task(
            model="autoencoder" if name == "wide" else name,
            rows=rows[: sizes.wide_rows if name == "wide" else sizes.rows],
            image_shape=shape,
            hidden_channels=channels,
            n_components=128,
            batch_size=sizes.batch_size,
            device=self.device,
            precision="auto",
            max_epochs=3
            if self.device.startswith("cuda")
            else 1,  # graphs are captured in the first
        )

    def transform(self, label, deadline):
        """Time `transform` of many rows beside their way to the device."""
        n, rounds = self.sizes.transformed, self.sizes.rounds
        with _common.Apart(
            inference.timer, self.x_train, n, self.device, rounds, deadline=deadline
        ) as apart:
            seconds = apart()
        self.results.fill(CELLS[4], seconds["transform"] / seconds["copy"])
        rows = [
            {"arm": arm, "seconds": value, "rows / s": round(n / value)}
            for arm, value in seconds.items()
        ]
        self.results.add(f"{label}: median seconds of {n} rows", rows)


def parse():
    parser = _common.parser(__doc__)
    parser.set_defaults(device="cuda")
    parser.add_argument("--minutes", type=float, default=8, help="for all of it")
    parser.add_argument("--tiny", action="store_true", help="sizes that a CPU does at once")
    parser.add_argument("--out", type=Path, default=_common.RESULTS, help="folder of the results")
    return parser.parse_args()


def main():
    start, arguments = time.monotonic(), parse()
    kind = arguments.device.split(":")[0]
    if kind == "cuda" and not torch.cuda.is_available():
        sys.exit("torch finds no CUDA device here. To try the command: --device cpu --tiny")
    command = f"python -m benchmarks.gpu --data mnist.npz{' --tiny' if arguments.tiny else ''}"
    results = Results(arguments.out / f"gpu_{kind}", command, arguments.device)
    sizes = TINY if arguments.tiny else Sizes()
    run = Run(_common.load(arguments.data)[0], sizes, arguments.device, results)
    end = start + max(60 * arguments.minutes - MARGIN, 0)
    first, again = run.parts()
    for part in first + again:
        now = time.monotonic()
        if part in again and (arguments.tiny or end - now < LEAST_LEFT):
            break
        if now > end:
            results.left_out.append(part.name)
            continue
        failed = {}
        with _common.noting_failure(part.name, failed):
            part.run(part.name, min(end, now + part.seconds * arguments.minutes / 8))
        results.fail(failed)
    results.write()
    print(f"\n{results.path}.md after {time.monotonic() - start:.0f} seconds")
    sys.exit(1 if results.failed else 0)


if __name__ == "__main__":
    main()
