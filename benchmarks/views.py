"""Two random views of a batch, beside a training step of the default network, and beside kornia.

    python -m benchmarks.views

Median milliseconds of interleaved rounds, on random images. kornia is measured if it is installed,
with the same kinds of changes. A step is that of ConvSelfSupervisedEncoder, without its views.
"""

import torch

from benchmarks import _common
from benchmarks.inference import medians
from sklearn_unsup.networks import Batch, build_self_supervised, initialise
from sklearn_unsup.networks.views import TwoViews, preset

SHAPES = {
    "photographs": [(3, 32, 32), (3, 96, 96)],
    "drawings": [(1, 28, 28)],
    "signals": [(1, 1, 512)],
}
BATCH = 256


def network_of(shape):
    """Return the default network."""
    network = build_self_supervised(
        shape,
        n_components=256,
        hidden_channels="auto",
        projector_layer_sizes=(256, 256),
        encoder=None,
        objective="vicreg",
        regularization=1.0,
        temperature=0.2,
    )
    for part in (network.encoder, network.projector):
        initialise(part, torch.Generator().manual_seed(0))
    return network.train()


def kornia_views(name, side):
    """Return kornia's changes of the same kinds, or None."""
    try:
        import kornia.augmentation as K
    except ImportError:
        return None
    if name == "photographs":
        return K.AugmentationSequential(
            K.RandomResizedCrop((side, side), scale=(0.25, 1.0)),
            K.RandomHorizontalFlip(),
            K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
            K.RandomGrayscale(p=0.2),
        )
    if name == "drawings":
        return K.AugmentationSequential(
            K.RandomAffine(15, (0.1, 0.1), (0.83, 1.2), 15, p=1.0),
            K.RandomResizedCrop((side, side), scale=(0.6, 1.0)),
            K.ColorJitter(0.2, 0.4, p=1.0),
        )
    return None


def row(name, shape, rounds, device):
    generator = torch.Generator(device).manual_seed(0)
    images = torch.rand(BATCH, *shape, device=device)
    network = network_of(shape).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    views = TwoViews(preset(name, shape))
    pair = views(images, generator)

    def step():
        optimizer.zero_grad()
        network.training_loss(Batch(pair), generator)["loss"].backward()
        optimizer.step()

    arms = {"two views": lambda: views(images, generator), "step": step}
    theirs = kornia_views(name, shape[-1])
    if theirs is not None:
        arms["kornia"] = lambda: [theirs(images) for _ in range(2)]
    found = medians(arms, rounds, device)
    result = {"views": name, "images": f"{BATCH} x {' x '.join(map(str, shape))}"}
    result |= {f"{arm}, ms": 1000 * seconds for arm, seconds in found.items()}
    result["two views / step"] = found["two views"] / found["step"]
    if "kornia" in found:
        result["two views / kornia"] = found["two views"] / found["kornia"]
    return result


def main():
    parser = _common.parser(__doc__.partition("\n")[0], data=False)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    rows = [
        row(name, shape, arguments.rounds, arguments.device)
        for name, shapes in SHAPES.items()
        for shape in shapes
    ]
    columns = list(dict.fromkeys(key for each in rows for key in each))
    heading = f"Median of {arguments.rounds} rounds, {torch.get_num_threads()} thread(s)"
    kind = arguments.device.split(":")[0]
    _common.save(
        None if arguments.no_save else f"views_{kind}",
        "Random views",
        "python -m benchmarks.views",
        [(heading, rows, columns)],
        arguments.device,
    )


if __name__ == "__main__":
    main()
