"""Memory, threads and processes: what grows, and what may run beside what."""

import pickle
import platform
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from example_networks import classic_generator
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score

MEMORY = """
import os, resource, sys, warnings
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback
from sklearn_unsup import ConvAutoencoder, ConvVAE
from sklearn_unsup.datasets import NpyFiles

warnings.simplefilter("ignore", ConvergenceWarning)  # few epochs explain less than PCA

def used(kind):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(kind)) / 1e3  # MB

"""
GROWTH = (
    MEMORY
    + """
X = np.random.RandomState(0).uniform(size=(100, 64)).astype("float32")
sizes = []
for i in range(200):
    ConvAutoencoder(4, hidden_channels=(8,), max_epochs=2, device="cpu").fit(X).transform(X)
    sizes.append(used("VmRSS"))
print(sizes[-1] - sizes[20])
"""
)
PAGES = (
    MEMORY
    + """
X = np.random.RandomState(0).randint(256, size=(256, 64, 64)).astype("uint8")
faults = []

class Count(Callback):
    def on_epoch_end(self, net, **kwargs):
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)

make = lambda **params: ConvAutoencoder(4, hidden_channels=(64, 8), device="cpu", **params)
make(max_epochs=1, batch_size=16).fit(X[:32])  # what libraries load and keep
before = used("VmRSS")
make(max_epochs=3, batch_size=128, callbacks=[Count()]).fit(X)
print(min(np.diff(faults)) / 2, used("VmRSS") - before)  # a step, once warm; after the fit
"""
)
LARGER_THAN_MEMORY = (
    MEMORY
    + """
import threading
from torch import nn
from sklearn_unsup._training import (_lazy_batches)

def encoder(image_shape, n_outputs):
    return nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(256, n_outputs))

def decoder(image_shape, n_inputs):
    wide = nn.Linear(n_inputs, 256), nn.Unflatten(1, (1, 16, 16)), nn.Upsample(scale_factor=8)
    return nn.Sequential(*wide)

threading.stack_size(2**20)  # the usual ones suit larger memories, as do the usual buffers
_lazy_batches.BUFFER_BYTES = 2**19
X = np.lib.format.open_memmap("X.npy", mode="w+", dtype=np.uint8, shape=(7_500, 128, 128))
X[::100] = np.random.RandomState(0).randint(256, size=(75, 128, 128))
X.flush()
X = np.load("X.npy", mmap_mode="r")
make = lambda: ConvAutoencoder(2, encoder=encoder, decoder=decoder, max_epochs=1, batch_size=10)
make().fit(X[:500]).transform(X[:500])  # what libraries load and keep
limit = int((used("VmData") + X.nbytes / 4e6) * 1e6)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.ones(X.nbytes // 2, dtype=np.uint8)
except MemoryError:
    print("limited")
files = NpyFiles(["X.npy"])
model = make().fit(files)
codes = np.lib.format.open_memmap("codes.npy", mode="w+", dtype=np.float32, shape=(len(X), 2))
print(model.transform(files, out=codes).shape)
print(model.transform(X).shape)
"""
)


def run(code, folder):
    command = [sys.executable, "-c", code]
    finished = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    assert finished.stderr == ""  # no warning, not even at its end
    return finished.stdout


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and sets RLIMIT_DATA")


@on_linux
@pytest.mark.slow
def test_two_hundred_fits_do_not_grow(tmp_path):
    assert float(run(GROWTH, tmp_path)) < 20


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other habits")
def test_a_step_takes_the_memory_that_the_one_before_has_freed(tmp_path):
    """The maps of a step take 70,000 pages, 280 MB. The system clears next to none of them."""
    pages, kept = map(float, run(PAGES, tmp_path).split())
    assert pages < 10_000
    assert kept < 200  # MB; after the fit


@on_linux
def test_images_on_a_disk_four_times_as_large_as_the_memory_are_learnt(tmp_path):
    printed = run(LARGER_THAN_MEMORY, tmp_path).split("\n")
    assert printed[:3] == ["limited", "(7500, 2)", "(7500, 2)"]


def test_eight_threads_share_an_estimator(any_small, digits):
    estimator = any_small().fit(digits)
    expected = estimator.transform(digits)
    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(lambda _: estimator.transform(digits), range(32)):
            np.testing.assert_array_equal(found, expected)


def test_eight_threads_draw_the_first_samples(any_small, digits):
    expected = any_small().fit(digits).sample(5, random_state=0)
    estimator = any_small().fit(digits)
    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(lambda _: estimator.sample(5, random_state=0), range(8)):
            np.testing.assert_array_equal(found, expected)


@pytest.fixture(scope="module")
def other_process():
    """A process that was started anew, and not forked."""
    with get_context("spawn").Pool(1) as pool:
        yield pool


def test_other_processes_use_an_estimator(any_small, digits, other_process):
    estimator = any_small().fit(digits)
    codes = estimator.transform(digits)
    # A worker has another number of threads, so that sums are rounded in another order.
    for found in Parallel(n_jobs=2)(delayed(estimator.transform)(digits) for _ in range(2)):
        np.testing.assert_allclose(found, codes, rtol=1e-5, atol=1e-6)
    found = other_process.apply(estimator.transform, (digits,))
    np.testing.assert_allclose(found, codes, rtol=1e-5, atol=1e-6)


@pytest.fixture
def one_thread():
    """As many threads as each of two workers has."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def test_two_workers_score_as_one(any_small, digits, one_thread):
    one, two = (cross_val_score(any_small(), digits, cv=2, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(two, one)


def learn(estimator, X, n_threads):
    torch.set_num_threads(n_threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of two epochs
        return estimator.fit(X)


def test_two_processes_learn_the_same_bits(any_small, digits, other_process):
    found = other_process.apply(learn, (any_small(), digits, torch.get_num_threads()))
    weights = found.network_.state_dict()
    for name, weight in any_small().fit(digits).network_.state_dict().items():
        assert torch.equal(weight, weights[name]), name


def draw(gan, n_threads):
    torch.set_num_threads(n_threads)
    images = gan.sample(20, random_state=0)
    return images, gan.transform(images)


def test_samples_of_batch_normalisation_are_the_same_bits_elsewhere(
    small_gan, digits, other_process
):
    gan = small_gan(decoder=classic_generator, objective="hinge").fit(digits)
    found = other_process.apply(draw, (gan, torch.get_num_threads()))
    for there, here in zip(found, draw(gan, torch.get_num_threads()), strict=True):
        np.testing.assert_array_equal(there, here)


def test_pickling_while_others_transform(fitted, digits):
    with ThreadPoolExecutor(4) as threads:
        codes = threads.map(lambda _: fitted.transform(digits), range(16))
        copies = threads.map(lambda _: pickle.loads(pickle.dumps(fitted)), range(16))
        for found, copied in zip(codes, copies, strict=True):
            np.testing.assert_array_equal(found, copied.transform(digits))
