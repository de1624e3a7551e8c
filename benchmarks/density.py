"""What ConvVAE learns: test likelihood, codes and samples, by epochs and seconds.

    python -m benchmarks.density --data mnist.npz

The likelihoods are of MNIST with static binarisation: each pixel is drawn once, black or white,
with its grey value as the probability. Codes and samples are those of the last of these models, and
of the defaults on grey images.
"""

import time

import numpy as np
import torch

from benchmarks import _common
from benchmarks._classifier import Classifier
from benchmarks._judges import probe
from sklearn_unsup import ConvVAE

N_IMPORTANCE_SAMPLES = 200
N_SCORED = 1000
N_DRAWN = 5000
PUBLISHED = [
    {"model": "VAE", "nats": 89.78, "draws": 200},
    {"model": "VAMP", "nats": 85.79, "draws": 5000},
    {"model": "IWAE", "nats": 86.82, "draws": 5000},
]
SOURCE = (
    "Published: reproducibility table of Pythae (github.com/clementchadebec/benchmark_VAE, "
    "examples/scripts/reproducibility). What differs: its networks are fully connected "
    "(784-400-code for the VAE); its binarisation is another draw of the same pixels; its figures "
    "are of all 10,000 test images"
)


def likelihood(data, epochs, seed, arguments):
    x_train, _, x_test, _ = data
    model = ConvVAE(
        32,
        likelihood="bernoulli",
        binarize="static",
        max_epochs=epochs,
        device=arguments.device,
        random_state=seed,
    )
    start = time.perf_counter()
    model.fit(x_train)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    nats = -model.score_samples(x_test[:N_SCORED], N_IMPORTANCE_SAMPLES).mean()
    seconds_to_score = time.perf_counter() - start
    row = {
        "epochs": epochs,
        "seed": seed,
        "nats": float(nats),
        "-bound, test": -model.score(x_test),
        "-bound, train": float(model.history_[-1]["train_loss"]),
        "active units": model.n_active_units_,
        "seconds": seconds,
        "seconds to score": seconds_to_score,
    }
    return row, model


def codes(name, model, data):
    """Describe the codes of a fitted model of X in [0, 1]."""
    x_train, y_train, x_test, y_test = data
    errors = np.square(model.reconstruct(x_test) - x_test)
    return {
        "model": name,
        "epochs": model.n_iter_,
        "linear probe": probe(model.transform(x_train), y_train, model.transform(x_test), y_test),
        "active units": model.n_active_units_,
        "nats of divergence": float(model.kl_per_component_.sum()),
        "explained": 1 - float(errors.mean(axis=0).sum() / x_test.var(axis=0).sum()),
    }


def samples(name, model, classifier):
    """Judge samples of a fitted model of X in [0, 1], from both priors."""
    rows = []
    for prior in ("normal", "mixture"):
        drawn = model.set_params(prior=prior).sample(N_DRAWN, random_state=0).clip(0, 1)
        rows.append({"samples of": name, "codes from": prior, **classifier.judge(drawn)})
    return rows


def main():
    parser = _common.parser(__doc__)
    parser.add_argument("--epochs", type=int, nargs="*", default=[8, 24])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--default-epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, help="of torch; all cores if left out")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    x_train, y_train, x_test, y_test = _common.load(arguments.data)
    data = x_train.astype(np.float32) / 255, y_train, x_test.astype(np.float32) / 255, y_test

    rows, models = [], {}
    for epochs in arguments.epochs:
        for seed in arguments.seeds:
            row, model = likelihood(data, epochs, seed, arguments)
            rows.append(row)
            models = {"ConvVAE(32), binary images": model}
            print(row, flush=True)
    models["ConvVAE(32), defaults"] = ConvVAE(
        32,
        max_epochs=arguments.default_epochs,
        device=arguments.device,
        random_state=0,
    ).fit(data[0])

    classifier = Classifier(data[0], data[1], arguments.device)
    codes_rows = [codes(name, model, data) for name, model in models.items()]
    judged = [row for name, model in models.items() for row in samples(name, model, classifier)]
    noise = np.random.RandomState(0).rand(N_DRAWN, 784).astype(np.float32)
    judged.append({"samples of": "real test digits", **classifier.judge(data[2][:N_DRAWN])})
    judged.append({"samples of": "noise", **classifier.judge(noise)})
    accuracy = classifier.accuracy(data[2], y_test)

    likelihoods = "Test negative log-likelihood, 32 components, K = 200"
    sections = [
        (likelihoods, rows, list(rows[0]) if rows else []),
        (SOURCE, PUBLISHED, ["model", "nats", "draws"]),
        ("Codes", codes_rows, list(codes_rows[0])),
        (
            f"Samples, judged by a classifier of test accuracy {accuracy:.4f} (accepted: with a "
            "confidence of at least 0.9; covered: at least 3 % of the samples)",
            judged,
            ["samples of", "codes from", "accepted", "digits covered"],
        ),
    ]
    name = None if arguments.no_save else f"density_{arguments.device.split(':')[0]}"
    command = "python -m benchmarks.density --data mnist.npz"
    _common.save(name, "Density", command, sections, arguments.device)


if __name__ == "__main__":
    main()
