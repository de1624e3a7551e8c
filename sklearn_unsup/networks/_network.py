"""What a trainer may ask of a network, and what it hands to it."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Batch:
    """Images of one training step, and what was given beside them.

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
    """Base of the networks that are trained by their own loss.

    A network also brings `encode(images)`, `decode(codes)` or `draw(noise)`, as far as it can; a
    trainer calls none of them.

    Attributes
    ----------
    scaling : Scaling
        The map between the user's units and the network's, which `fit` sets.
    """

    def training_loss(self, batch, generator=None):
        """Return the loss of a batch, and its parts.

        Parameters
        ----------
        batch : Batch
        generator : torch.Generator, default=None
            The only source of randomness, on the device of the batch.

        Returns
        -------
        parts : dict of Tensor of shape ()
            With the key "loss"; `history_` records each part.
        """
        raise NotImplementedError

    def after_initialisation(self):
        """Do what follows the drawing of initial weights, such as copying them to an average."""

    def after_step(self):
        """Do what follows a step of the optimiser, such as moving an average; nothing by default.

        On CUDA it may be captured in a graph: it works in place, without looking at values.
        """


class AdversarialNetwork(Network):
    """Base of the networks whose parts are trained in turn, each by a loss of its own.

    Attributes
    ----------
    penalises_gradients : bool
        Whether the discriminator's loss holds gradients, which torch cannot compile.
    """

    penalises_gradients = False

    def players(self):
        """Return the parameters of each player: "discriminator" and "generator"."""
        raise NotImplementedError

    def generate(self, n, generator=None):
        """Draw codes (n, k), and generate their images (n, c, h, w) in the network's units."""
        raise NotImplementedError

    def discriminator_losses(self, batch, codes, generated, generator=None):
        """Return a dict with "discriminator_loss" and whatever else is to be recorded."""
        raise NotImplementedError

    def generator_losses(self, batch, codes, generated, generator=None):
        """Return a dict with "generator_loss" and whatever else is to be recorded."""
        raise NotImplementedError
