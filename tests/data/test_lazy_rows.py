"""Rows that stay on a disk: estimators learn from them what they learn from rows in memory."""

import copy

import h5py
import numpy as np
import pytest
import torch
import zarr
from every_model import (
    EACH_MODEL,
    EVERY_MODEL,
    METHODS_OF_X,
    assert_same,
    fit_model,
    method_outputs,
    network_owner,
    with_methods,
)
from scipy import sparse
from sklearn.model_selection import GridSearchCV

from sklearn_unsup import ConvOutlierDetector
from sklearn_unsup._data import LazyRows, binarize_by_row, is_lazy
from sklearn_unsup._data import _lazy_rows as lazy_rows
from sklearn_unsup._training import TrainingData, _lazy_batches, split_batches
from sklearn_unsup.datasets import NpyFiles
from sklearn_unsup.estimators import _vae

CPU = torch.device("cpu")


def as_hdf5(X, folder):
    return h5py.File(folder / "X.h5", "w").create_dataset("X", data=X)


def as_zarr(X, folder):
    return zarr.array(X, store=folder / "X.zarr", chunks=(50, *X.shape[1:]))


def as_files(X, folder):
    cuts = [0, 1, len(X) * 9 // 20, len(X)]
    for i in range(3):
        np.save(folder / f"{i}.npy", X[cuts[i] : cuts[i + 1]])
    return NpyFiles(sorted(folder.glob("*.npy")))


class Watched:
    """An array on a disk, that knows what was read of it."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.n_read, self.longest = 0, 0

    def __getitem__(self, which):
        rows = self.array[which]
        self.n_read, self.longest = self.n_read + len(rows), max(self.longest, len(rows))
        return rows


@pytest.fixture
def small_blocks(monkeypatch):
    """Ten rows of 64 bytes a block, four blocks a buffer."""
    monkeypatch.setattr(lazy_rows, "BLOCK_BYTES", 10 * 64)
    monkeypatch.setattr(_lazy_batches, "BUFFER_BYTES", 4 * 10 * 64)


@pytest.mark.parametrize("store", [as_hdf5, as_zarr, as_files])
@pytest.mark.parametrize("shape", [(60, 64), (60, 8, 8)])
@pytest.mark.parametrize("model", EACH_MODEL)
def test_all_estimators_take_what_is_on_a_disk(model, digits, store, shape, tmp_path):
    X = digits[:60].astype(np.uint8).reshape(shape)
    stored = store(X, tmp_path)
    estimator = fit_model(EVERY_MODEL[model](batch_size=32), stored)
    found, expected = (method_outputs(estimator, rows, METHODS_OF_X) for rows in (stored, X))
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        if array.dtype == np.float64:
            np.testing.assert_allclose(found[name], array, rtol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], array, err_msg=name)
    if hasattr(estimator, "sample"):
        assert estimator.sample(3).shape == (3, *shape[1:])
    # One buffer holds these rows, so that they are shuffled as those in memory are.
    if not hasattr(network_owner(estimator), "best_epoch_"):  # which holds rows out
        in_memory = fit_model(EVERY_MODEL[model](batch_size=32), X)
        assert_same(method_outputs(estimator, X), method_outputs(in_memory, X))


def test_what_is_learnt_in_blocks_is_as_good(small, digits, small_blocks):
    X = digits.astype(np.uint8)
    source = Watched(X)
    in_blocks = small(max_epochs=8).fit(source)
    assert source.longest == 10
    assert in_blocks.score(X) > 0.9 * small(max_epochs=8).fit(X).score(X)


def test_every_row_is_seen_once_an_epoch_and_blocks_and_rows_are_shuffled(small_blocks):
    source = Watched(np.repeat(np.arange(205, dtype=np.uint8)[:, None], 64, axis=1))
    rows, generator = LazyRows(source), torch.Generator().manual_seed(0)
    for fraction in (0.0, 0.2):
        data = TrainingData(rows, given=np.arange(205))
        training, validation = split_batches(data, lambda x: x, 16, CPU, generator, fraction)
        epochs = []
        for _ in range(2):
            batches = [batch.images[:, 0].int().tolist() for batch in training]
            assert len(batches) == len(training)
            assert {len(batch) for batch in batches[:-1]} == {16}
            epochs.append([row for batch in batches for row in batch])
        held_out = []
        for batch in validation or ():
            held_out += batch.images[:, 0].int().tolist()
        for batch in (*training, *(validation or ())):
            np.testing.assert_array_equal(batch.given, batch.images[:, 0])
        assert sorted(epochs[0] + held_out) == list(range(205))
        assert sorted(epochs[1]) == sorted(epochs[0])
        assert epochs[0] != epochs[1]
        first = np.array(epochs[0][:16])
        assert 2 < len(np.unique(first // 10)) <= 4  # the blocks of a buffer
        assert (np.diff(first) < 0).sum() > 4


def test_a_last_batch_of_one_row_joins_the_one_before(small_blocks):
    for n in (33, 41, 80, 81, 97):
        rows = LazyRows(Watched(np.zeros((n, 64), dtype=np.uint8)))
        batches, _ = split_batches(TrainingData(rows), lambda x: x, 16, CPU, torch.Generator())
        sizes = [len(batch) for batch in batches]
        assert sum(sizes) == n
        assert min(sizes) > 1
        assert len(sizes) == len(batches)


def test_rows_are_read_as_an_array_would_give_them(digits, small_blocks):
    X = digits.astype(np.uint8)
    rows = LazyRows(Watched(X))
    for which in (slice(None), slice(3, 27), slice(150, 300), np.array([199, 0, 17, 18, 0])):
        np.testing.assert_array_equal(rows[which], X[which])
    np.testing.assert_array_equal(np.array(list(rows)), X)
    assert (rows.min(), rows.max()) == (X.min(), X.max())
    assert LazyRows(Watched(X.astype(np.int64))).dtype == np.int64
    assert LazyRows(Watched(X.astype(">f4")))[:1].dtype == np.dtype("float32")


def test_chunks_are_read_once_and_whole(digits, small_blocks):
    source = Watched(digits.astype(np.uint8))
    source.chunks = (15, 32)
    rows = LazyRows(source)
    np.testing.assert_array_equal(np.array(list(rows)), digits)
    assert rows.rows_per_block == source.longest == 15
    source.chunks = (3, 64)
    assert LazyRows(source).rows_per_block == 12


def test_rows_are_of_the_dtype_that_a_source_gives(digits):
    packed = Watched(digits / 16)
    packed.dtype = np.dtype(np.uint8)  # netCDF4 gives scaled numbers, and names the packed dtype
    np.testing.assert_array_equal(LazyRows(packed)[:], digits / 16)


def test_binary_images_are_drawn_block_by_block(small_vae, monkeypatch):
    lengths = []

    def watched(rows, seed):
        lengths.append(len(rows))
        return binarize_by_row(rows, seed)

    monkeypatch.setattr(_vae, "binarize_by_row", watched)
    X = np.random.RandomState(0).rand(9000, 64).astype(np.float32)
    estimator = small_vae(likelihood="bernoulli", binarize="dynamic", max_epochs=1, batch_size=500)
    estimator.fit(Watched(X))
    assert 9000 <= sum(lengths)
    assert max(lengths) < 9000


@pytest.mark.parametrize("model", with_methods("transform"))
def test_codes_are_written_where_they_are_asked_for(model, few, tmp_path, fitted_model):
    X, estimator = few.reshape(len(few), -1), fitted_model(model)
    expected = estimator.transform(X)
    n_codes = expected.shape[1]
    on_disk = as_hdf5(np.zeros_like(expected), tmp_path)
    assert estimator.transform(as_files(X, tmp_path), out=on_disk) is on_disk
    np.testing.assert_array_equal(on_disk[:], expected)
    message = rf"out has shape \(24, {n_codes + 1}\), expected \(24, {n_codes}\)"
    with pytest.raises(ValueError, match=message):
        estimator.transform(X, out=np.empty((24, n_codes + 1)))
    with pytest.raises(ValueError, match="out has dtype int64, expected one of floating point"):
        estimator.transform(X, out=np.zeros(expected.shape, dtype=np.int64))
    with pytest.raises(ValueError, match=r"out has shape \(\), expected"):
        estimator.transform(X, out=expected.tolist())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: np.where(np.arange(200)[:, None] == 150, np.nan, X), "contains NaN"),
        (lambda X: np.where(np.arange(200)[:, None] == 150, 1e30, X), "as large as 1e"),
        (lambda X: X[:0], "0 sample"),
        (lambda X: X[:, 0], "Expected 2D array, got 1D array"),
        (lambda X: X.reshape(2, 2, 50, 8, 8), "X has 5 axes"),
        (lambda X: X.astype(complex), "Complex data not supported"),
        (lambda X: np.ma.array(X, mask=np.arange(200)[:, None] + 0 * X == 0), "masked values"),
        (lambda X: np.ma.array(X, mask=np.arange(200)[:, None] + 0 * X == 150), "masked values"),
    ],
)
@pytest.mark.parametrize("model", EACH_MODEL)
def test_what_cannot_be_learnt_is_an_error_that_leaves_the_estimator(
    model, digits, few, fitted_model, change, message
):
    estimator = copy.deepcopy(fitted_model(model))
    expected, before = method_outputs(estimator, few), dict(vars(estimator))
    with pytest.raises(ValueError, match=message):
        fit_model(estimator, Watched(change(digits)))
    assert vars(estimator) == before
    assert_same(method_outputs(estimator, few), expected)


def test_a_read_that_fails_ends_the_fit_with_its_error(small, digits, small_blocks):
    class Torn(Watched):
        def __getitem__(self, which):
            if self.n_read > 900:  # in the second epoch, in the reading thread
                raise OSError("the disk is gone")
            return super().__getitem__(which)

    with pytest.raises(OSError, match="the disk is gone"):
        small(max_epochs=9).fit(Torn(digits.astype(np.uint8)))


def test_what_is_in_memory_is_not_lazy(digits):
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    in_memory = [
        digits,
        digits.tolist(),
        torch.from_numpy(digits),
        sparse.csr_array(digits),
        pandas.DataFrame(digits),
        polars.DataFrame(digits),
    ]
    assert not any(map(is_lazy, in_memory))


def test_files_are_indexed_as_one_array_and_searched_over(small, digits, tmp_path):
    X = as_files(digits, tmp_path)
    for which in (
        150,
        slice(80, 120),
        slice(None, None, -3),
        [199, 0, 90],
        np.arange(200) % 7 == 0,
    ):
        np.testing.assert_array_equal(X[which], digits[which])
    np.testing.assert_array_equal(np.asarray(X), digits)
    detector = ConvOutlierDetector(small())
    for stored in (X, Watched(digits)):
        scores = detector.fit(stored).score_samples(stored)
        np.testing.assert_array_equal(scores, detector.score_samples(digits))
    search = GridSearchCV(small(), {"n_components": [1, 4]}, cv=2, refit=False)
    scores = [search.fit(data).cv_results_["mean_test_score"] for data in (X, digits)]
    np.testing.assert_array_equal(*scores)


def test_many_files_are_not_held_open(tmp_path):
    resource = pytest.importorskip("resource", reason="Windows sets no limits")
    for i in range(60):
        np.save(tmp_path / f"{i:02}.npy", np.full((2, 4), i))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open(tmp_path / "00.npy") as file:
        resource.setrlimit(resource.RLIMIT_NOFILE, (file.fileno() + 20, limits[1]))
    try:
        X = NpyFiles(sorted(tmp_path.glob("*.npy")))
        assert X[:][:, 0].tolist() == np.repeat(np.arange(60), 2).tolist()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-1], lambda data: b"a, b"])
def test_a_damaged_file_is_named(damage, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 8)))
    (tmp_path / "b.npy").write_bytes(damage((tmp_path / "a.npy").read_bytes()))
    np.savez(tmp_path / "c.npz", np.zeros((3, 8)))
    for name in ("b.npy", "c.npz"):
        with pytest.raises(ValueError, match=rf"{name} is no whole \.npy file"):
            NpyFiles([tmp_path / "a.npy", tmp_path / name])


@pytest.mark.parametrize("other", [np.zeros((3, 9)), np.zeros((3, 8), "f4"), np.zeros(3)])
def test_files_that_do_not_fit_together_are_named(other, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 8)))
    np.save(tmp_path / "b.npy", other)
    with pytest.raises(ValueError, match=r"b\.npy holds an array of shape"):
        NpyFiles([tmp_path / "a.npy", tmp_path / "b.npy"])
    with pytest.raises(ValueError, match="expected at least one"):
        NpyFiles([])
