"""The moving average of a module's weights."""

import torch
from torch import nn

from sklearn_unsup.networks import average_of, update_average


def test_an_average_follows_the_formula_of_its_decay():
    module = nn.Linear(3, 2)
    average, n_updates = average_of(module), torch.zeros(())
    assert not any(parameter.requires_grad for parameter in average.parameters())
    expected = module.weight.detach().clone()
    for t in range(1, 40):
        with torch.no_grad():
            module.weight.normal_(generator=torch.Generator().manual_seed(t))
        update_average(average, module, n_updates, decay=0.7)
        decay = min(0.7, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * module.weight.detach()
        torch.testing.assert_close(average.weight, expected)


def test_buffers_are_averaged_and_counts_are_copied():
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).train()
    average, n_updates = average_of(module), torch.zeros(())
    module(torch.randn(8, 2, generator=torch.Generator().manual_seed(0)))
    before, current = average[1].running_mean.clone(), module[1].running_mean
    update_average(average, module, n_updates, decay=0.9)
    assert int(average[1].num_batches_tracked) == 1
    torch.testing.assert_close(average[1].running_mean, torch.lerp(before, current, 9 / 11))
