"""Benchmarks compare like with like."""

import numpy as np
import pytest

from benchmarks import training
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


@pytest.mark.parametrize("model", ENGINES)
def test_the_table_has_a_row_for_each_engine(model):
    rows, rate = training.measure(task(model), ["bare", "ours"], rounds=1)
    assert [row["arm"] for row in rows] == ["bare", "ours"]
    assert rows[0]["ratio"] == 1
    assert all(row["images/s"] > 0 and row["of matrix rate"] > 0 for row in rows)
    assert rate > 0
