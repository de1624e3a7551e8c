"""Benchmarks compare like with like."""

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from every_model import slow_unless

from benchmarks import _common, gpu, training
from benchmarks._engines import ENGINES, RATE, Task
from sklearn_unsup import ConvAutoencoder, ConvGAN, ConvVAE


def task(model, n=128):
    return Task(
        model=model,
        rows=np.random.default_rng(0).integers(0, 256, (n, 144), dtype=np.uint8),
        image_shape=(1, 12, 12),
        hidden_channels=(4, 8),
        n_components=3,
        batch_size=32,
        device="cpu",
        precision="auto",
        max_epochs=1,
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # one epoch
@pytest.mark.parametrize(
    "estimator",
    [
        ConvAutoencoder(3),
        ConvVAE(3, hidden_layer_sizes=()),
        ConvGAN(3, hidden_layer_sizes=(), code="discriminator"),
    ],
    ids=ENGINES,
)
def test_all_engines_train_the_same_network(estimator, request):
    compared = task(request.node.callspec.id)
    estimator.set_params(hidden_channels=compared.hidden_channels, max_epochs=1)
    estimator.set_params(learning_rate=RATE).fit(compared.rows)
    shapes = [
        sorted(tuple(weights.shape) for weights in network.parameters())
        for network in (compared.losses(), estimator.network_)
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("model", slow_unless("autoencoder".__eq__, ENGINES))
def test_the_table_has_a_row_for_each_engine(model):
    rows, rate = training.measure(task(model), ["bare", "ours"], rounds=1)
    assert [row["arm"] for row in rows] == ["bare", "ours"]
    assert rows[0]["ratio"] == 1
    assert all(row["images/s"] > 0 and row["of matrix rate"] > 0 for row in rows)
    assert rate > 0


def build(value):
    return lambda: answer(value)


def answer(value):
    if value == "slow":
        time.sleep(60)
    if value == "wrong":
        raise ArithmeticError("a wrong arm")
    return value


def test_an_arm_that_fails_is_left_out_and_the_rest_goes_on():
    failed = {}
    with _common.Apart(build, 2.0) as good, _common.Apart(build, "wrong") as wrong:
        times = _common.interleave({"good": good, "wrong": wrong}, 2, failed=failed)
        assert times == {"good": [2.0, 2.0]}
        assert "a wrong arm" in failed["wrong"]
        with pytest.raises(ArithmeticError):
            _common.interleave({"wrong": wrong}, 2)


def test_an_arm_that_hangs_is_killed(monkeypatch):
    monkeypatch.setattr(_common, "LEAST_SECONDS", 0.2)
    with _common.Apart(build, "slow") as slow:
        slow.deadline = time.monotonic()
        with pytest.raises(TimeoutError, match="No answer"):
            slow()


def test_after_the_deadline_one_round_counts():
    times = _common.interleave({"arm": lambda: 1.0}, 5, deadline=-math.inf)
    assert times == {"arm": [1.0]}


WITHOUT = """
import sys
from importlib import metadata

ABSENT = "bokeh h5py hypothesis lightning matplotlib pandas polars pytest pythae rich skops "
ABSENT += "tensorboard umap zarr"

class Finder:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ABSENT.split():
            return self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = map(Finder, sys.meta_path)
found = metadata.version

def version(name):
    if name == "sklearn-unsup":
        raise metadata.PackageNotFoundError(name)
    return found(name)

metadata.version = version
"""


def test_all_that_a_gpu_is_asked_is_asked_of_a_cpu(tmp_path):
    """With the dependencies alone, the package not installed."""
    rng = np.random.default_rng(0)
    images = {
        f"x_{part}": rng.integers(0, 256, (64, 28, 28), np.uint8) for part in ("train", "test")
    }
    labels = {f"y_{part}": np.zeros(64) for part in ("train", "test")}
    np.savez(tmp_path / "mnist.npz", **images, **labels)
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    root = Path(gpu.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"}
    command = [sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--tiny"]
    command += ["--data", tmp_path / "mnist.npz", "--out", tmp_path / "results"]
    result = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert {path.name for path in (tmp_path / "results").iterdir()} == {
        "gpu_cpu.md",
        "gpu_cpu.json",
    }
    found = json.loads((tmp_path / "results" / "gpu_cpu.json").read_text())
    assert found["failed"] == {} and found["left out"] == []
    for name, arms in gpu.ARMS.items():
        (rows,) = [rows for heading, rows in found.items() if heading.startswith(f"{name}:")]
        assert [row["arm"] for row in rows] == arms
    (cells,) = [rows for heading, rows in found.items() if heading.startswith("Cells")]
    assert all(row["measured"] > 0 for row in cells)
