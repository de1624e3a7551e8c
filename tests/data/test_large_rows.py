"""X of every dtype on a disk, read in blocks; where outputs may lie; large images."""

import tracemalloc
from itertools import product

import h5py
import numpy as np
import pytest
import zarr
from every_model import slow_unless

from sklearn_unsup import ConvAutoencoder, ConvOutlierDetector
from sklearn_unsup._devices import _inference as inference
from sklearn_unsup.estimators import (
    _anomaly_maps,
    _pooled_errors,
    _reconstruction_errors,
    _scores,
)

DTYPES = "u1 i1 u2 i2 u4 i4 u8 i8 f2 f4 f8 bool >f4 >i2 >u8".split()
SIDES = (16, 16)


@pytest.fixture(scope="module")
def model():
    X = np.random.default_rng(0).integers(0, 2, (40, *SIDES))
    params = {"hidden_channels": (2,), "max_epochs": 1, "random_state": 0, "device": "cpu"}
    return ConvAutoencoder(2, **params).fit(X)


def numbers(dtype, n, shape=SIDES):
    return np.random.default_rng(0).integers(0, 2, (n, *shape)).astype(dtype)


def as_memmap(X, folder):
    X.tofile(folder / "X.bin")
    return np.memmap(folder / "X.bin", X.dtype, "r", shape=X.shape)


def as_view(X, folder):
    wide = np.memmap(folder / "X.bin", X.dtype, "w+", shape=(*X.shape[:2], 2 * X.shape[2]))
    wide[..., ::2] = X
    return wide[..., ::2]


def as_hdf5(X, folder):
    return h5py.File(folder / "X.h5", "w").create_dataset("X", data=X)


def as_zarr(X, folder):
    return zarr.array(X, store=folder / "X.zarr", chunks=(50, *X.shape[1:]))


@pytest.mark.parametrize("store", [as_memmap, as_view, as_hdf5, as_zarr])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_gives_the_codes_of_its_values(model, dtype, store, tmp_path):
    X = numbers(dtype, 150)
    stored, plain = store(X, tmp_path), X.astype(np.float64)
    np.testing.assert_array_equal(model.transform(stored), model.transform(plain))
    np.testing.assert_allclose(model.score(stored), model.score(plain), rtol=1e-6)
    np.testing.assert_array_equal(model.reconstruct(stored), model.reconstruct(plain))


def peak(function):
    tracemalloc.start()
    function()
    result = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result


def many(dtype):
    return numbers(dtype, 32_000 // np.dtype(dtype).itemsize)  # 8 MB


@pytest.fixture
def small_blocks(monkeypatch):
    """What is computed at once is bounded in numbers, whatever is on the disk."""
    for module in (_scores, _anomaly_maps, _pooled_errors, _reconstruction_errors):
        monkeypatch.setattr(module, "BLOCK_SIZE", 2**16)


@pytest.mark.parametrize("dtype", DTYPES)
def test_transform_copies_no_memory_map(model, dtype, tmp_path):
    X = as_memmap(many(dtype), tmp_path)
    assert peak(lambda: model.transform(X)) < 0.6 * X.nbytes


@pytest.mark.parametrize(
    ("dtype", "store"),
    slow_unless(
        lambda case: case in [(">f4", as_memmap), ("i8", as_view)],
        product(["u2", ">f4", "i8"], [as_memmap, as_view]),
    ),
)
def test_nothing_copies_a_memory_map_whole(model, dtype, store, tmp_path, small_blocks):
    X = store(many(dtype), tmp_path)
    params = {"max_epochs": 1, "batch_size": 500, "hidden_channels": (1,), "device": "cpu"}
    estimator = ConvAutoencoder(2, **params)
    detector = ConvOutlierDetector(estimator)
    for use, constant in (
        (lambda: model.transform(X), 1),
        (lambda: model.score_samples(X), 1),
        (lambda: model.score(X), 1),
        (lambda: estimator.fit(X), 1),
        (lambda: detector.fit(X), 6),  # MB: distributions of patches, and a block of distances
        (lambda: detector.score_samples(X), 6),
    ):
        assert peak(use) < 0.6 * X.nbytes + constant * 2**20


def test_codes_may_not_be_written_where_X_lies(model, tmp_path):
    n = 50
    whole = np.zeros((n, 300), dtype=np.float32)
    X, beside, over = whole[:, :256], whole[:, 256:258], whole[:, 100:102]
    X[:] = numbers("f4", n).reshape(n, -1)
    expected = model.transform(X.copy())
    for out in (over, whole[::-1, 3:5], X.reshape(-1)[: 2 * n].reshape(n, 2)):
        if np.shares_memory(out, X):
            with pytest.raises(ValueError, match="shares memory, or a file"):
                model.transform(X, out=out)
    np.testing.assert_array_equal(model.transform(X, out=beside), expected)  # beside, not over
    path = tmp_path / "X.bin"
    X.tofile(path)
    first = np.memmap(path, np.float32, "r+", shape=(n, 256))
    second = np.memmap(path, np.float32, "r+", shape=(n, 2))
    with pytest.raises(ValueError, match="shares memory, or a file"):
        model.transform(first, out=second)
    with h5py.File(tmp_path / "X.h5", "w") as file:
        data, other = file.create_dataset("X", data=X), file.create_dataset("codes", (n, 2), "f4")
        square = file.create_dataset("square", data=np.zeros((n, 256), "f4"))
        np.testing.assert_array_equal(model.transform(data, out=other)[:], expected)
        with pytest.raises(ValueError, match=r"shares memory|shape"):
            model.transform(square, out=file["square"])


def test_a_row_of_a_large_image_does_not_depend_on_its_neighbours_and_costs_few(monkeypatch):
    sizes = []
    chunks = inference._chunks

    def watched(function, rows, starts, device, noise):
        sizes.append(starts.step)
        return chunks(function, rows, starts, device, noise)

    monkeypatch.setattr(inference, "_chunks", watched)
    for shape in ((28, 28), (64, 64, 3), (192, 192)):
        X = np.random.default_rng(0).random((11, *shape), dtype=np.float32)
        params = {"hidden_channels": (8, 16), "max_epochs": 1, "device": "cpu"}
        estimator = ConvAutoencoder(2, **params).fit(X)
        sizes.clear()
        codes = estimator.transform(X)
        others = X.copy()
        others[1:] = 1 - others[1:]
        np.testing.assert_array_equal(estimator.transform(others)[0], codes[0])
        for i in (0, 5, 10):
            np.testing.assert_array_equal(estimator.transform(X[i : i + 1])[0], codes[i])
        np.testing.assert_array_equal(estimator.transform(X[::-1])[::-1], codes)
        np.testing.assert_array_equal(estimator.transform(list(X)), codes)
        assert max(sizes) <= 128
        if shape == (192, 192):
            assert max(sizes) <= 3  # rows that one image is filled up to


@pytest.mark.parametrize("store", [None, as_memmap, as_hdf5, as_zarr, list])
@pytest.mark.parametrize("dtype", ["i8", ">u8", "f8"])
def test_numbers_far_from_zero_keep_their_digits(dtype, store, tmp_path):
    near = np.random.default_rng(0).integers(0, 100, (60, 8, 8))
    X = (near + 2**40).astype(dtype)
    stored = X if store is None else list(X) if store is list else store(X, tmp_path)
    params = {"hidden_channels": (4,), "max_epochs": 2, "random_state": 0, "device": "cpu"}
    estimator = ConvAutoencoder(2, **params).fit(stored)
    assert len(np.unique(estimator.transform(stored), axis=0)) == 60
    assert estimator.score(stored) < 1
    far = estimator.reconstruct(stored)
    assert np.abs(far - 2**40).max() < 1000
    np.testing.assert_array_equal(estimator.transform(stored), estimator.transform(X))
