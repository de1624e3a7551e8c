"""A cell of the suite: one model on one data set with one seed, and what is timed alike for all."""

import ast
import hashlib
import time
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import joblib
import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

import sklearn_unsup
from benchmarks import _suite_data
from benchmarks._patches import SIDE, PatchKMeans

ROOT = Path(__file__).parents[1]
N_PCA_CODES = 32  # as many as the autoencoders' default
RUNNERS = {"_classifier.py", "_judges.py", "_patches.py"} | {
    f"_suite_{name}.py" for name in ("cells", "data", "generative", "tasks")
}


class LeftOut(Exception):
    """A cell that says nothing, with the reason."""


@dataclass(frozen=True)
class Cell:
    """What determines a cell's figures: the key of the file of finished cells."""

    task: str
    data: str
    rows: str  # "all" or "200"
    on: str
    model: str
    n_components: int | None  # None: the model's default
    seed: int
    params: str  # of the model, as parse_params reads them
    reference: str  # of the task "time"
    device: str
    source: str  # digest of the code


@dataclass(frozen=True)
class Places:
    """Folders: of the data, and of what is kept between runs."""

    data: str
    cache: str


def parse_params(text, model=None):
    """Return the parameters in ``"max_epochs=5,ConvVAE__beta=2"`` that are meant for a model.

    A name without a prefix is meant for all. With None, names keep their prefix.
    """
    call = ast.parse(f"dict({text})", mode="eval").body
    if call.args or any(word.arg is None for word in call.keywords):
        raise ValueError(f"{text!r}: expected name=value, name=value.")
    given = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
    if model is None:
        return given
    split = [(*name.rpartition("__"), value) for name, value in given.items()]
    return {name: value for prefix, _, name, value in split if prefix in ("", model)}


def digest(*folders):
    """Return a digest of the source files in folders, and of what runs and judges the cells."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    paths += [path for path in sorted(ROOT.glob("benchmarks/_*.py")) if path.name in RUNNERS]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]


def load(cell, places):
    return _suite_data.load(cell.data, places.data, cell.rows, cell.on)


def estimator(cell, data, **params):
    """Return the unfitted estimator of a cell."""
    if cell.n_components is not None:
        params["n_components"] = cell.n_components
    return getattr(sklearn_unsup, cell.model)(
        image_shape=data.image_shape, random_state=cell.seed, device=cell.device, **params
    )


def fit(model, X):
    """Fit, and return the model with the seconds and whether there was a ConvergenceWarning."""
    _warm_up()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wall, cpu = time.perf_counter(), time.process_time()
        model.fit(X)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    facts = {"seconds": wall, "CPU seconds": cpu}  # the same in one thread, if no other job runs
    if isinstance(getattr(model, "n_iter_", None), int):
        facts["epochs"] = model.n_iter_
    facts["warned"] = float(any(issubclass(w.category, ConvergenceWarning) for w in caught))
    return model, facts


@cache
def _warm_up():
    """Let a process do what its first fit takes longer for."""
    X = np.random.default_rng(0).normal(size=(32, 64))
    sklearn_unsup.ConvAutoencoder(2, max_epochs=1, random_state=0, device="cpu").fit(X)


def floats(X):
    """Return rows as float32: scikit-learn's models would compute in float64."""
    return X.astype(np.float32, copy=False)


def fit_pca(n_components, X):
    """Fit PCA with as many components, or as many as there can be."""
    return fit(PCA(min(n_components, *X.shape), random_state=0), floats(X))


def unexplained(X, reconstructed):
    """Return the share of the variance of X that is not explained."""
    X = X.astype(np.float64)
    return float(np.square(X - reconstructed).sum() / np.square(X - X.mean(axis=0)).sum())


def codes(cell, places):
    """Return codes of the training rows and of those held out, and the facts of the fit.

    What a network learns is kept on the disk, for the tasks that look at the same codes.
    """
    if cell.model == "raw pixels":
        data = load(cell, places)
        return floats(data.train), floats(data.held_out), {}
    memory = joblib.Memory(places.cache, verbose=0)
    params = cell.params, cell.device, cell.source
    key = cell.data, cell.rows, cell.on, cell.model, cell.n_components, cell.seed, *params
    return memory.cache(_learn, ignore=["places"])(key, places)


def _learn(key, places):
    names = "data", "rows", "on", "model", "n_components", "seed", "params", "device", "source"
    cell = Cell(task="", reference="", **dict(zip(names, key, strict=True)))
    data = load(cell, places)
    if cell.model in ("PCA codes", "k-means of patches"):
        if cell.model == "PCA codes":
            model, facts = fit_pca(cell.n_components or N_PCA_CODES, data.train)
        else:
            if min(data.image_shape[:2]) < 2 * SIDE:
                raise LeftOut("too small for patches")
            model, facts = fit(PatchKMeans(data.image_shape, cell.seed), data.train)
        return model.transform(floats(data.train)), model.transform(floats(data.held_out)), facts
    model = estimator(cell, data, **parse_params(cell.params))
    model, facts = fit(model, data.train)
    return model.transform(data.train), model.transform(data.held_out), facts
