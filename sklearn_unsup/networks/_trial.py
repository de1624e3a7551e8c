"""Validation of a user's module: errors are found before the training."""

import contextlib
from itertools import chain

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from sklearn_unsup.networks._parts import copy_module

# On Linux and on Windows.
OUT_OF_MEMORY = "can't allocate memory", "DefaultCPUAllocator: not enough memory"


def validate_module(role, module, shape_in, shape_out):
    """Pass zeros through a module, in evaluation and training mode; return the module to train.

    The first pass gives lazy layers their shapes. The second is done by a copy, so that it does not
    change the statistics of a BatchNorm or torch's global random state. The returned module is in
    evaluation mode, and works on copies of its inputs.

    Raises
    ------
    ValueError, TypeError
        If the module does not map (b, *shape_in) to (b, *shape_out); the message names the role.
    """
    for name, tensor in chain(module.named_parameters(), module.named_buffers()):
        if tensor.device.type != "cpu":
            raise ValueError(
                f"{role}= has built a module with {name} on the device '{tensor.device}', expected "
                "'cpu'. Build it without a device: fit moves it to the one of device=."
            )
    with torch.no_grad():
        _pass_zeros(role, module.eval(), (1, *shape_in), (1, *shape_out))
    unset = [name for name, parameter in module.named_parameters() if is_lazy(parameter)]
    if unset:
        raise ValueError(
            f"{role}= has built a module whose lazy parameter {unset[0]} got no shape: forward "
            "does not use its layer in evaluation mode. Use the layer there, or leave it out."
        )
    module = _protect_inputs(module)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        try:
            with errors_of_role(role, "has built a module that cannot be copied by copy.deepcopy"):
                in_training = copy_module(module).train()
            outputs = _pass_zeros(role, in_training, (2, *shape_in), (2, *shape_out))
        except Exception as error:
            if not _is_out_of_memory(error):  # training raises it with a more helpful message
                raise
            return module
    if not outputs.requires_grad and any(p.requires_grad for p in module.parameters()):
        raise ValueError(
            f"{role}= has built a module with parameters to train, but its output has no gradient: "
            "forward detaches it, or runs under torch.no_grad(). Take that out, or freeze the "
            "module with requires_grad_(False)."
        )
    return module


@contextlib.contextmanager
def errors_of_role(role, what, advice=""):
    """Raise errors of a user's code as a ValueError that names the estimator's parameter."""
    try:
        yield
    except Exception as error:
        if _is_out_of_memory(error):
            raise
        text = f"{role}= {what}: {type(error).__name__}: {error}"
        raise ValueError(f"{text.rstrip('. ')}. {advice}".rstrip()) from error


def _is_out_of_memory(error):
    """Tell whether an error says that the memory of the host or of a GPU is full."""
    is_memory_error = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return is_memory_error or any(words in str(error) for words in OUT_OF_MEMORY)


def _protect_inputs(module):
    """Return the module with a hook that copies its inputs; deep copies keep the hook."""
    cls = type(module)
    if hasattr(cls, "__deepcopy__") or cls.__reduce__ is not object.__reduce__:
        module = nn.Sequential(module)  # a compiled, scripted or traced one would lose the hook
    module.register_forward_pre_hook(_copy_inputs)
    return module


def _copy_inputs(module, inputs):
    """Copy the inputs of a user's module: it may change them in place, and they are used later."""
    return tuple(tensor.clone() for tensor in inputs)


def _pass_zeros(role, module, shape_in, shape_out):
    """Return the output of a module for zeros, or raise an error if it is not as expected."""
    mode = "training" if module.training else "evaluation"
    expected = f"expected a float32 tensor of shape {shape_out}"
    where = f"in {mode} mode, for an input of shape {shape_in}"
    advice = f"{expected.capitalize()}."
    with errors_of_role(role, f"has built a module that fails {where}", advice):
        outputs = module(torch.zeros(shape_in, dtype=torch.float32, device="cpu"))
    maps = f"{role}= has built a module that returns"
    if not torch.is_tensor(outputs):
        kind = "None" if outputs is None else f"a {type(outputs).__name__}"
        raise TypeError(f"{maps} {kind} {where}, {expected}. Return the tensor alone.")
    if outputs.shape != shape_out:
        raise ValueError(f"{maps} shape {tuple(outputs.shape)} {where}, {expected}.")
    if outputs.device.type != "cpu":
        raise ValueError(
            f"{maps} a tensor on the device '{outputs.device}' {where}, {expected} on the device "
            "of the input. Move nothing in forward."
        )
    if outputs.dtype != torch.float32:
        dtype = str(outputs.dtype).removeprefix("torch.")
        raise ValueError(
            f"{maps} {dtype} {where}, {expected}. Cast the output in forward: .to(images.dtype), "
            "for example."
        )
    return outputs
