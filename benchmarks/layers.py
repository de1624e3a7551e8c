"""Time of a training step by the kind of up-sampling, normalisation and memory format.

Below, time of transposed convolutions that give odd and even sides.

python -m benchmarks.layers
"""

import time
from itertools import pairwise, product

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks import _common
from sklearn_unsup.networks import _layers

UPSAMPLING = {
    "transposed 3 x 3": lambda n, m: nn.ConvTranspose2d(n, m, 3, 2, 1, output_padding=1),
    "transposed 4 x 4": lambda n, m: nn.ConvTranspose2d(n, m, 4, 2, 1),
    "transposed 2 x 2": lambda n, m: nn.ConvTranspose2d(n, m, 2, 2),
    "3 x 3, pixel shuffle": lambda n, m: nn.Sequential(
        nn.Conv2d(n, 4 * m, 3, padding=1), nn.PixelShuffle(2)
    ),
    "upsample, 3 x 3": lambda n, m: nn.Sequential(
        nn.Upsample(scale_factor=2), nn.Conv2d(n, m, 3, padding=1)
    ),
}
NORMALISATION = {
    "none": lambda n: nn.Identity(),
    "GroupNorm": lambda n: nn.GroupNorm(8, n),
    "BatchNorm": nn.BatchNorm2d,
}


class Network(nn.Module):
    """Stages of 32, 64 and 128 channels on 28 x 28 images, and back."""

    def __init__(self, upsampling, normalisation):
        super().__init__()
        widths = (1, 32, 64, 128)
        encoder = []
        for n, m in pairwise(widths):
            encoder += [nn.Conv2d(n, m, 3, 2, 1), NORMALISATION[normalisation](m), nn.SiLU()]
        self.encoder = nn.Sequential(*encoder, nn.Flatten(), nn.Linear(2048, 32))
        self.head = nn.Linear(32, 2048)
        pairs = zip(widths[:0:-1], widths[-2::-1], strict=True)
        self.decoder = nn.ModuleList(UPSAMPLING[upsampling](n, m) for n, m in pairs)

    def forward(self, images):
        """Map images (b, 1, 28, 28) to their reconstructions."""
        maps = self.head(self.encoder(images)).unflatten(1, (128, 4, 4))
        for layer, side in zip(self.decoder, (7, 14, 28), strict=True):
            maps = layer(F.silu(maps))[:, :, :side, :side]
        return maps


def transposed(layer, kernel_size, side, precision, device):
    """Return a function that gives the milliseconds of 64 rows of 64 channels, and back."""
    padding = 2 if kernel_size == 4 and side % 2 else 1
    added = side - (6 - 2 * padding + kernel_size)
    layer = layer(64, 64, kernel_size, 2, padding, added).to_empty(device=device)
    layer = layer.to(memory_format=torch.channels_last)
    nn.init.normal_(layer.weight, std=0.05)
    nn.init.zeros_(layer.bias)
    dtype = getattr(torch, precision)
    maps = torch.randn(64, 64, 4, 4, device=device).to(dtype, memory_format=torch.channels_last)
    maps.requires_grad_()
    gradient = torch.randn(64, 64, side, side, device=device)
    gradient = gradient.to(dtype, memory_format=torch.channels_last)

    def run():
        start = time.perf_counter()
        with torch.autocast(torch.device(device).type, torch.bfloat16, precision == "bfloat16"):
            results = layer(maps)
        results.backward(gradient)
        return 1000 * (time.perf_counter() - start)

    return run


def compare_sides(rounds, device):
    """Return the milliseconds of torch's layer and of ours, from 4 x 4 to 8 x 8 and 7 x 7."""
    layers = {"torch": nn.ConvTranspose2d, "ours": _layers.ConvTranspose2d}
    arms = {
        key: transposed(layers[key[-1]], *key[:-1], device)
        for key in product((3, 4), (8, 7), ("float32", "bfloat16"), layers)
    }
    times = _common.interleave(arms, 10 * rounds)
    names = "kernel", "side", "precision", "layer"
    rows = []
    for key, values in times.items():
        found = _common.statistics(values, times[*key[:-1], "torch"])
        rows.append(dict(zip(names, key, strict=True)) | found)
    columns = [*names, "min", "median", "ratio of medians"]
    heading = (
        "Milliseconds of a transposed convolution and its gradients, 64 rows, 64 channels of 4 x 4 "
        f"to 64 of 8 x 8 or 7 x 7, {torch.get_num_threads()} threads"
    )
    return heading, rows, columns


def main():
    parser = _common.parser(__doc__, data=False)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batch-size", type=int, default=128)
    arguments = parser.parse_args()
    images = torch.randn(arguments.batch_size, 1, 28, 28).to(arguments.device)
    configurations = [(up, "none") for up in UPSAMPLING]
    configurations += [("transposed 3 x 3", name) for name in ("GroupNorm", "BatchNorm")]
    arms = {}
    for up, norm in configurations:
        for layout in (torch.contiguous_format, torch.channels_last):
            network = Network(up, norm).to(arguments.device, memory_format=layout)
            optimizer = torch.optim.Adam(network.parameters(), fused=True)
            name = str(layout).split(".")[1]
            arms[up, norm, name] = network, optimizer, images.to(memory_format=layout)
    times = {key: [] for key in arms}
    for turn in range(arguments.rounds + 1):
        for key, (network, optimizer, x) in arms.items():
            for _ in range(3):
                start = time.perf_counter()
                optimizer.zero_grad()
                F.mse_loss(network(x), x).backward()
                optimizer.step()
                if turn:
                    times[key].append(1000 * (time.perf_counter() - start))
    floor = times["transposed 3 x 3", "none", "contiguous_format"]
    rows = [
        dict(zip(("up-sampling", "normalisation", "memory format"), key, strict=True))
        | _common.statistics(values, floor)
        for key, values in times.items()
    ]
    columns = ["up-sampling", "normalisation", "memory format", "min", "median", "ratio"]
    heading = (
        f"Milliseconds a step of {arguments.batch_size} images, {torch.get_num_threads()} threads"
    )
    name = None if arguments.no_save else "layers"
    sections = [(heading, rows, columns), compare_sides(arguments.rounds, arguments.device)]
    _common.save(name, "Layers", "python -m benchmarks.layers", sections)


if __name__ == "__main__":
    main()
