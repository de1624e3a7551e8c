"""CUDA graphs without a GPU: a replay calls the captured step again."""

import torch

from sklearn_unsup._training import _graphs, _trainer


class Imitation:
    """Graphs on a CPU; like real ones, they keep the rate's tensor and the batch's memory.

    Parameters
    ----------
    patch : callable
        ``patch(target, name, value)`` sets an attribute for a while, as pytest's
        ``monkeypatch.setattr`` does.
    """

    def __init__(self, patch):
        self.n_replays = 0
        patch(_trainer, "supports_cuda_graphs", lambda device: True)
        patch(_trainer, "MIN_STEPS", 1)
        patch(_trainer, "GraphedSteps", self.build)
        patch(_graphs, "capture_stream", lambda device: None)
        patch(_graphs, "run_on_stream", lambda stream, function: function())
        patch(_graphs, "capture", self.capture)
        patch(_graphs, "reset_generators", lambda generator: None)

    def build(self, step, optimizer, generator):
        self.groups = optimizer.param_groups
        return _graphs.GraphedSteps(step, optimizer, generator)

    def capture(self, function, generator, stream):
        result, rates = {}, [group["lr"] for group in self.groups]

        def replay():
            self.n_replays += 1
            numbers = [group["lr"] for group in self.groups]
            for group, rate in zip(self.groups, rates, strict=True):
                group["lr"] = rate
            result.update(function())
            for group, number in zip(self.groups, numbers, strict=True):
                group["lr"] = number

        return replay, result


class Counted:
    """Real graphs, of short trainings too, whose replays are counted."""

    def __init__(self, patch):
        self.n_replays = 0
        replay = torch.cuda.CUDAGraph.replay

        def counted(graph):
            self.n_replays += 1
            return replay(graph)

        patch(_trainer, "MIN_STEPS", 1)
        patch(torch.cuda.CUDAGraph, "replay", counted)
