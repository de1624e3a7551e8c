"""Displays take X in every form that estimators take."""

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline

from sklearn_unsup import ConvVAE
from sklearn_unsup.datasets import NpyFiles, make_shapes
from sklearn_unsup.displays import (
    ClusterDisplay,
    InterpolationDisplay,
    LatentSpaceDisplay,
    ReconstructionDisplay,
    SampleDisplay,
    TraversalDisplay,
    explore,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
N = 12
PARAMS = {"max_epochs": 1, "hidden_channels": (4,), "device": "cpu", "random_state": 0}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def images():
    """Return colour images (12, 8, 6, 3), uint8."""
    return np.uint8(255 * make_shapes(N, 8, 3, random_state=0).images[:, :, :6])


@pytest.fixture(scope="module")
def vae(images):
    """A model that was fitted to images with axes. Not to be changed."""
    return ConvVAE(3, **PARAMS).fit(images)


@pytest.fixture
def forms(images, tmp_path):
    """Return the same images in every form."""
    rows = images.reshape(N, -1)
    for i, part in enumerate(np.split(images, 2)):
        np.save(tmp_path / f"{i}.npy", part)
    return {
        "uint8": images,
        "float16": images.astype(np.float16),
        "rows": rows,
        "list of images": list(images),
        "list of lists": rows.tolist(),
        "table": pd.DataFrame(rows, index=np.linspace(5, 0, N)),  # of decreasing labels
        "tensor": torch.from_numpy(images),
        "on a disk": NpyFiles([tmp_path / "0.npy", tmp_path / "1.npy"]),
        "memory map": np.load(tmp_path / "0.npy", mmap_mode="r"),
    }


FORMS = [
    "uint8",
    "float16",
    "rows",
    "list of images",
    "list of lists",
    "table",
    "tensor",
    "on a disk",
    "memory map",
]


@pytest.mark.parametrize("form", FORMS)
def test_every_display_takes_every_form(vae, images, forms, form):
    X = forms[form]
    shown = ReconstructionDisplay.from_estimator(vae, X, n_images=4)
    np.testing.assert_array_equal(shown.images, images[:4])
    np.testing.assert_allclose(shown.reconstructions, vae.reconstruct(images[:4]), atol=0.02)
    walk = InterpolationDisplay.from_estimator(vae, X, X, n_steps=3)
    assert walk.images.shape[1:] == (3, 8, 6, 3)
    steps = TraversalDisplay.from_estimator(vae, X, components=[1], values=[-1, 1])
    np.testing.assert_allclose(steps.images[0], vae.traverse(images[0], 1, [-1, 1]), atol=0.02)
    latent = LatentSpaceDisplay.from_estimator(vae, X)
    np.testing.assert_array_equal(latent.pictures, images[: len(latent.pictures)])
    plain = SampleDisplay.from_arrays(X, n_columns=1, image_shape=(8, 6, 3))
    np.testing.assert_array_equal(plain.images[:, 0], images[: len(plain.images)])
    pipe = make_pipeline(vae, KMeans(2, n_init=1, random_state=0)).fit(images)
    clusters = ClusterDisplay.from_estimator(pipe, X, n_images=2)
    assert clusters.images.shape == (2, 2, 8, 6, 3)


@pytest.mark.parametrize("form", FORMS)
def test_the_explorer_takes_every_form(vae, forms, form, tmp_path):
    pytest.importorskip("bokeh", reason="bokeh is not installed")
    X = forms[form]
    path = explore(X, vae.transform(X), path=tmp_path / "e.html", image_shape=(8, 6, 3))
    assert "principal component 1 of the codes" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("take", [lambda X: X[0], lambda X: X[0].ravel(), lambda X: X[0].tolist()])
def test_one_image_is_traversed(vae, images, take):
    display = TraversalDisplay.from_estimator(vae, take(images), components=[0], values=[0, 1])
    np.testing.assert_allclose(display.images[0], vae.traverse(images[0], 0, [0, 1]), atol=0.02)


def test_rows_know_their_shape_from_the_images_of_fit(vae, images):
    rows = images.reshape(N, -1)
    assert ReconstructionDisplay.from_estimator(vae, rows).images.shape == (8, 8, 6, 3)
    of_rows = ConvVAE(3, image_shape=(8, 6, 3), **PARAMS).fit(rows)
    display = TraversalDisplay.from_estimator(of_rows, images, components=[0])
    assert display.images.shape == (1, 9, 8, 6, 3)
