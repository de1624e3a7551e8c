"""The training loop of an adversarial network, on skorch."""

from typing import ClassVar

import numpy as np
import torch

from sklearn_unsup._persistence import Spec, array, integer
from sklearn_unsup._training._batches import MIN_BATCH_SIZE
from sklearn_unsup._training._errors import TrainingDivergedError
from sklearn_unsup._training._loop import detached
from sklearn_unsup._training._trainer import Trainer


class AdversarialTrainer(Trainer):
    """Train a discriminator and a generator in turn.

    One optimiser has a group of parameters for each player. In each turn only one player has
    gradients, and torch's optimisers skip parameters without gradients, so the result is that of
    two optimisers. Schedules, checkpoints and callbacks of skorch expect a single optimiser.

    Parameters
    ----------
    network : AdversarialNetwork
    n_critic : int
        Steps of the discriminator for each step of the generator.
    restore_best : bool
        Whether to restore the weights of the best epoch at the end.
    **options
        Options of `Trainer`.
    """

    checkpointed: ClassVar[dict] = {
        **Trainer.checkpointed,
        "n_turns_": integer(0),
        "parts_": Spec(
            lambda parts: (
                isinstance(parts, dict)
                and all(isinstance(name, str) for name in parts)
                and all(array(np.float32, ()).holds(value) for value in parts.values())
            ),
            "parts of the loss",
        ),
    }
    monitored = "valid_distance"
    recorded: ClassVar[set] = {
        "train_discriminator_accuracy",
        "valid_distance",
        "valid_coverage",
        "valid_diversity",
    }

    def __init__(self, network, *, n_critic, restore_best, **options):
        super().__init__(network, **options)
        self.n_critic = n_critic
        self.restore_best = restore_best
        self.n_turns_ = 0
        self.parts_ = {}  # of the loss; each is from the last step that computed it

    def prepare_losses(self, network, compiled):
        """Keep the losses, compiled; torch cannot compile a loss with second-order gradients."""
        losses = network.discriminator_losses
        self.discriminator_losses_ = losses if network.penalises_gradients else compiled(losses)
        self.generator_losses_ = compiled(network.generator_losses)

    def initialize_optimizer(self, triggered_directly=None):
        """Build the optimiser, with a parameter group for each player."""
        self.players_ = self.module_.players()
        return super().initialize_optimizer(triggered_directly)

    @staticmethod
    def param_groups(network):
        """Return the parameter groups of the optimiser, one for each player."""
        return [{"params": parameters} for parameters in network.players().values()]

    def train_step(self, batch, **fit_params):
        """Train the discriminator for one step, and the generator every `n_critic` steps."""
        generator_too = self.n_turns_ % self.n_critic == 0
        self.n_turns_ += 1
        batch = self._viewed(batch, self.view)
        self.parts_ = {**self.parts_, **self.step_function_(batch, generator_too)}
        return self.parts_

    def take_step(self, batch, generator_too):
        """Take a step of the discriminator, and one of the generator if `generator_too`."""
        with self.autocast():
            with torch.set_grad_enabled(generator_too):
                n = max(MIN_BATCH_SIZE, len(batch))  # BatchNorm cannot train on one
                codes, generated = self.module_.generate(n, self.generator_)
            parts = self.discriminator_losses_(batch, codes, generated.detach(), self.generator_)
        self._step("discriminator", parts["discriminator_loss"], batch)
        if generator_too:
            with self.autocast():
                own_parts = self.generator_losses_(batch, codes, generated, self.generator_)
            self._step("generator", own_parts["generator_loss"], batch)
            self.module_.after_step()
            parts = {**parts, **own_parts}
        return detached(parts)

    def _step(self, player, loss, batch):
        self.optimizer_.zero_grad()
        loss.backward(inputs=[p for p in self.players_[player] if p.requires_grad])
        self.notify(
            "on_grad_computed", named_parameters=self.parameters_, batch=batch, training=True
        )
        self.optimizer_.step()

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Train for an epoch; for validation, `iterator` is a function that returns scores."""
        if training:
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            self._check_weights()
        elif iterator is not None:
            for name, value in iterator(self.module_.eval()).items():
                self.record(f"{prefix}_{name}", value)

    def _check_weights(self):
        """Raise an error if weights are not finite: the last loss may have been finite still."""
        for player, parameters in self.players_.items():
            if not all(bool(parameter.isfinite().all()) for parameter in parameters):
                raise TrainingDivergedError(
                    f"Training diverged: weights of the {player} are not finite after epoch "
                    f"{len(self.history)}. Lower learning_rate (now {self.lr}), set "
                    "precision='float32', or look for extreme values in X."
                )
