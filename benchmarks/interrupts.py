"""Ctrl-C at random moments, twice in a row: what was learnt is kept, and the process is as before.

Each case runs in a process of its own, where a thread sends SIGINT at a random moment of a short
fit, or as soon as the training is over and what was learnt is put away, and again within 20
milliseconds. A callback counts whole epochs. Exits with 1 if one was lost, or a setting was left
changed.

    python -m benchmarks.interrupts --fits 300
"""

import argparse
import os
import random
import signal
import sys
import threading
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch
from sklearn import get_config
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from benchmarks import _common
from sklearn_unsup import ConvAutoencoder, ConvGAN, ConvOutlierDetector, ConvVAE

SMALL = {
    "n_components": 4,
    "hidden_channels": (4, 8),
    "hidden_layer_sizes": (),
    "max_epochs": 5,
    "batch_size": 30,
    "device": "cpu",
}
MOST_BETWEEN = 0.02  # seconds from the first SIGINT to the second
COLUMNS = ["case", "fits", "in the training", "after it", "epochs", "lost", "changed"]


class Count(Callback):
    """Count whole epochs, and tell when the training is over."""

    def __init__(self):
        self.epochs, self.is_over = [], threading.Event()

    def __sklearn_clone__(self):
        return self  # a clone of its estimator counts for it, too

    def on_epoch_end(self, net, **kwargs):
        self.epochs.append(len(net.history))

    def on_train_end(self, net, **kwargs):
        self.is_over.set()


class Case:
    """An estimator that is fitted while SIGINT comes.

    Parameters
    ----------
    make : callable
        Takes callbacks, and returns the estimator.
    learner : callable
        Returns the part of it that has `n_iter_`, or None if it is not there yet.
    method : str
    is_fitted : bool
        Whether it has learnt something before.
    """

    def __init__(self, make, learner=lambda estimator: estimator, method="fit", is_fitted=False):
        self.make, self.learner, self.method = make, learner, method
        self.is_fitted = is_fitted

    def prepare(self):
        """Return an estimator, and its counter."""
        count = Count()
        estimator = self.make([count])
        if self.is_fitted:
            getattr(estimator, self.method)(X)
            count.epochs.clear()
            count.is_over.clear()
        return estimator, count

    def n_epochs(self, estimator):
        return getattr(self.learner(estimator), "n_iter_", 0)


def _of(kind, **params):
    return lambda callbacks: kind(**SMALL, **params, random_state=0, callbacks=callbacks)


X = load_digits().data[:120].astype(np.float32)
CASES = {
    "ConvAutoencoder": Case(_of(ConvAutoencoder)),
    "ConvAutoencoder, early stopping": Case(_of(ConvAutoencoder, early_stopping=True)),
    "ConvVAE": Case(_of(ConvVAE)),
    "ConvGAN": Case(_of(ConvGAN)),
    "ConvOutlierDetector": Case(
        lambda callbacks: ConvOutlierDetector(_of(ConvAutoencoder)(callbacks)),
        lambda detector: getattr(detector, "estimator_", None),
    ),
    "partial_fit": Case(_of(ConvAutoencoder), method="partial_fit", is_fitted=True),
    "warm start": Case(_of(ConvVAE, warm_start=True), is_fitted=True),
    "Pipeline": Case(
        lambda callbacks: make_pipeline(StandardScaler(), _of(ConvAutoencoder)(callbacks)),
        lambda pipe: pipe[-1],
    ),
}


def settings():
    """Return what a fit must leave as it was."""
    numpy_state = np.random.mtrand._rand.get_state(legacy=False)["state"]
    return {
        "handler": signal.getsignal(signal.SIGINT),
        "gradients": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "threads": torch.get_num_threads(),
        "numpy errors": np.geterr(),
        "scikit-learn": get_config(),
        "random": random.getstate(),
        "numpy random": (numpy_state["key"].tolist(), numpy_state["pos"]),
        "torch random": torch.get_rng_state().tolist(),
    }


def interrupted(case, draw, seconds):
    """Fit, and be interrupted twice; return what came of it as a row of the table."""
    estimator, count = case.prepare()
    before, n_before = settings(), case.n_epochs(estimator)
    after_training, first = draw.random() < 1 / 3, draw.uniform(0, 1.1 * seconds)
    second, is_running, sent = draw.uniform(0, MOST_BETWEEN), threading.Event(), []

    def send():
        is_running.wait()
        if after_training:
            count.is_over.wait(10)
            time.sleep(first / 50)
        else:
            time.sleep(first)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(second)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1e-3)
        sent.append(True)

    def settle():
        while not sent:  # KeyboardInterrupt in a `join` would end the join alone
            time.sleep(1e-4)

    threading.Thread(target=send).start()
    n_raised, is_fit_over = 0, False
    try:  # each of the two may come in the fit, after it, or while the other is dealt with
        try:
            try:
                is_running.set()
                getattr(estimator, case.method)(X)
                is_fit_over = True
            except KeyboardInterrupt:
                n_raised += 1
            settle()
        except KeyboardInterrupt:
            n_raised += 1
        settle()
    except KeyboardInterrupt:
        n_raised += 1
    settle()
    after = settings()
    n_kept = case.n_epochs(estimator) - n_before
    changed = [name for name in before if before[name] != after[name]]
    if not n_raised:
        changed.append("KeyboardInterrupt was not raised")
    lost = max(0, len(count.epochs) - n_kept)
    if n_kept:
        estimator.transform(X[:3]) if hasattr(estimator, "transform") else estimator.predict(X[:3])
    return {"in": not is_fit_over, "epochs": len(count.epochs), "lost": lost, "changed": changed}


def run(name, n_fits, seed):
    """Return the row of a case."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.set_grad_enabled(True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    case, draw = CASES[name], random.Random(f"{name} {seed}")
    for _ in range(2):  # the first one warms up
        estimator, _ = case.prepare()
        start = time.perf_counter()
        getattr(estimator, case.method)(X)
        seconds = time.perf_counter() - start
    found = [interrupted(case, draw, seconds) for _ in range(n_fits)]
    changed = sorted({name for each in found for name in each["changed"]})
    return {
        "case": name,
        "fits": n_fits,
        "in the training": sum(each["in"] for each in found),
        "after it": sum(not each["in"] for each in found),
        "epochs": sum(each["epochs"] for each in found),
        "lost": sum(each["lost"] for each in found),
        "changed": ", ".join(changed) or "nothing",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=300, help="of all cases together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-save", action="store_true")
    arguments = parser.parse_args()
    rows, n_each = [], -(-arguments.fits // len(CASES))
    for name in CASES:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            rows.append(pool.submit(run, name, n_each, arguments.seed).result())
    command = f"python -m benchmarks.interrupts --fits {arguments.fits}"
    heading = "Fits that SIGINT ended, whole epochs, how many of them were lost, settings changed"
    name = None if arguments.no_save else "interrupts_cpu"
    _common.save(name, "Interrupts", command, [(heading, rows, COLUMNS)])
    sys.exit(any(row["lost"] or row["changed"] != "nothing" for row in rows))


if __name__ == "__main__":
    main()
