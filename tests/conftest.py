"""Small, quick estimators and data that every test can use."""

import functools
import os
import shutil

os.environ["SCIPY_ARRAY_API"] = "1"  # without it some of scikit-learn's checks skip silently
if "PYTEST_XDIST_WORKER" in os.environ:  # workers that share cores wait for each other's threads
    os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"

import numpy as np
import pytest
import torch
from every_model import EVERY_CLASS, EVERY_MODEL, few_digits, fit_model, with_methods
from sklearn.datasets import load_digits

from sklearn_unsup import ConvAutoencoder, ConvGAN, ConvVAE

CHROMIUM = shutil.which("chromium")  # `make docs-test` installs it on Debian
BROWSER_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
]


# Models of these fixtures and names train for a moment, and warn that they have not learnt much.
HARDLY_TRAINED = {"small_vae", "small_gan", "any_small", "models"}
HARDLY_TRAINED_WARN = pytest.mark.filterwarnings(
    "ignore:Posterior collapse:sklearn.exceptions.ConvergenceWarning",
    "ignore:The generator has collapsed:sklearn.exceptions.ConvergenceWarning",
    "ignore:A kind of image is missing:sklearn.exceptions.ConvergenceWarning",
)
OF_THE_TABLE_WARN = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def pytest_collection_modifyitems(items):
    """Skip what needs a GPU on a machine that has none; expect what models of a moment warn of."""
    # UMAP is compiled at its first use, in 20 s: what uses it runs in a row, in one process.
    items.sort(key=lambda item: "umap" not in item.name and item.name != "composition.rst")
    for item in items:
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no CUDA device on this machine"))
        parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
        names = {*getattr(item, "fixturenames", ()), *(p for p in parameters if isinstance(p, str))}
        if names & HARDLY_TRAINED:
            item.add_marker(HARDLY_TRAINED_WARN)
        if names & EVERY_MODEL.keys():
            item.add_marker(OF_THE_TABLE_WARN)


@pytest.fixture(scope="session")
def digits():
    """200 digits as rows (200, 64), float32."""
    return load_digits().data[:200].astype(np.float32)


SMALL = {
    "n_components": 4,
    "hidden_channels": (8, 16),
    "hidden_layer_sizes": (),
    "max_epochs": 2,
    "batch_size": 32,
    "device": "cpu",
    "random_state": 0,
}


@pytest.fixture
def small():
    """Build a small ConvAutoencoder that trains in a moment; keyword arguments override."""
    return lambda **params: ConvAutoencoder(**{**SMALL, **params})


@pytest.fixture
def small_vae():
    """Build a small ConvVAE that learns something in a moment; keyword arguments override."""
    return lambda **params: ConvVAE(**{**SMALL, "batch_size": 20, "learning_rate": 0.04, **params})


@pytest.fixture
def small_gan():
    """Build a small ConvGAN that trains in a moment; a `decoder` is its generator."""
    return lambda decoder=None, **params: ConvGAN(**{**SMALL, "generator": decoder, **params})


@pytest.fixture(params=with_methods("transform", "sample", "score", among=EVERY_CLASS))
def any_small(request):
    """Build a small estimator of each class that encodes, draws and scores, in turn."""
    return lambda **params: EVERY_MODEL[request.param](**{**SMALL, **params})


@pytest.fixture(scope="session")
def fitted_model():
    """Return the model of a name in the table, fitted to few digits. Not to be changed."""
    return functools.cache(lambda name: fit_model(EVERY_MODEL[name](), few_digits()))


@pytest.fixture(scope="session")
def few():
    """24 digits as images (24, 8, 8), float32, from 0 to 1."""
    return few_digits()


@pytest.fixture(scope="session")
def fitted(digits):
    """A small ConvAutoencoder fitted to digits. Not to be changed."""
    return ConvAutoencoder(
        4, hidden_channels=(8, 16), max_epochs=5, device="cpu", random_state=0
    ).fit(digits)


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: run `make docs-test`")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_OPTIONS)
        yield browser
        browser.close()


def faults(message):
    """What the console calls an error, but for the icon that browsers ask for by themselves."""
    place = message.location.get("url", "")
    is_fault = message.type == "error" and not place.endswith("/favicon.ico")
    return [f"{message.text} {place}"] if is_fault else []


@pytest.fixture
def page(browser):
    """A page that remembers what it asked for, and what went wrong: `page.asked`, `page.errors`."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.asked, page.errors = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("requestfailed", lambda request: page.errors.append(f"not loaded: {request.url}"))
    page.on("console", lambda message: page.errors.extend(faults(message)))
    yield page
    context.close()
