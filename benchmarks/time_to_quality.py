"""What the defaults are chosen by: the time until a given share of the variance is explained.

    python -m benchmarks.time_to_quality --data mnist.npz --on MNIST

Each setting is trained anew for ever other numbers of epochs (its schedule depends on them), until
the least number is found that explains the share asked for of rows held out from the training
images. The time is that number times the duration of an epoch, which is measured afterwards, with
the settings in turn. "clusters" looks at what else codes are for, and "loop" compares with what a
loop over a DataLoader learns in 20 epochs; what `fit` does besides its epochs counts there.
"""

import bisect
import time
from functools import partial

import numpy as np
import torch
from joblib import Parallel, delayed

from benchmarks import _common
from benchmarks._engines import Task, dataloader
from benchmarks._judges import cluster, probe
from benchmarks._normalised import NormalisedDecoder, NormalisedEncoder
from sklearn_unsup import ConvAutoencoder
from sklearn_unsup.datasets import load_digit_images, make_shapes

EPOCHS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80)
TIMED_ROWS = 6400
N_SEEDS = 3
CLUSTERED = (
    ("defaults", 5),
    ("defaults", 10),
    ("batches of 128", 10),
    ("batches of 128, rate 2.5e-3", 10),
)
LOOP_EPOCHS = 20
LOOP_COMPONENTS = 128


class FusedAdam(torch.optim.Adam):
    """Adam as ConvAutoencoder runs it by name, but with torch's betas."""

    def __init__(self, params, lr):
        super().__init__(params, lr, fused=True)


SETTINGS = {
    "defaults": {},
    "batches of 32": {"batch_size": 32},
    "batches of 64": {"batch_size": 64},
    "batches of 128": {"batch_size": 128},
    "batches of 256": {"batch_size": 256},
    "rate 1e-3": {"learning_rate": 1e-3},
    "rate 2.5e-3": {"learning_rate": 2.5e-3},
    "rate 1e-2": {"learning_rate": 1e-2},
    "batches of 128, rate 2.5e-3": {"batch_size": 128, "learning_rate": 2.5e-3},
    "batches of 128, rate 1e-2": {"batch_size": 128, "learning_rate": 1e-2},
    "constant rate": {"learning_rate_schedule": "constant"},
    "cosine": {"learning_rate_schedule": "cosine"},
    "one-cycle": {"learning_rate_schedule": "one_cycle"},
    "Adam": {"optimizer": "adam"},
    "no translations": {"max_translation": 0},
    "AdamW, decay 0.01": {"optimizer": "adamw", "weight_decay": 0.01},
    "SGD, rate 0.1": {"optimizer": "sgd", "learning_rate": 0.1},
    "BatchNorm": {
        "encoder": partial(NormalisedEncoder, norm="BatchNorm"),
        "decoder": partial(NormalisedDecoder, norm="BatchNorm"),
    },
    "GroupNorm": {
        "encoder": partial(NormalisedEncoder, norm="GroupNorm"),
        "decoder": partial(NormalisedDecoder, norm="GroupNorm"),
    },
    "hidden layer of 256": {"hidden_layer_sizes": (256,)},
    "stages 32, 64, 64, 32": {"hidden_channels": (32, 64, 64, 32)},
    "stages 16, 32, 64": {"hidden_channels": (16, 32, 64)},
    "stages 16, 32": {"hidden_channels": (16, 32)},
    "stages 16, 32, rate 1e-2": {"hidden_channels": (16, 32), "learning_rate": 1e-2},
}


def mnist(path, n_train):
    """Return training images to train on, and the 10,000 after them, each with labels."""
    x, y = _common.load(path)[:2]
    held_out = slice(n_train, n_train + 10_000)
    return x[:n_train], y[:n_train], x[held_out], y[held_out]


def data_set(name, path):
    """Return what to train on and what is held out, each with labels, and what is asked for."""
    if name == "MNIST":
        return mnist(path, 20_000), 32, 0.88, 10
    if name == "digits":
        digits = load_digit_images()
        order = np.random.RandomState(0).permutation(len(digits.data))
        x, y = digits.data[order], digits.target[order]
        n_train, n_components, target, longest = 1347, 16, 0.92, 80
    else:
        shapes = make_shapes(4000, 32, random_state=0)
        x, y = shapes.data, shapes.target
        n_train, n_components, target, longest = 3000, 16, 0.92, 30
    return (x[:n_train], y[:n_train], x[n_train:], y[n_train:]), n_components, target, longest


def least_epochs(setting, data, n_components, target, longest, device, n_seeds):
    """Return the least number of epochs that explains the share, and what is learnt in them."""
    train, y_train, held_out, y_held_out = data
    found = {}

    def explained(epochs):
        models = [
            ConvAutoencoder(
                n_components, max_epochs=epochs, device=device, random_state=seed, **setting
            ).fit(train)
            for seed in range(n_seeds)
        ]
        codes = [models[0].transform(rows) for rows in (train[:10_000], held_out)]
        found[epochs] = {
            "epochs": epochs,
            "explained": float(np.mean([fitted.score(held_out) for fitted in models])),
            "linear probe": probe(codes[0], y_train[:10_000], codes[1], y_held_out),
        }
        return found[epochs]["explained"]

    ladder = [epochs for epochs in EPOCHS if epochs <= longest]
    step = bisect.bisect_left(ladder, target, key=explained)
    result = found[ladder[step]] if step < len(ladder) else {**found[longest], "epochs": None}
    print(setting, found, flush=True)
    return result


def compare_settings(name, path, device, rounds, labels):
    settings = {label: SETTINGS[label] for label in labels}
    data, n_components, target, longest = data_set(name, path)
    n_seeds = 3 if name == "digits" else 1
    n_jobs = 1 if device.startswith("cuda") else -1
    results = Parallel(n_jobs=n_jobs)(
        delayed(least_epochs)(setting, data, n_components, target, longest, device, n_seeds)
        for setting in settings.values()
    )
    X = data[0][:TIMED_ROWS]

    def epoch(setting):
        fitted = ConvAutoencoder(n_components, max_epochs=1, device=device, **setting)
        return lambda: fitted.fit(X).history_[0]["duration"]

    times = _common.interleave(
        {label: epoch(setting) for label, setting in settings.items()}, rounds
    )
    rows = []
    for (label, seconds), result in zip(times.items(), results, strict=True):
        per_epoch = float(np.median(seconds)) * len(data[0]) / len(X)
        whole = per_epoch * result["epochs"] if result["epochs"] else None
        rows.append({"setting": label, **result, "s / epoch": per_epoch, "seconds": whole})
    for row in rows:
        row["/ first"] = row["seconds"] and row["seconds"] / rows[0]["seconds"]
    heading = (
        f"{name}: to explain {target} of the variance of {len(data[2])} rows held out, with "
        f"{n_components} components, {torch.get_num_threads()} thread(s)"
    )
    return [(heading, rows, list(rows[0]))]


def learn_clusters(label, epochs, seed, data, device):
    """Return what ten codes explain, and how well k-means finds the labels by them."""
    train, _, held_out, y_held_out = data
    options = {**SETTINGS[label], "max_epochs": epochs, "random_state": seed, "device": device}
    fitted = ConvAutoencoder(10, **options).fit(train)
    return fitted.score(held_out), cluster(fitted.transform(held_out), y_held_out)[0]


def compare_clusters(path, device):
    data = mnist(path, 50_000)
    n_jobs = 1 if device.startswith("cuda") else -1
    found = Parallel(n_jobs=n_jobs)(
        delayed(learn_clusters)(label, epochs, seed, data, device)
        for label, epochs in CLUSTERED
        for seed in range(N_SEEDS)
    )
    rows = []
    for (label, epochs), (explained, accuracy) in zip(
        CLUSTERED, np.reshape(found, (-1, N_SEEDS, 2)).swapaxes(1, 2), strict=True
    ):
        row = {"setting": label, "epochs": epochs, "explained": float(explained.mean())}
        row |= {"k-means": float(accuracy.mean()), "least": accuracy.min(), "most": accuracy.max()}
        rows.append(row)
    heading = (
        f"MNIST, 10 components: what {len(data[2])} rows held out are worth to k-means, "
        f"{N_SEEDS} seeds"
    )
    return [(heading, rows, list(rows[0]))]


def besides_epochs(X, device):
    """Return the seconds that `fit` takes before and after its epochs."""
    start = time.perf_counter()
    fitted = ConvAutoencoder(
        LOOP_COMPONENTS, hidden_channels=(16, 32), max_epochs=1, device=device
    ).fit(X)
    return time.perf_counter() - start - fitted.history_[0]["duration"]


def compare_loop(path, device, rounds):
    data = mnist(path, 50_000)
    train, held_out = data[0], data[2]
    task = Task(
        model="autoencoder",
        rows=train,
        image_shape=(1, 28, 28),
        hidden_channels=(16, 32),
        n_components=LOOP_COMPONENTS,
        batch_size=128,
        device=device,
        precision="auto",
        max_epochs=1,
    )
    torch.manual_seed(0)
    network = task.losses()
    epoch, images = dataloader(task, network), Task(**{**vars(task), "rows": held_out}).images()
    total = float(images.var(0, correction=0).sum())
    for _ in range(LOOP_EPOCHS):
        epoch()
    with torch.no_grad():
        errors = network.cpu().reconstruct(images) - images
    target = 1 - float(errors.square().mean(0).sum()) / total

    labels = "defaults", "batches of 128"
    settings = {
        f"ConvAutoencoder, {label}": {"hidden_channels": (16, 32), **SETTINGS[label]}
        for label in labels
    }
    rows = [
        {"trained by": "DataLoader loop, rate 1e-3", "epochs": LOOP_EPOCHS, "explained": target}
    ]
    for label, setting in settings.items():
        found = least_epochs(setting, data, LOOP_COMPONENTS, target, 12, device, 1)
        rows.append({"trained by": label, **found})
    task.rows = X = train[:TIMED_ROWS]

    def fit_epoch(setting):
        fitted = ConvAutoencoder(LOOP_COMPONENTS, max_epochs=1, device=device, **setting)
        return lambda: fitted.fit(X).history_[0]["duration"]

    with _common.Apart(dataloader, task) as loop:
        epochs = {"loop": loop}
        epochs |= {label: fit_epoch(setting) for label, setting in settings.items()}
        times = _common.interleave(epochs, rounds)
    rest = float(np.median([besides_epochs(train, device) for _ in range(3)]))
    for row, seconds in zip(rows, times.values(), strict=True):
        row["s / epoch"] = float(np.median(seconds)) * len(train) / len(X)
        row["s besides"] = 0.0 if row is rows[0] else rest
        row["seconds"] = row["epochs"] and row["epochs"] * row["s / epoch"] + row["s besides"]
        row["/ loop"] = row["seconds"] and row["seconds"] / rows[0]["seconds"]
    heading = (
        f"The network 1-16-32-128, trained on {len(train)} rows to explain as much of the variance "
        f"of {len(held_out)} others, {torch.get_num_threads()} thread(s)"
    )
    return [(heading, rows, list(rows[1]))]


def main():
    parser = _common.parser(__doc__)
    parser.add_argument(
        "--on", required=True, choices=["MNIST", "make_shapes", "digits", "clusters", "loop"]
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS), metavar="SETTING"
    )
    arguments = parser.parse_args()
    common = arguments.data, arguments.device, arguments.rounds
    if arguments.on == "loop":
        sections = compare_loop(*common)
    elif arguments.on == "clusters":
        sections = compare_clusters(*common[:2])
    else:
        sections = compare_settings(arguments.on, *common, arguments.settings)
    name = f"time_to_quality_{arguments.on.lower()}_{arguments.device.split(':')[0]}"
    command = f"python -m benchmarks.time_to_quality --data mnist.npz --on {arguments.on}"
    if arguments.settings != list(SETTINGS):
        command += " --settings " + " ".join(f'"{label}"' for label in arguments.settings)
    name = None if arguments.no_save else name
    _common.save(name, "Time to quality", command, sections, arguments.device)


if __name__ == "__main__":
    main()
