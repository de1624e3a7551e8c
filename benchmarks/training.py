"""One and the same network, trained by several engines: time per epoch beside a bare torch loop.

    python -m benchmarks.training --data mnist.npz

The network is the 1-16-32-128 convolutional autoencoder with 3 x 3 kernels and stride 2; float32,
Adam, batches of 128. Arms are interleaved, a short epoch each, over several rounds; shared
machines are noisy upwards only, so the ratio is that of the minima.
"""

import argparse
import gc
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks import _common
from sklearn_unsup import ConvAutoencoder, ConvVAE

BATCH = 128
RATE = 1e-3
ARMS = ("bare", "bare_fused", "dataloader", "skorch", "pythae", "ConvAutoencoder")
VAE_ARMS = ("bare", "bare_fused", "ConvVAE")


class Encoder(nn.Sequential):
    def __init__(self, image_shape, n_outputs):
        super().__init__(
            nn.Conv2d(image_shape[0], 16, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(1568, n_outputs),
        )


class Decoder(nn.Sequential):
    def __init__(self, image_shape, n_inputs):
        super().__init__(
            nn.Linear(n_inputs, 1568),
            nn.ReLU(),
            nn.Unflatten(1, (32, 7, 7)),
            nn.ConvTranspose2d(32, 16, 3, 2, 1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, image_shape[0], 3, 2, 1, output_padding=1),
        )


def network():
    return nn.Sequential(Encoder((1, 28, 28), 128), Decoder((1, 28, 28), 128))


def as_tensor(rows):
    return torch.from_numpy(rows).reshape(-1, 1, 28, 28).float() / 255


class BareVAE(nn.Module):
    """The same layers as a variational autoencoder of binary images; returns its loss."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder((1, 28, 28), 256), Decoder((1, 28, 28), 128)

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, 1)
        codes = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        errors = F.binary_cross_entropy_with_logits(self.decoder(codes), x, reduction="sum")
        return (errors + kl) / len(x)


class BareAutoencoder(nn.Module):
    """The network of all arms; returns its loss."""

    def __init__(self):
        super().__init__()
        self.layers = network()

    def forward(self, x):
        return F.mse_loss(self.layers(x), x)


def loop(images, device, model, fused=None):
    """Return an epoch of a loop over a tensor that is already where it is needed: the floor."""
    model, images = model.to(device), images.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=fused)

    def epoch():
        order = torch.randperm(len(images), device=device)
        for batch in order.split(BATCH):
            optimizer.zero_grad()
            model(images[batch]).backward()
            optimizer.step()
        synchronise(device)

    return timed(epoch)


def dataloader(rows, device):
    """Return an epoch of what tutorials write."""
    model, images = network().to(device), as_tensor(rows)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    dataset = torch.utils.data.TensorDataset(images)
    loader = torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True)

    def epoch():
        for (batch,) in loader:
            x = batch.to(device)
            optimizer.zero_grad()
            F.mse_loss(model(x), x).backward()
            optimizer.step()
        synchronise(device)

    return timed(epoch)


def skorch(rows, device):
    """Return an epoch of skorch with its defaults, but for what makes it the same training."""
    from skorch import NeuralNetRegressor

    net = NeuralNetRegressor(
        network(),
        optimizer=torch.optim.Adam,
        lr=RATE,
        batch_size=BATCH,
        max_epochs=1,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
        device=device,
    ).initialize()
    images = as_tensor(rows).numpy()
    return timed(lambda: net.partial_fit(images, images))


def pythae(rows, device):
    """Return an epoch of Pythae's trainer; needs the extra `bench`."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class PythaeEncoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.layers = Encoder((1, 28, 28), 128)

        def forward(self, x):
            return ModelOutput(embedding=self.layers(x))

    class PythaeDecoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.layers = Decoder((1, 28, 28), 128)

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z))

    images = as_tensor(rows)
    model = AE(AEConfig(input_dim=(1, 28, 28), latent_dim=128), PythaeEncoder(), PythaeDecoder())
    config = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=BATCH,
        learning_rate=RATE,
        num_epochs=1,
        no_cuda=device == "cpu",
    )
    trainer = BaseTrainer(
        model, BaseDataset(images, torch.ones(len(images))), training_config=config
    )
    trainer.prepare_training()
    trainer.callback_handler.callbacks = []  # its progress bars
    return timed(lambda: trainer.train_step(1))


def estimator(cls, rows, device, **params):
    """Return an epoch of an estimator's own count: history_ has the duration of each."""
    model = cls(
        128,
        encoder=Encoder,
        decoder=Decoder,
        image_shape=(28, 28),
        max_epochs=1,
        batch_size=BATCH,
        learning_rate=RATE,
        learning_rate_schedule="constant",
        optimizer="adam",
        weight_decay=0,
        precision="float32",
        device=device,
        random_state=0,
        **params,
    )
    return lambda: model.fit(rows).history_[-1]["duration"]


def timed(function):
    def run():
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    return run


def synchronise(device):
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def build(name, rows, device):
    builders = {
        "bare": lambda: loop(as_tensor(rows), device, BareAutoencoder()),
        "bare_fused": lambda: loop(as_tensor(rows), device, BareAutoencoder(), fused=True),
        "dataloader": lambda: dataloader(rows, device),
        "skorch": lambda: skorch(rows, device),
        "pythae": lambda: pythae(rows, device),
        "ConvAutoencoder": lambda: estimator(ConvAutoencoder, rows, device),
    }
    return builders[name]()


def build_vae(name, rows, device):
    binary = (rows > 127).astype(rows.dtype)
    builders = {
        "bare": lambda: loop(255 * as_tensor(binary), device, BareVAE()),
        "bare_fused": lambda: loop(255 * as_tensor(binary), device, BareVAE(), fused=True),
        "ConvVAE": lambda: estimator(ConvVAE, binary, device, likelihood="bernoulli"),
    }
    return builders[name]()


def interleave(epochs, rounds):
    """Time each arm's epoch, in another order each round; the first round warms up."""
    times = {name: [] for name in epochs}
    names = list(epochs)
    for turn in range(rounds + 1):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            seconds = epochs[name]()
            if turn:
                times[name].append(seconds)
    floor = times["bare"]
    return [{"arm": name, **_common.statistics(times[name], floor)} for name in names]


def peak_memory(name, path, device):
    """Return one epoch's peak of resident memory above the data, in MB, in a new process."""
    command = [sys.executable, "-m", "benchmarks.training", "--data", path, "--device", device]
    result = subprocess.run(
        [*command, "--memory-of", name], capture_output=True, text=True, check=True
    )
    return float(result.stdout.split()[-1])


def measure_memory(name, rows, device):
    build(name, rows[:512].copy(), device)()  # libraries and kernels are loaded before we look
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    build(name, rows, device)()
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    print((peak * 1024 - before) / 1e6)


def main():
    parser = _common.parser(__doc__)
    parser.add_argument("--rows", type=int, default=6400, help="rows of a (short) epoch")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--arms", nargs="+", default=ARMS, choices=ARMS)
    parser.add_argument("--memory-of", choices=ARMS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    x_train = _common.load(arguments.data)[0]
    if arguments.memory_of:
        return measure_memory(arguments.memory_of, x_train, arguments.device)

    sections, all_threads = [], torch.get_num_threads()
    for threads in sorted({1, all_threads}):
        torch.set_num_threads(threads)
        epochs = {}
        for name in arguments.arms:
            try:
                epochs[name] = build(name, x_train[: arguments.rows], arguments.device)
            except ImportError as error:
                print(f"{name} is left out: {error}", file=sys.stderr)
        vae_epochs = {
            name: build_vae(name, x_train[: arguments.rows], arguments.device) for name in VAE_ARMS
        }
        columns = ["arm", "min", "q1", "median", "q3", "ratio", "ratio of medians"]
        for model, arms in (("autoencoder", epochs), ("VAE", vae_epochs)):
            heading = f"{model}: seconds per epoch of {arguments.rows} rows, {threads} thread(s)"
            sections.append((heading, interleave(arms, arguments.rounds), columns))
    if os.path.exists("/proc/self/clear_refs"):
        memory = [
            {"arm": name, "MB": peak_memory(name, arguments.data, arguments.device)}
            for name in epochs
        ]
        as_float32 = x_train.size * 4 / 1e6
        heading = f"Peak memory above the data (as float32 it takes {as_float32:.0f} MB)"
        sections.append((heading, memory, ["arm", "MB"]))
    options = f"--rows {arguments.rows} --rounds {arguments.rounds}"
    command = f"python -m benchmarks.training --data mnist.npz {options}"
    name = None if arguments.no_save else f"training_{arguments.device.split(':')[0]}"
    _common.save(name, "Training", command, sections, arguments.device)


if __name__ == "__main__":
    main()
