"""A trial of a user's module: what cannot work is named before the training."""

import contextlib
from itertools import chain

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from sklearn_unsup.networks._parts import copy_module

HOST_MEMORY = "can't allocate memory", "DefaultCPUAllocator: not enough memory"  # and Windows


def try_out(role, module, shape_in, shape_out):
    """Pass zeros through a module, in evaluation and in training; return one to train.

    The first pass gives lazy layers their shapes. The second is that of a copy, so that it leaves
    no trace in the statistics of a BatchNorm or in torch's global random state. What is returned
    is in evaluation mode, and works on copies of its inputs.

    Raises
    ------
    ValueError, TypeError
        Name the role, and what the module does other than to map (b, *shape_in) to (b, *shape_out).
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
            with blamed_on(role, "has built a module that cannot be copied by copy.deepcopy"):
                trained = copy_module(module).train()
            outputs = _pass_zeros(role, trained, (2, *shape_in), (2, *shape_out))
        except Exception as error:
            if not _is_out_of_memory(error):  # the training says more of that: its batch's size
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
def blamed_on(role, what, advice=""):
    """Name the parameter that a user's code came by in errors of that code."""
    try:
        yield
    except Exception as error:
        if _is_out_of_memory(error):
            raise
        text = f"{role}= {what}: {type(error).__name__}: {error}"
        raise ValueError(f"{text.rstrip('. ')}. {advice}".rstrip()) from error


def _is_out_of_memory(error):
    """Tell whether an error says that the main memory, or a GPU's, is full."""
    full = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return full or any(words in str(error) for words in HOST_MEMORY)


def _protect_inputs(module):
    """Return a module that works on copies, as do its own copies."""
    kind = type(module)
    if hasattr(kind, "__deepcopy__") or kind.__reduce__ is not object.__reduce__:
        module = nn.Sequential(module)  # compiled, scripted or traced: it would lose the hook
    module.register_forward_pre_hook(_copy_inputs)
    return module


def _copy_inputs(module, inputs):
    """Give a user's module copies: it may work in place, and others use the tensors after it."""
    return tuple(tensor.clone() for tensor in inputs)


def _pass_zeros(role, module, shape_in, shape_out):
    """Return what a module makes of zeros, if that is what is expected."""
    mode = "training" if module.training else "evaluation"
    expected = f"expected a float32 tensor of shape {shape_out}"
    where = f"in {mode} mode, for an input of shape {shape_in}"
    with blamed_on(role, f"has built a module that fails {where}", f"{expected.capitalize()}."):
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
