"""Custom networks: built by a user's class or function, and then validated."""

import contextlib
import inspect
from itertools import chain

import torch
from torch import nn

from sklearn_unsup.networks._convolutional import ConvDecoder, ConvEncoder
from sklearn_unsup.networks._initialisation import initialise
from sklearn_unsup.networks._layers import DeferredInit
from sklearn_unsup.networks._trial import errors_of_role, validate_module


def build_encoder(factory, image_shape, n_outputs, role="encoder", default=ConvEncoder, **widths):
    """Build an encoder: a `default` of the given widths, or a module of a user's factory.

    `role` is the parameter of the estimator that holds the factory.

    Raises
    ------
    TypeError
        If `factory` is a built module, or does not build one.
    ValueError
        If `factory` fails, or builds the same module again, or if the module does not map images
        (b, c, h, w) to codes (b, n_outputs).
    """
    if factory is None:
        return default(image_shape, n_outputs, **widths)
    kwargs = {"image_shape": image_shape, "n_outputs": n_outputs}
    return _build(role, factory, kwargs, image_shape, (n_outputs,))


def build_decoder(factory, image_shape, n_inputs, role="decoder", default=ConvDecoder, **widths):
    """Build a decoder: a `default` of the given widths, or a module of a user's factory.

    `role` is the parameter of the estimator that holds the factory.

    Raises
    ------
    TypeError
        If `factory` is a built module, or does not build one.
    ValueError
        If `factory` fails, or builds the same module again, or if the module does not map codes
        (b, n_inputs) to images (b, c, h, w).
    """
    if factory is None:
        return default(image_shape, n_inputs, **widths)
    kwargs = {"image_shape": image_shape, "n_inputs": n_inputs}
    return _build(role, factory, kwargs, (n_inputs,), image_shape)


@contextlib.contextmanager
def _default_modes():
    """Override the modes and the default device that a user may have set around the call."""
    with (
        torch.device("cpu"),
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast("cpu", enabled=False),
    ):
        yield


@_default_modes()
def _build(role, factory, kwargs, shape_in, shape_out):
    if isinstance(factory, nn.Module):
        raise TypeError(
            f"{role}= is a built {type(factory).__name__}. Give its class, or a function that "
            "builds it: every fit and every clone needs a network of its own, with new weights."
        )
    module = _call(role, factory, kwargs)
    if not inspect.isclass(factory):
        with torch.random.fork_rng(devices=[]):  # the second build must not change later draws
            _check_independent(role, module, _call(role, factory, kwargs))
    for layer in module.modules():
        if isinstance(layer, DeferredInit) and layer.weight.is_meta:
            initialise(layer, torch.default_generator)
    _to_float32(module)
    return validate_module(role, module, shape_in, shape_out)


def _call(role, factory, kwargs):
    given = ", ".join(f"{name}={value!r}" for name, value in kwargs.items())
    advice = "Give a class or function that takes these two and returns a torch.nn.Module."
    with errors_of_role(role, f"fails when called with {given}", advice), _float32_by_default():
        module = factory(**kwargs)
    if not isinstance(module, nn.Module):
        raise TypeError(f"{role}= has built a {type(module).__name__}, expected a torch.nn.Module.")
    return module


def _check_independent(role, module, another):
    """Raise an error if two builds are the same module, or share trainable parameters."""
    if another is module:
        shared = f"the same {type(module).__name__} each time it is called"
    else:
        trainable = {id(p) for p in module.parameters() if p.requires_grad}
        if trainable.isdisjoint(map(id, another.parameters())):
            return
        shared = "modules that share their parameters"
    raise ValueError(
        f"{role}= returns {shared}. Build a new one in each call: every fit and every clone needs "
        "a network of its own, with new weights."
    )


def _to_float32(module):
    """Convert tensors of torch's default dtype to float32; other dtypes were chosen on purpose."""
    default = torch.get_default_dtype()
    for tensor in chain(module.parameters(), module.buffers()):
        if tensor.dtype == default != torch.float32:
            tensor.data = tensor.data.float()


@contextlib.contextmanager
def _float32_by_default():
    """Set the default dtype to float32, so that weights do not depend on the user's default."""
    before = torch.get_default_dtype()
    if before == torch.float32:  # setting it would affect other threads
        yield
        return
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
