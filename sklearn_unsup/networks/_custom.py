"""Networks of a user: built by a class or function, and then tried out."""

import torch
from torch import nn

from sklearn_unsup.networks._convolutional import ConvDecoder, ConvEncoder


def build_encoder(factory, image_shape, n_outputs, role="encoder", default=ConvEncoder, **widths):
    """Build an encoder: a `default` of the given widths, or what a user's factory returns.

    `role` is the name of the parameter that the factory came by.

    Raises
    ------
    TypeError
        If `factory` is a built module, or does not build one.
    ValueError
        If the module does not map images (b, c, h, w) to codes (b, n_outputs).
    """
    if factory is None:
        return default(image_shape, n_outputs, **widths)
    encoder = _build(role, factory, image_shape=image_shape, n_outputs=n_outputs)
    _try_out(role, encoder, image_shape, (n_outputs,))
    return encoder


def build_decoder(factory, image_shape, n_inputs, role="decoder", default=ConvDecoder, **widths):
    """Build a decoder: a `default` of the given widths, or what a user's factory returns.

    `role` is the name of the parameter that the factory came by.

    Raises
    ------
    TypeError
        If `factory` is a built module, or does not build one.
    ValueError
        If the module does not map codes (b, n_inputs) to images (b, c, h, w).
    """
    if factory is None:
        return default(image_shape, n_inputs, **widths)
    decoder = _build(role, factory, image_shape=image_shape, n_inputs=n_inputs)
    _try_out(role, decoder, (n_inputs,), image_shape)
    return decoder


def _build(role, factory, **kwargs):
    if isinstance(factory, nn.Module):
        raise TypeError(
            f"{role}= is a built {type(factory).__name__}. Give its class, or a function that "
            "builds it: every fit and every clone needs a network of its own, with new weights."
        )
    module = factory(**kwargs)
    if not isinstance(module, nn.Module):
        raise TypeError(f"{role}= has built a {type(module).__name__}, expected a torch.nn.Module.")
    return module


def _try_out(role, module, shape_in, shape_out):
    """Pass one sample of zeros; this also gives lazy layers their shapes."""
    module.eval()
    with torch.no_grad():
        shape = tuple(module(torch.zeros(1, *shape_in)).shape)
    if shape != (1, *shape_out):
        raise ValueError(
            f"{role}= has built a module that maps an input of shape {(1, *shape_in)} to an output "
            f"of shape {shape}, expected {(1, *shape_out)}."
        )
