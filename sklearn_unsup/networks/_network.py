"""Interface between trainers and networks: batches, losses and hooks."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Batch:
    """Images of one training step, with their labels or indices.

    Parameters
    ----------
    images : Tensor of shape (b, c, h, w)
        In the user's units.
    given : Tensor of shape (b,) or (b, ...), or None
        Labels, or indices of rows, where the model uses them.
    """

    images: torch.Tensor
    given: torch.Tensor | None = None

    def __len__(self):
        return len(self.images)


class Network(nn.Module):
    """Base class of networks that compute their own training loss.

    A network also has `encode(images)`, `decode(codes)` or `draw(noise)`, if it supports them.
    Trainers call none of these.

    Attributes
    ----------
    scaling : Scaling
        Transformation between the user's units and the network's, set by `fit`.
    """

    def training_loss(self, batch, generator=None):
        """Return the loss of a batch and its parts.

        Parameters
        ----------
        batch : Batch
        generator : torch.Generator, default=None
            The only source of randomness, on the device of the batch.

        Returns
        -------
        parts : dict of Tensor of shape ()
            The key "loss" holds the loss to minimise; `history_` records each part.
        """
        raise NotImplementedError

    def after_initialisation(self):
        """Do what follows the drawing of initial weights, such as copying them to an average."""

    def after_step(self):
        """Update the network after a step of the optimiser, such as an average of weights.

        By default it does nothing. It may be captured in a CUDA graph, so it must work in place and
        must not branch on values of tensors.
        """


class AdversarialNetwork(Network):
    """Base class of networks with a generator and a discriminator, each with its own loss.

    Attributes
    ----------
    penalises_gradients : bool
        Whether the discriminator's loss contains gradients, which torch cannot compile.
    """

    penalises_gradients = False

    def players(self):
        """Return the parameters of each player: "discriminator" and "generator"."""
        raise NotImplementedError

    def generate(self, n, generator=None):
        """Draw codes (n, k), and generate images (n, c, h, w) in the network's units."""
        raise NotImplementedError

    def discriminator_losses(self, batch, codes, generated, generator=None):
        """Return a dict with "discriminator_loss" and other values to record."""
        raise NotImplementedError

    def generator_losses(self, batch, codes, generated, generator=None):
        """Return a dict with "generator_loss" and other values to record."""
        raise NotImplementedError
