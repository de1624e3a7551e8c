"""How good the digits of each objective of ConvGAN are, and its codes.

    python -m benchmarks.generation --data mnist.npz

Two tables. "objectives": each objective of ConvGAN on fewer images, over seeds. "codes": what
a classifier makes of each kind of code.
"""

import sys
import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer

from benchmarks import _common
from benchmarks._classifier import Classifier
from benchmarks._judges import probe
from sklearn_unsup import ConvAutoencoder, ConvGAN, TrainingDivergedError
from sklearn_unsup.metrics import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
)

N_DRAWN = 5000
N_COMPARED = 2000
N_CODES = 10_000, 2000  # to learn from, and to judge by
OBJECTIVES = {"non_saturating": 1, "hinge": 1, "least_squares": 1, "wasserstein_gp": 5}  # n_critic
COLLAPSED = 0.05  # coverage


def judge(drawn, real, classifier):
    """Describe samples beside as many real rows; both in [0, 1]."""
    drawn = drawn.clip(0, 1)
    some = real[:N_COMPARED], drawn[:N_COMPARED]
    features = classifier.features
    precision, recall = precision_recall(*some, feature_extractor=features)
    density, coverage = density_coverage(*some, feature_extractor=features)
    return {
        **classifier.judge(drawn),
        "coverage": coverage,
        "density": density,
        "precision": precision,
        "recall": recall,
        "Fréchet": frechet_distance(real, drawn, feature_extractor=features),
        "kernel": kernel_distance(real, drawn, feature_extractor=features),
    }


def codes(model, data):
    """Judge the features of a model, without any fine-tuning, by two classifiers."""
    x_train, y_train, x_test, y_test = data
    n_train, n_test = N_CODES
    learn, check = model.transform(x_train[:n_train]), model.transform(x_test[:n_test])
    y_train, y_test = y_train[:n_train], y_test[:n_test]
    neighbor = KNeighborsClassifier(1).fit(learn, y_train)
    return {
        "1-NN": float(neighbor.score(check, y_test)),
        "linear probe": probe(learn, y_train, check, y_test),
    }


def objectives(data, classifier, arguments):
    """Train each objective with the defaults, over seeds, and count the failures."""
    x_train, _, x_test, _ = data
    rows = []
    for objective, n_critic in OBJECTIVES.items():
        runs, failures = [], 0
        for seed in range(arguments.seeds):
            model = ConvGAN(
                objective=objective,
                n_critic=n_critic,
                max_epochs=arguments.short_epochs,
                device=arguments.device,
                random_state=seed,
            )
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error", ConvergenceWarning)
                    model.fit(x_train[: arguments.short_images])
            except (TrainingDivergedError, ConvergenceWarning) as failure:
                print(objective, seed, failure, flush=True)
                failures += 1
                continue
            run = judge(model.sample(N_DRAWN, random_state=0), x_test[:N_DRAWN], classifier)
            run["seconds"] = sum(row["duration"] for row in model.history_)
            failures += run["coverage"] < COLLAPSED
            print(objective, seed, run, flush=True)
            runs.append(run)
        row = {"objective": objective, "n_critic": n_critic, "failures": failures}
        for name in (
            ("accepted", "coverage", "digits covered", "Fréchet", "seconds") if runs else ()
        ):
            values = [run[name] for run in runs]
            row[f"{name}, median"] = float(np.median(values))
            if name in ("accepted", "coverage", "digits covered"):
                row[f"{name}, least"] = min(values)
        rows.append(row)
    return rows


def kinds_of_codes(data, classifier, arguments):
    """Compare the kinds of codes that `transform` can give, at equal epochs."""
    x_train, _, x_test, _ = data
    rows = [{"features": "pixels", "width": 784, **codes(FunctionTransformer(), data)}]
    for code in ("regression", "adversarial", "discriminator"):
        model = ConvGAN(
            code=code, max_epochs=arguments.code_epochs, device=arguments.device, random_state=0
        )
        model.fit(x_train)
        row = {
            "features": f"ConvGAN, code={code!r}",
            "width": len(model.get_feature_names_out()),
            "seconds": sum(row["duration"] for row in model.history_),
            **codes(model, data),
        }
        drawn = model.sample(N_DRAWN, random_state=0)
        figures = judge(drawn, x_test[:N_DRAWN], classifier)
        row |= {name: figures[name] for name in ("accepted", "coverage")}
        if code != "discriminator":
            error = np.square(model.reconstruct(x_test[:N_COMPARED]) - x_test[:N_COMPARED])
            row["unexplained"] = float(error.mean(axis=0).sum() / x_test.var(axis=0).sum())
        print(row, flush=True)
        rows.append(row)
    autoencoder = ConvAutoencoder(
        max_epochs=arguments.code_epochs, device=arguments.device, random_state=0
    ).fit(x_train)
    seconds = sum(row["duration"] for row in autoencoder.history_)
    name = {"features": "ConvAutoencoder", "width": 32, "seconds": seconds}
    rows.append({**name, **codes(autoencoder, data)})
    return rows


TABLES = {
    "objectives": (
        objectives,
        "Objectives of ConvGAN, {short_images} images, {short_epochs} epochs, {seeds} seeds; a "
        "failure is an error, a ConvergenceWarning or a coverage below 0.05",
    ),
    "codes": (
        kinds_of_codes,
        "Kinds of codes, {code_epochs} epochs; 1-nearest-neighbour and linear accuracy on "
        "10,000 / 2,000 rows, and the share of the variance that reconstructions do not explain",
    ),
}


def main():
    parser = _common.parser(__doc__)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--short-images", type=int, default=12_000)
    parser.add_argument("--short-epochs", type=int, default=4)
    parser.add_argument("--code-epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of torch; all cores if left out")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    x_train, y_train, x_test, y_test = _common.load(arguments.data)
    shuffled = np.random.RandomState(0).permutation(len(x_test))  # its halves differ in difficulty
    x_test, y_test = x_test[shuffled], y_test[shuffled]
    data = x_train.astype(np.float32) / 255, y_train, x_test.astype(np.float32) / 255, y_test
    classifier = Classifier(data[0], data[1], arguments.device)
    space = (
        "Judged in the 128 features of a classifier of test accuracy "
        f"{classifier.accuracy(data[2], y_test):.4f}: accepted is the share of {N_DRAWN} samples "
        "with a confidence of at least 0.9; a digit is covered by at least 3 % of them; Fréchet "
        f"and kernel distance are to {N_DRAWN} test digits, the rest {N_COMPARED} / {N_COMPARED}"
    )
    device = arguments.device.split(":")[0]
    for name in arguments.tables:
        function, heading = TABLES[name]
        rows = function(data, classifier, arguments)
        columns = list(dict.fromkeys(key for row in rows for key in row))
        sections = [(f"{heading.format(**vars(arguments))}. {space}", rows, columns)]
        target = None if arguments.no_save else f"generation_{name}_{device}"
        given = " ".join(sys.argv[1:]).replace(arguments.data, "mnist.npz")
        command = f"python -m benchmarks.generation {given}"
        _common.save(target, f"Generation: {name}", command, sections, arguments.device)


if __name__ == "__main__":
    main()
