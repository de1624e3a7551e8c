import numpy as np
import pytest
from sklearn.datasets import load_digits

from sklearn_unsup import datasets
from sklearn_unsup.datasets import _mnist as mnist_module
from sklearn_unsup.datasets import fetch_fashion_mnist, fetch_mnist, load_digit_images, make_shapes


def test_digit_images_are_scikit_learns():
    digits = load_digit_images()
    np.testing.assert_array_equal(digits.data, load_digits().data)
    assert digits.images.shape[1:] == digits.image_shape == (8, 8)
    assert len(digits.target) == 1797
    assert "digits" in digits.DESCR


@pytest.mark.parametrize(("n_channels", "sides"), [(1, (20, 20)), (3, (20, 20, 3))])
def test_shapes_have_the_layout_they_say(n_channels, sides):
    shapes = make_shapes(30, image_size=20, n_channels=n_channels, random_state=0)
    assert shapes.images.shape == (30, *sides)
    assert shapes.image_shape == sides
    np.testing.assert_array_equal(shapes.data.reshape(shapes.images.shape), shapes.images)
    assert shapes.images.min() >= 0
    assert shapes.images.max() <= 1
    assert shapes.factors.shape == (30, len(shapes.factor_names))
    assert np.bincount(shapes.target).tolist() == [10, 10, 10]


def test_the_centre_of_mass_is_where_the_factors_say():
    side = 64
    shapes = make_shapes(200, image_size=side, random_state=0)
    mass = shapes.images.sum(axis=(1, 2))
    axis = (np.arange(side) + 0.5) / side
    x = (shapes.images.sum(axis=1) @ axis) / mass
    y = (shapes.images.sum(axis=2) @ axis) / mass
    np.testing.assert_allclose(x, shapes.factors[:, 1], atol=0.01)
    np.testing.assert_allclose(y, shapes.factors[:, 2], atol=0.01)


def test_areas_are_those_of_the_shapes():
    side = 64
    shapes = make_shapes(300, image_size=side, random_state=0)
    kind, size, colour = shapes.factors[:, 0], shapes.factors[:, 3], shapes.factors[:, 5]
    area = shapes.images.sum(axis=(1, 2)) / (0.5 + 0.5 * colour) / side**2
    expected = np.select(
        [kind == 0, kind == 1],
        [np.pi * 0.6 * size**2, 4 * 0.6 * size**2],
        3 * np.sqrt(3) / 4 * size**2,
    )
    np.testing.assert_allclose(area, expected, rtol=0.03)


def test_a_small_step_of_a_factor_is_a_small_step_of_the_image():
    draw = datasets._shapes._draw
    factors = make_shapes(60, random_state=0).factors
    for column in range(1, 6):
        moved = factors.copy()
        moved[:, column] += 1e-4
        change = np.abs(draw(moved, 32, 1) - draw(factors, 32, 1)).max(axis=(1, 2))
        assert change.max() < 0.02


def test_shapes_are_repeatable_and_noise_is_added_last():
    clean = make_shapes(5, random_state=3)
    noisy = make_shapes(5, noise=0.1, random_state=3)
    np.testing.assert_array_equal(clean.images, make_shapes(5, random_state=3).images)
    np.testing.assert_array_equal(clean.factors, noisy.factors)
    assert np.std(noisy.images - clean.images) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(
    "bad",
    [{"n_samples": 0}, {"image_size": 4}, {"n_channels": 2}, {"noise": -1}, {"n_samples": 2.5}],
)
def test_arguments_out_of_range_are_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        make_shapes(**bad)


@pytest.fixture
def tiny_mnist():
    rng = np.random.RandomState(0)
    return {
        "x_train": rng.randint(256, size=(6, 28, 28), dtype=np.uint8),
        "y_train": np.arange(6, dtype=np.uint8),
        "x_test": rng.randint(256, size=(4, 28, 28), dtype=np.uint8),
        "y_test": np.arange(4, dtype=np.uint8),
    }


@pytest.mark.parametrize(
    ("fetch", "name"), [(fetch_mnist, "mnist.npz"), (fetch_fashion_mnist, "fashion_mnist.npz")]
)
def test_a_file_that_is_there_is_read(fetch, name, tiny_mnist, tmp_path):
    np.savez(tmp_path / name, **tiny_mnist)
    bunch = fetch(tmp_path)
    assert bunch.data.shape == (10, 784)
    assert bunch.data.dtype == np.uint8
    np.testing.assert_array_equal(bunch.images[:6], tiny_mnist["x_train"])
    np.testing.assert_array_equal(bunch.target, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3])


def test_without_a_file_openml_is_asked_once(tiny_mnist, tmp_path, monkeypatch):
    calls = []

    def openml(name, **kwargs):
        calls.append(name)
        images = np.concatenate([tiny_mnist["x_train"], tiny_mnist["x_test"]])
        return images.reshape(10, -1).astype(float), np.arange(10).astype(str)

    monkeypatch.setattr(mnist_module, "fetch_openml", openml)
    first, second = fetch_mnist(tmp_path), fetch_mnist(tmp_path)
    assert calls == ["mnist_784"]
    np.testing.assert_array_equal(first.data, second.data)
    np.testing.assert_array_equal(first.target, np.arange(10))


def test_a_file_of_other_images_is_named(tiny_mnist, tmp_path):
    arrays = {**tiny_mnist, "x_train": np.zeros((6, 8, 8)), "x_test": np.zeros((4, 8, 8))}
    np.savez(tmp_path / "mnist.npz", **arrays)
    with pytest.raises(ValueError, match=r"\(10, 8, 8\)"):
        fetch_mnist(tmp_path)
