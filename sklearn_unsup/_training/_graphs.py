"""Training steps as CUDA graphs: one launch per step instead of about a hundred."""

import warnings

import torch

from sklearn_unsup._devices import ForkSafeLock, capture_stream, run_on_stream, tuning_is_enabled
from sklearn_unsup.networks import Batch

N_WARM_UP_STEPS = 3  # run without a graph, as libraries initialise themselves
MIN_STEPS = 200  # in shorter trainings a capture takes more time than it saves
_CAPTURE_LOCK = ForkSafeLock()


def supports_cuda_graphs(device):
    """Tell whether CUDA graphs can be captured on a device, on a separate stream."""
    return device.type == "cuda" and tuning_is_enabled()


class GraphedSteps:
    """Run a training step a few times, then capture it as a CUDA graph, and replay the graph.

    A graph repeats the operations of the device. Whatever Python decided stays fixed: shapes, the
    `variant`, the optimiser's settings, which weights have gradients, numbers of the network. There
    is one graph for each batch shape and variant. The learning rate is passed in each step. If
    other settings of the optimiser or `requires_grad` of a weight have changed, the step runs
    without a graph. Numbers of the network are not checked, as that would take longer than the
    step. The next replay overwrites the returned tensors.

    Parameters
    ----------
    step : callable
        ``step(batch, variant) -> dict`` of tensors; takes a step of the optimiser.
    optimizer : torch.optim.Optimizer
        A fused Adam, which reads its learning rate from a tensor on the device.
    generator : torch.Generator
        The generator of the step, on the device.
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
        """Take a step, and return the parts of its loss."""
        key = (_layout(batch.images), _layout(batch.given), variant)
        if key not in self.graphs and self.works:
            self.n_steps[key] = self.n_steps.get(key, 0) + 1
            if self.n_steps[key] <= N_WARM_UP_STEPS:
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
            with _CAPTURE_LOCK.lock:
                replay, parts = capture(
                    lambda: self.step(static, variant), self.generator, self.stream
                )
            self.graphs[key] = settings, replay, static, rates, parts
        except RuntimeError as error:
            self.works = False
            self.graphs.clear()  # torch frees the memory that they use
            reset_generators(self.generator)
            warnings.warn(
                "The training step could not be captured as a CUDA graph "
                f"({str(error).splitlines()[0]}). Training goes on without one, and is slower.",
                RuntimeWarning,
                stacklevel=2,
            )
        finally:  # schedules, checkpoints and callbacks expect numbers
            for group, values in zip(groups, plain, strict=True):
                group.update(values)

    def _settings(self):
        """Return the optimiser's settings without the learning rate, and all `requires_grad`."""
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
    """Capture the operations of a function on a CUDA device, without running them.

    Returns
    -------
    replay : callable
        Runs the operations, on the same memory.
    result : object
        What the function returned; `replay` fills its tensors.
    """
    with torch.cuda.device(stream.device):  # where the graph allocates the generator's state
        current = torch.cuda.current_stream()
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(generator)
        try:
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                result = function()
        finally:  # torch does not reset the stream if the capture itself has failed
            torch.cuda.set_stream(current)
    return graph.replay, result


def reset_generators(generator):
    """Make generators usable after a failed capture, which some versions of torch do not."""
    device = generator.device
    index = torch.cuda.current_device() if device.index is None else device.index
    for each in (generator, torch.cuda.default_generators[index]):
        each.graphsafe_set_state(each.clone_state())
