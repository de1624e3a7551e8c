import json
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

from sklearn_unsup._devices import _workers
from sklearn_unsup._devices._device import _GLOBAL_RNG_LOCK
from sklearn_unsup._training import _graphs
from sklearn_unsup.estimators._code_density import _MIXTURE_LOCK

SECONDS = 60  # after which a worker is taken to hang
forks = pytest.mark.skipif(sys.platform != "linux", reason="forks, and looks into /proc")


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


SCENARIOS = {  # what runs in a fresh process, and what forks of it may say
    "nothing": ("print(in_a_fork(use))", "works"),
    "torch": (
        "torch.nn.Conv2d(8, 64, 3)(torch.zeros(64, 8, 32, 32)).sum().backward()\n"
        "print(in_a_fork(use))",
        "works",
    ),
    "torch in a thread": (
        "t = threading.Thread(target=lambda: torch.zeros(2**22).add_(1)); t.start(); t.join()\n"
        "print(in_a_fork(use))",
        "works",
    ),
    "torch, then one thread": (
        "torch.zeros(2**22).add_(1); torch.set_num_threads(1); print(in_a_fork(use))",
        "works",
    ),
    "a fit": ("use(); print(in_a_fork(use))", "RuntimeError"),
    "a fit with one thread": ("torch.set_num_threads(1); use(); print(in_a_fork(use))", "works"),
    "twice": ("print(in_a_fork(lambda: say(in_a_fork(use))))", "works works"),
    "twice, computing": (
        "print(in_a_fork(lambda: (use(), say(in_a_fork(use)))))",
        "RuntimeError works",
    ),
    "a pool": (
        "torch.set_num_threads(1); model = make().fit(X)\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    codes = pool.apply_async(model.transform, (X,)).get(40)\n"
        "    images = pool.apply_async(model.sample, (3, 0)).get(40)\n"
        "    other = pool.apply_async(make().fit, (X,)).get(40)\n"
        "other = pickle.loads(pickle.dumps(other))\n"
        "found = [codes, images, other.transform(X)]\n"
        "expected = [model.transform(X), model.sample(3, 0), model.transform(X)]\n"
        "print(all(map(np.allclose, found, expected)))",
        "True",
    ),
    **{
        f"a probe where children are {name}": (
            f"signal.signal(signal.SIGCHLD, {handler}); probe()",
            "True True none",
        )
        for name, handler in (
            ("kept", "signal.SIG_DFL"),
            ("ignored", "signal.SIG_IGN"),
            ("waited for", "reap"),
        )
    },
    "a probe with an error": ("torch.zeros = lambda *a, **k: 1 / 0; probe()", "False True none"),
    "a probe that crashes": (
        "torch.zeros = lambda *a, **k: os.kill(os.getpid(), 9); probe()",
        "False True none",
    ),
    "a probe that hangs": (
        "_workers.TRIAL_SECONDS = 0.2; torch.zeros = lambda *a, **k: time.sleep(99); probe()",
        "False True none",
    ),
    "a probe and Ctrl-C": (
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def interrupt(*a, **k):\n"
        "    time.sleep(0.2)  # Python drops what is raised while os.fork() still runs its hooks\n"
        "    os.kill(os.getppid(), 2), time.sleep(99)\n"
        "torch.zeros = interrupt; probe()",
        "interrupted True none",
    ),
    # The last two run in the process itself: a BLAS, too, is not as new in a fork.
    "numpy": ("A = np.random.rand(300, 300); A @ A; print(in_a_fork(use))", "works"),
    "k-means": ("KMeans(8).fit(np.random.rand(5000, 64)); print(in_a_fork(use))", "works"),
}
SCRIPT = """
import json, multiprocessing, os, pickle, signal, sys, threading, time, warnings
import numpy as np, torch, torch._dynamo  # which each fork would import in its first fit
from sklearn.cluster import KMeans
from sklearn_unsup import ConvAutoencoder
from sklearn_unsup._devices import (_workers)

warnings.simplefilter("ignore")
X = np.random.default_rng(0).random((60, 64), dtype=np.float32)

def make():
    params = {"hidden_channels": (8,), "max_epochs": 1, "random_state": 0, "device": "cpu"}
    return ConvAutoencoder(4, **params)

def use():
    model = make().fit(X)
    model.transform(X), model.sample(2), pickle.loads(pickle.dumps(model)).score(X)

def say(text):
    print(text, flush=True)

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

def children():
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return "none"

def reap(number, frame):
    while children() not in (0, "none"):
        pass

def probe():
    n_files = len(os.listdir("/proc/self/fd"))
    try:
        found = _workers._threads_work()
    except KeyboardInterrupt:
        found = "interrupted"
    print(found, len(os.listdir("/proc/self/fd")) == n_files, children())

# A fork of a process that has computed nothing is as good as a new one.
for name, (code, _) in json.loads(sys.argv[1]).items():
    print(f"#{name}:", flush=True)
    if name in ("numpy", "k-means"):
        torch.set_num_threads(2)
        exec(code)
        continue
    child = os.fork()
    if not child:
        _workers._was_forked = False
        torch.set_num_threads(2)
        try:
            exec(code)
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.fixture(scope="module")
def said():
    command = [sys.executable, "-c", SCRIPT, json.dumps(SCENARIOS)]
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}  # other tests need the cores
    environment.pop("OMP_NUM_THREADS", None)  # of k-means
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=True
    )
    parts = (part.split(":", 1) for part in done.stdout.split("#")[1:])
    return {name: " ".join(text.split()) for name, text in parts}


@forks
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_fork_works_or_says_why_not_and_never_hangs(said, name):
    assert said[name] == SCENARIOS[name][1]


LOCKS = {"noise": _GLOBAL_RNG_LOCK, "mixture": _MIXTURE_LOCK, "graph": _graphs._CAPTURE_LOCK}


@forks
@pytest.mark.parametrize("name", LOCKS)
@pytest.mark.parametrize("holder", ["another thread", "this thread"])
def test_a_lock_that_is_held_is_free_in_a_fork(small, digits, one_thread, name, holder):
    held, done = threading.Event(), threading.Event()

    def hold():
        with LOCKS[name].lock:
            held.set()
            done.wait(SECONDS)

    def use():
        custom = small(encoder=LinearEncoder, decoder=LinearDecoder, batch_size=100)
        model = custom.fit(digits)
        with LOCKS[name].lock:
            return pickle.loads(pickle.dumps(model)).n_iter_, "used"

    def use_mixture():
        return small(batch_size=100).fit(digits).sample(3, 0).shape, "used"

    function = use_mixture if name == "mixture" else use
    if holder == "this thread":
        with LOCKS[name].lock:
            found = in_a_fork(function)
        with LOCKS[name].lock:  # it was given back
            pass
    else:
        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        found = in_a_fork(function)
        done.set()
        thread.join()
    assert found[1] == "used"


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
