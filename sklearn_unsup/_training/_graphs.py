"""Training steps as CUDA graphs: one launch in place of a hundred."""

import warnings

import torch

from sklearn_unsup._devices import ForkSafeLock, capture_stream, run_on_stream, tuning_is_enabled
from sklearn_unsup.networks import Batch

STEPS_BEFORE = 3  # that run as they are: libraries set themselves up in the first ones
MIN_STEPS = 200  # of a training for which a capture is worth its time
_CAPTURING = ForkSafeLock()


def has_graphs(device):
    """Tell whether what a device does can be captured and replayed, on a stream of its own."""
    return device.type == "cuda" and tuning_is_enabled()


class GraphedSteps:
    """Run a training step as it is a few times, then capture it, and replay it from there on.

    A graph repeats what the device did, with all that Python had decided: shapes, the `variant`,
    the optimiser's settings, which weights have gradients, numbers of the network. There is one for
    each batch shape and variant; the learning rate is handed to it anew each time, and a step for
    which the optimiser's other settings or the gradients' places have changed runs as it is. (To
    look at the network's numbers before each step would cost more than the step.) What a replayed
    step returns is overwritten by the next.

    Parameters
    ----------
    step : callable
        ``step(batch, variant) -> dict`` of tensors; takes a step of the optimiser.
    optimizer : torch.optim.Optimizer
        A fused Adam: it takes its learning rate from a tensor on the device.
    generator : torch.Generator
        What the step draws from, on the device.
    """

    def __init__(self, step, optimizer, generator):
        self.step = step
        self.optimizer = optimizer
        self.generator = generator
        self.stream = capture_stream(generator.device)
        self.n_steps = {}
        self.graphs = {}
        self.works = True

    def __call__(self, batch, variant=None):
        """Take a step; return the parts of its loss."""
        key = (_layout(batch.images), _layout(batch.given), variant)
        if key not in self.graphs and self.works:
            self.n_steps[key] = self.n_steps.get(key, 0) + 1
            if self.n_steps[key] <= STEPS_BEFORE:
                return run_on_stream(self.stream, lambda: self.step(batch, variant))
            self._capture(key, batch, variant)
        settings, replay, static, rates, parts = self.graphs.get(key, (None,) * 5)
        if settings != self._settings():
            return self.step(batch, variant)
        static.images.copy_(batch.images)
        if batch.given is not None:
            static.given.copy_(batch.given)
        for rate, group in zip(rates, self.optimizer.param_groups, strict=True):
            rate.fill_(group["lr"])
        replay()
        return parts

    def _capture(self, key, batch, variant):
        settings, images = self._settings(), batch.images
        static = Batch(images.clone(), None if batch.given is None else batch.given.clone())
        groups = self.optimizer.param_groups
        plain = [{"lr": group["lr"], "capturable": group["capturable"]} for group in groups]
        rates = [torch.full((), float(group["lr"]), device=images.device) for group in groups]
        for group, rate in zip(groups, rates, strict=True):
            group.update(lr=rate, capturable=True)
        try:
            with _CAPTURING.lock:
                replay, parts = capture(
                    lambda: self.step(static, variant), self.generator, self.stream
                )
            self.graphs[key] = settings, replay, static, rates, parts
        except RuntimeError as error:
            self.works = False
            self.graphs.clear()  # torch frees memory of the stream's that they would use
            leave_capture(self.generator)
            warnings.warn(
                "The training step could not be captured as a CUDA graph "
                f"({str(error).splitlines()[0]}). Training goes on without one, and is slower.",
                RuntimeWarning,
                stacklevel=2,
            )
        finally:  # schedules, checkpoints and callbacks find numbers, as ever
            for group, values in zip(groups, plain, strict=True):
                group.update(values)

    def _settings(self):
        """Return what Python decides in a step, beside its shape, the variant and the rate."""
        return [
            (
                {name: value for name, value in group.items() if name not in ("params", "lr")},
                [parameter.requires_grad for parameter in group["params"]],
            )
            for group in self.optimizer.param_groups
        ]


def _layout(tensor):
    return None if tensor is None else (tensor.shape, tensor.stride(), tensor.dtype)


def capture(function, generator, stream):
    """Capture what a function does on a cuda device, without doing it.

    Returns
    -------
    replay : callable
        Does it, on the same memory.
    result : object
        What the function returned; its tensors are filled by `replay`.
    """
    with torch.cuda.device(stream.device):  # the generator's memory in the graph is made there
        current = torch.cuda.current_stream()
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(generator)
        try:
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                result = function()
        finally:  # which torch leaves out if the capture itself has failed
            torch.cuda.set_stream(current)
    return graph.replay, result


def leave_capture(generator):
    """Let generators draw again after a capture that failed: some torch leaves them in it."""
    device = generator.device
    index = torch.cuda.current_device() if device.index is None else device.index
    for each in (generator, torch.cuda.default_generators[index]):
        each.graphsafe_set_state(each.clone_state())
