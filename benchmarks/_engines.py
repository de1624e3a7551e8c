"""One and the same network and loss, trained by several engines.

An engine is a function of a `Task` that returns another: it trains for one epoch and returns its
seconds.
"""

import copy
import logging
import math
import tempfile
import time
import warnings
from dataclasses import dataclass
from itertools import pairwise
from unittest import mock

import numpy as np
import torch
import torch._dynamo  # which the first optimiser imports otherwise, in each process
from sklearn.exceptions import ConvergenceWarning
from torch import nn
from torch.nn import functional as F

from sklearn_unsup import ConvAutoencoder, ConvGAN, ConvVAE
from sklearn_unsup._training import _trainer
from sklearn_unsup.networks import Generator, initialise

RATE = 1e-3
EMA_DECAY = 0.999


@dataclass
class Task:
    """What all engines train, on what."""

    model: str
    rows: np.ndarray  # uint8, channels first
    image_shape: tuple  # (channels, height, width)
    hidden_channels: tuple
    n_components: int
    batch_size: int
    device: str
    precision: str
    max_epochs: int  # of a fit of ours, the last of which counts

    def images(self):
        """Return the images as people hand them to a loop: float32, from 0 to 1."""
        images = torch.from_numpy(self.rows).reshape(-1, *self.image_shape).float() / 255
        return images.round() if self.model == "vae" else images

    def losses(self):
        """Return a new network that maps images to its loss, or losses."""
        kinds = {"autoencoder": PlainAutoencoder, "vae": PlainVAE, "gan": PlainGAN}
        return kinds[self.model](self.image_shape, self.n_components, self.hidden_channels)

    def dtype(self):
        """Return the dtype that ours trains in."""
        automatic = "bfloat16" if self.device.startswith("cuda") else "float32"
        return getattr(torch, automatic if self.precision == "auto" else self.precision)

    def autocast(self):
        """Return the context of that dtype."""
        enabled = self.dtype() == torch.bfloat16
        return torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled)


def encoder(image_shape, n_outputs, hidden_channels):
    """Return convolutions with a stride of 2, and a linear layer, of plain torch layers."""
    widths, sides = (image_shape[0], *hidden_channels), image_shape[1:]
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Conv2d(n_in, n_out, 3, 2, 1), nn.SiLU()]
        sides = [(side + 1) // 2 for side in sides]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * math.prod(sides), n_outputs))


def decoder(image_shape, n_inputs, hidden_channels):
    """Return the mirror of `encoder`."""
    widths, sizes = (image_shape[0], *hidden_channels), [tuple(image_shape[1:])]
    for _ in hidden_channels:
        sizes.append(tuple((side + 1) // 2 for side in sizes[-1]))
    layers = [
        nn.Linear(n_inputs, widths[-1] * math.prod(sizes[-1])),
        nn.Unflatten(1, (widths[-1], *sizes[-1])),
    ]
    for i in reversed(range(len(hidden_channels))):
        pairs = zip(sizes[i], sizes[i + 1], strict=True)
        padding = tuple(side - (2 * half - 1) for side, half in pairs)
        convolution = nn.ConvTranspose2d(widths[i + 1], widths[i], 3, 2, 1, output_padding=padding)
        layers += [nn.SiLU(), convolution]
    return nn.Sequential(*layers)


class PlainAutoencoder(nn.Module):
    def __init__(self, image_shape, n_components, hidden_channels):
        super().__init__()
        self.encoder = encoder(image_shape, n_components, hidden_channels)
        self.decoder = decoder(image_shape, n_components, hidden_channels)

    def reconstruct(self, images):
        return self.decoder(self.encoder(images))

    def forward(self, images):
        return F.mse_loss(self.reconstruct(images), images)


class PlainVAE(nn.Module):
    """Of binary images."""

    def __init__(self, image_shape, n_components, hidden_channels):
        super().__init__()
        self.encoder = encoder(image_shape, 2 * n_components, hidden_channels)
        self.decoder = decoder(image_shape, n_components, hidden_channels)

    def forward(self, images):
        mean, log_variance = self.encoder(images).chunk(2, 1)
        codes = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        logits = self.decoder(codes)
        errors = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
        return (errors + kl) / len(images)


class PlainGAN(nn.Module):
    """Non-saturating losses, no penalty; an average of the generator's weights."""

    def __init__(self, image_shape, n_components, hidden_channels):
        super().__init__()
        self.generator = Generator(image_shape, n_components, hidden_channels)
        initialise(self.generator, torch.Generator().manual_seed(0))
        self.discriminator = encoder(image_shape, 1, hidden_channels)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.n_components = n_components

    def generate(self, images):
        return self.generator(torch.randn(len(images), self.n_components, device=images.device))

    def discriminator_loss(self, images, generated):
        on_generated = self.discriminator(generated.detach())
        on_real = self.discriminator(2 * images - 1)
        return F.softplus(-on_real).mean() + F.softplus(on_generated).mean()

    def generator_loss(self, generated):
        return F.softplus(-self.discriminator(generated)).mean()

    @torch.no_grad()
    def update_average(self):
        pairs = zip(self.average.parameters(), self.generator.parameters(), strict=True)
        for mean, value in pairs:
            mean.lerp_(value, 1 - EMA_DECAY)


def step_function(network, autocast, **adam):
    """Return what takes one step of Adam, or one of each player, on a batch of images."""
    if not isinstance(network, PlainGAN):
        optimizer = torch.optim.Adam(network.parameters(), lr=RATE, **adam)

        def step(images):
            optimizer.zero_grad()
            with autocast:
                loss = network(images)
            loss.backward()
            optimizer.step()

        return step

    judge = torch.optim.Adam(network.discriminator.parameters(), lr=RATE, **adam)
    forger = torch.optim.Adam(network.generator.parameters(), lr=RATE, **adam)

    def play(images):
        judge.zero_grad()
        with autocast:
            generated = network.generate(images)
            loss = network.discriminator_loss(images, generated)
        loss.backward()
        judge.step()
        forger.zero_grad()
        with autocast:
            loss = network.generator_loss(generated)
        loss.backward()
        forger.step()
        network.update_average()

    return play


# The engines.


def bare(task):
    """Loop over a tensor that is already where it is needed: the floor."""
    return _loop(task, task.losses().to(task.device), _no_autocast(task))


def bare_fused(task):
    """Do the same with torch's fused Adam."""
    return _loop(task, task.losses().to(task.device), _no_autocast(task), fused=True)


def bare_tuned(task):
    """Do the same with fused Adam, channels last, and the precision that ours trains in."""
    network = task.losses().to(task.device, memory_format=torch.channels_last)
    return _loop(task, network, task.autocast(), fused=True)


def _no_autocast(task):
    return torch.autocast(torch.device(task.device).type, enabled=False)


def _loop(task, network, autocast, **adam):
    images = task.images().to(task.device)
    step = step_function(network, autocast, **adam)

    def epoch():
        for batch in torch.randperm(len(images), device=task.device).split(task.batch_size):
            step(images[batch])

    return timed(epoch, task.device)


def dataloader(task, network=None):
    """Write what tutorials do."""
    network = (network or task.losses()).to(task.device)
    step, loader = step_function(network, _no_autocast(task)), _loader(task)

    def epoch():
        for (batch,) in loader:
            step(batch.to(task.device))

    return timed(epoch, task.device)


def _loader(task):
    dataset = torch.utils.data.TensorDataset(task.images())
    return torch.utils.data.DataLoader(dataset, batch_size=task.batch_size, shuffle=True)


def skorch(task):
    """Take skorch with its defaults, but for what makes it the same training."""
    from skorch import NeuralNetRegressor

    network = task.losses()
    net = NeuralNetRegressor(
        nn.Sequential(network.encoder, network.decoder),
        optimizer=torch.optim.Adam,
        lr=RATE,
        batch_size=task.batch_size,
        max_epochs=1,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
        device=task.device,
    ).initialize()
    images = task.images().numpy()
    return timed(lambda: net.partial_fit(images, images), task.device)


def pythae(task):
    """Take Pythae's trainer."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    network, images = task.losses(), task.images()

    class PythaeEncoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.layers = network.encoder

        def forward(self, x):
            return ModelOutput(embedding=self.layers(x))

    class PythaeDecoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.layers = network.decoder

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z))

    sizes = AEConfig(input_dim=task.image_shape, latent_dim=task.n_components)
    trainer = BaseTrainer(
        AE(sizes, PythaeEncoder(), PythaeDecoder()),
        BaseDataset(images, torch.ones(len(images))),
        training_config=BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=task.batch_size,
            learning_rate=RATE,
            num_epochs=1,
            no_cuda=task.device == "cpu",
        ),
    )
    trainer.prepare_training()
    trainer.callback_handler.callbacks = []  # its progress bars
    return timed(lambda: trainer.train_step(1), task.device)


def lightning(task):
    """Take Lightning's Trainer, from the beginning to the end of its epoch."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = task.losses()

        def training_step(self, batch, batch_idx):
            return self.network(batch[0])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=RATE)

        def on_train_epoch_start(self):
            synchronise(task.device)
            self.start = time.perf_counter()

        def on_train_epoch_end(self):
            synchronise(task.device)
            self.seconds = time.perf_counter() - self.start

    module, loader = Module(), _loader(task)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    def epoch():
        trainer = lightning.Trainer(
            max_epochs=1,
            accelerator="gpu" if task.device.startswith("cuda") else "cpu",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on the number of workers of the loader
            trainer.fit(module, loader)
        return module.seconds

    return epoch


def ours(task):
    """Take the estimator, by its own count: history_ has the duration of each epoch."""
    kind, rows, options = ConvAutoencoder, task.rows, {"max_translation": 0}
    if task.model == "vae":
        kind, rows = ConvVAE, (rows > 127).astype(np.uint8)
        options |= {"likelihood": "bernoulli", "hidden_layer_sizes": ()}
    elif task.model == "gan":  # two more rows, that it holds out to look at
        kind, rows = ConvGAN, np.concatenate([rows, rows[:2]])
        options = {"code": "discriminator", "r1_penalty": 0, "hidden_layer_sizes": ()}
        options["validation_fraction"] = 2 / len(rows)
    estimator = kind(
        task.n_components,
        hidden_channels=task.hidden_channels,
        image_shape=task.image_shape,
        channel_axis=0,
        max_epochs=task.max_epochs,
        batch_size=task.batch_size,
        learning_rate=RATE,
        learning_rate_schedule="constant",
        optimizer="adam",
        weight_decay=0,
        precision=task.precision,
        device=task.device,
        random_state=0,
        **options,
    )

    def epoch():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch is no training
            warnings.filterwarnings("error", ".*could not be captured")  # it would be another arm
            return estimator.fit(rows).history_[-1]["duration"]

    return epoch


def ours_without_graphs(task):
    """Do the same, with CUDA graphs turned off."""
    epoch = ours(task)

    def without():
        with mock.patch.object(_trainer, "supports_cuda_graphs", return_value=False):
            return epoch()

    return without


OURS = (ours, ours_without_graphs)
ENGINES = {
    "autoencoder": (bare, bare_fused, bare_tuned, dataloader, skorch, pythae, lightning, *OURS),
    "vae": (bare, bare_fused, bare_tuned, dataloader, lightning, *OURS),
    "gan": (bare, bare_fused, bare_tuned, dataloader, *OURS),
}


def timed(function, device):
    """Return a function that calls another, and returns its seconds."""

    def run():
        synchronise(device)
        start = time.perf_counter()
        function()
        synchronise(device)
        return time.perf_counter() - start

    return run


def synchronise(device):
    """Wait for all that a device was told to do."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
