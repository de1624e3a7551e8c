import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
import torch
from example_networks import LinearDecoder, LinearEncoder
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV

from sklearn_unsup.estimators._code_density import _FITTING
from sklearn_unsup.training import _graphs, _workers
from sklearn_unsup.training._device import _GLOBAL_RNG_LOCK

SECONDS = 60  # after which a worker is taken to hang
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def in_a_fork(function):
    """Return what `function` does in a forked process: its result, or its error's words."""

    def run(pipe):
        try:
            pipe.send(function())
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")

    here, there = multiprocessing.Pipe()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork")
        process = multiprocessing.get_context("fork").Process(target=run, args=(there,))
        process.start()
    try:
        return here.recv() if here.poll(SECONDS) else "it hangs"
    finally:
        process.kill()
        process.join()


@pytest.fixture
def two_threads():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(n_threads)


@pytest.mark.parametrize("method", ["fit", "transform", "partial_fit"])
def test_a_fork_after_training_is_refused_where_torch_would_hang(
    method, small, digits, two_threads
):
    model = small(hidden_channels=(32, 64)).fit(digits)
    found = in_a_fork(lambda: str(getattr(model, method)(digits)))
    assert found.startswith("RuntimeError: This process was forked")
    assert "'loky'" in found


def test_a_fork_with_one_thread_computes_the_same(small, digits, two_threads):
    model = small().fit(digits)

    def fit():
        torch.set_num_threads(1)
        return model.transform(digits)

    np.testing.assert_allclose(in_a_fork(fit), model.transform(digits), rtol=1e-5, atol=1e-6)


@pytest.fixture
def one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


FRESH = """
import multiprocessing, os, pickle, sys, threading, warnings
import numpy as np, torch
from sklearn_unsup import ConvAutoencoder
warnings.simplefilter("ignore")
X = np.random.default_rng(0).random((60, 64), dtype=np.float32)
torch.set_num_threads(2)
make = lambda: ConvAutoencoder(4, hidden_channels=(8,), max_epochs=1, random_state=0, device="cpu")

def in_a_fork(function):
    "Return what a forked process says of itself: works, RuntimeError, or hangs."
    def run(pipe):
        try:
            function()
            pipe.send("works")
        except RuntimeError:
            pipe.send("RuntimeError")
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=run, args=(there,))
    process.start()
    result = here.recv() if here.poll(40) else "hangs"
    process.kill()
    process.join()
    return result

def use():
    model = make().fit(X)
    model.transform(X), model.sample(2), pickle.loads(pickle.dumps(model)).score(X)
"""
PARENTS = {  # what ran before the fork, and what the forked process may say
    "nothing": ("pass", "works"),
    "numpy": ("A = np.random.rand(300, 300); np.linalg.svd(A @ A)", "works"),
    "k-means": (
        "from sklearn.cluster import KMeans; KMeans(8, n_init=2).fit(np.random.rand(5000, 64))",
        "works",
    ),
    "torch": ("torch.nn.Conv2d(8, 64, 3)(torch.zeros(64, 8, 32, 32)).sum().backward()", "either"),
    "torch in a thread": (
        "t = threading.Thread(target=lambda: torch.zeros(2**22).add_(1)); t.start(); t.join()",
        "either",
    ),
    "torch and one thread": ("torch.zeros(2**22).add_(1); torch.set_num_threads(1)", "works"),
    "a fit with one thread": ("torch.set_num_threads(1); make().fit(X)", "works"),
    "a mixture": ("torch.set_num_threads(1); make().fit(X).sample()", "works"),
}


def say(code, folder, seconds=120):
    command = [sys.executable, "-c", FRESH + code]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=seconds, check=True
    )
    return done.stdout.split()


@forks
@pytest.mark.parametrize("parent", PARENTS)
def test_a_fork_works_or_says_why_not_and_never_hangs(parent, tmp_path):
    code, expected = PARENTS[parent]
    (found,) = say(f"{code}\nprint(in_a_fork(use))", tmp_path)
    assert found in (("works", "RuntimeError") if expected == "either" else (expected,))


@forks
def test_a_fork_of_a_fork_works_or_says_why_not(tmp_path):
    code = """
def again():
    use()
    print(in_a_fork(use), flush=True)

print(in_a_fork(lambda: print(in_a_fork(use), flush=True)), flush=True)
print(in_a_fork(again), flush=True)
"""
    # The second fork is from one that computed with several threads.
    assert say(code, tmp_path) == ["works", "works", "RuntimeError", "works"]


@forks
def test_a_pool_of_forks_uses_estimators(tmp_path):
    code = """
torch.set_num_threads(1)
model = make().fit(X)
with multiprocessing.get_context("fork").Pool(2) as pool:
    codes = pool.apply_async(model.transform, (X,)).get(40)
    images = pool.apply_async(model.sample, (3, 0)).get(40)
    other = pool.apply_async(make().fit, (X,)).get(40)
print(np.allclose(codes, model.transform(X)), np.allclose(images, model.sample(3, 0)))
print(np.allclose(other.transform(X), model.transform(X)), pickle.loads(pickle.dumps(other)) != 0)
"""
    assert say(code, tmp_path) == ["True"] * 4


LOCKS = {"noise": _GLOBAL_RNG_LOCK, "mixture": _FITTING, "graph": _graphs._CAPTURING}


@forks
@pytest.mark.parametrize("name", LOCKS)
@pytest.mark.parametrize("holder", ["another thread", "this thread"])
def test_a_lock_that_is_held_is_free_in_a_fork(small, digits, one_thread, name, holder):
    held, done = threading.Event(), threading.Event()

    def hold():
        with LOCKS[name].here:
            held.set()
            done.wait(SECONDS)

    def use():
        custom = small(encoder=LinearEncoder, decoder=LinearDecoder, batch_size=100)
        model = custom.fit(digits)
        with LOCKS[name].here:
            return pickle.loads(pickle.dumps(model)).n_iter_, "used"

    def use_mixture():
        return small(batch_size=100).fit(digits).sample(3, 0).shape, "used"

    function = use_mixture if name == "mixture" else use
    if holder == "this thread":
        with LOCKS[name].here:
            found = in_a_fork(function)
        with LOCKS[name].here:  # it was given back
            pass
    else:
        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        found = in_a_fork(function)
        done.set()
        thread.join()
    assert found[1] == "used"


PROBE = """
import signal, time
from sklearn_unsup.training import _workers

def children():
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return "none"

def reap(number, frame):
    while children() not in (0, "none"):
        pass

signal.signal(signal.SIGCHLD, {handler})
{change}
n_files = len(os.listdir("/proc/self/fd"))
found = _workers._threads_work()
print(found, len(os.listdir("/proc/self/fd")) == n_files, children(), flush=True)
"""


@on_linux
@pytest.mark.parametrize("handler", ["signal.SIG_DFL", "signal.SIG_IGN", "reap"])
def test_the_probe_of_a_fork_leaves_nothing_whatever_is_done_of_children(tmp_path, handler):
    found = say(PROBE.format(handler=handler, change="pass"), tmp_path)
    assert found == ["True", "True", "none"]


@on_linux
@pytest.mark.parametrize(
    "change",
    [
        "torch.zeros = lambda *args, **kwargs: 1 / 0",
        "torch.zeros = lambda *args, **kwargs: os.kill(os.getpid(), 11)",
        "_workers.TRIAL_SECONDS = 0.2; torch.zeros = lambda *args, **kwargs: time.sleep(99)",
    ],
    ids=["an error", "a crash", "a hang"],
)
def test_a_probe_that_fails_runs_nothing_of_the_programs(tmp_path, change):
    code = PROBE.format(handler="signal.SIG_DFL", change=change)
    assert say(code, tmp_path) == ["False", "True", "none"]


@on_linux
def test_ctrl_c_in_the_probe_leaves_no_process(tmp_path):
    change = "torch.zeros = lambda *args, **kwargs: (os.kill(os.getppid(), 2), time.sleep(99))"
    code = PROBE.format(handler="signal.SIG_DFL", change=change).replace(
        "found = _workers._threads_work()",
        "try: found = _workers._threads_work()\nexcept KeyboardInterrupt: found = 'interrupted'",
    )
    assert say(code, tmp_path) == ["interrupted", "True", "none"]


def test_a_forked_process_probes_once(small, digits, monkeypatch, two_threads):
    probed = []
    monkeypatch.setattr(_workers, "_was_forked", True)
    monkeypatch.setattr(_workers, "_forked_after_computing", False)
    monkeypatch.setattr(_workers, "_threads_work", lambda: probed.append(1) or True)
    small().fit(digits).transform(digits)
    assert probed == [1]


class Greedy(torch.nn.Module):
    """An encoder that wants more memory than its device has."""

    def __init__(self, image_shape, n_outputs):
        super().__init__()
        self.n_outputs = n_outputs
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, images):
        if self.training:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 TiB.")
        return self.weight.expand(len(images), self.n_outputs)


def test_a_full_device_is_named_with_what_to_do(small, digits):
    model = small().fit(digits)
    codes = model.transform(digits)
    with pytest.raises(MemoryError, match=r"Tried to.*of 32 images.*Lower batch_size.*n_jobs"):
        model.set_params(encoder=Greedy).fit(digits)
    np.testing.assert_array_equal(model.transform(digits), codes)  # nothing is lost


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_a_search_goes_on_after_a_candidate_that_does_not_fit(small, digits):
    search = GridSearchCV(small(), {"encoder": [None, Greedy]}, cv=2)
    with pytest.warns(FitFailedWarning, match="MemoryError"):
        search.fit(digits)
    assert search.best_params_ == {"encoder": None}
