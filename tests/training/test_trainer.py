"""What a trainer asks of a network."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_unsup._training import OptimizerSettings, Trainer, TrainingData, split_batches
from sklearn_unsup.networks import Network, Scaling, average_of, update_average

CPU = torch.device("cpu")


class Counting(Network):
    """Learn one number from what is given; count steps, and average the number."""

    def __init__(self):
        super().__init__()
        self.scaling = Scaling((1, 1, 1))
        self.layer = nn.Linear(1, 1)
        self.average = average_of(self.layer)
        self.register_buffer("n_steps", torch.zeros(()))

    def training_loss(self, batch, generator=None):
        return {
            "loss": (self.layer(batch.images.flatten(1)) - batch.given[:, None]).square().mean()
        }

    def after_step(self):
        update_average(self.average, self.layer, self.n_steps, decay=0.5)


@pytest.fixture
def trained():
    data = TrainingData(np.ones((8, 1), dtype=np.float32), given=np.full(8, 3, dtype=np.float32))
    network = Counting()
    trainer = Trainer(
        network,
        optimizer_settings=OptimizerSettings("adam", learning_rate=0.1),
        device=CPU,
        noise_generator=torch.Generator(),
    )
    batches, _ = split_batches(
        data, lambda rows: rows[:, None, None], 4, CPU, torch.Generator().manual_seed(0)
    )
    trainer.train(batches, max_epochs=60)
    return network


def test_a_network_learns_from_what_is_given(trained):
    assert float(trained.layer(torch.ones(1, 1)).detach()) == pytest.approx(3, abs=0.2)


def test_what_follows_a_step_follows_each_step(trained):
    assert int(trained.n_steps) == 60 * 2
    assert float(trained.average(torch.ones(1, 1))) == pytest.approx(3, abs=0.3)


def test_rows_of_another_number_are_split_anew():
    data = TrainingData(np.zeros((20, 1)))
    generator = torch.Generator().manual_seed(0)
    split_batches(data, lambda x: x, 4, CPU, generator, 0.5)
    fewer = TrainingData(data.rows[:6], permutation=data.permutation)
    training, validation = split_batches(fewer, lambda x: x, 4, CPU, generator, 0.5)
    assert sorted([*training.indices, *validation.indices]) == list(range(6))
