import tracemalloc

import numpy as np
import pytest
import torch

from sklearn_unsup._training import Batches, BatchSizes, TrainingData, split_batches

CPU = torch.device("cpu")


def as_columns(rows):
    return rows.reshape(len(rows), 1, 1, -1)


def of(batch):
    return batch.images.flatten(), batch.given


def batches(rows, batch_size, **options):
    return Batches(rows, as_columns, batch_size, CPU, **options)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
@pytest.mark.parametrize("shuffle", [False, True])
def test_an_epoch_has_each_row_once(batch_size, shuffle):
    rows = np.arange(14, dtype=np.uint8).reshape(7, 2)
    generator = torch.Generator().manual_seed(0) if shuffle else None
    seen = torch.cat([b.images for b in batches(rows, batch_size, generator=generator)])
    assert seen.dtype == torch.float32
    assert seen.shape == (7, 1, 1, 2)
    found = seen.reshape(7, 2).numpy()
    np.testing.assert_array_equal(found[np.argsort(found[:, 0])] if shuffle else found, rows)


def test_epochs_are_shuffled_differently_and_repeatably():
    rows = np.arange(50.0).reshape(50, 1)

    def two_epochs():
        shuffled = batches(rows, 50, generator=torch.Generator().manual_seed(0))
        return [next(iter(shuffled)).images.flatten().tolist() for _ in range(2)]

    first, second = two_epochs()
    assert first != second
    assert two_epochs() == [first, second]


def test_a_single_last_row_joins_the_batch_before_it():
    sizes = [len(batch) for batch in batches(np.zeros((9, 1)), 4)]
    assert sizes == [4, 5]
    assert len(batches(np.zeros((9, 1)), 4)) == 2


def test_a_small_last_batch_can_join_the_one_before_it():
    def sizes_of(n, batch_size, share):
        sizes = BatchSizes(last_share=share)
        return [len(b) for b in Batches(np.zeros((n, 1)), as_columns, batch_size, CPU, sizes=sizes)]

    assert sizes_of(23, 10, 0.5) == [10, 13]
    assert sizes_of(25, 10, 0.5) == [10, 10, 5]
    assert sizes_of(3, 10, 0.5) == [3]
    assert sizes_of(3, 1, 0.5) == [1, 1, 1]


@pytest.mark.parametrize(
    ("n", "device", "expected"),
    [(10, "cpu", 16), (1797, "cpu", 35), (60_000, "cpu", 64), (60_000, "cuda", 128)],
)
def test_auto_gives_small_data_enough_steps_and_a_gpu_enough_rows(n, device, expected):
    rows = np.zeros((n, 1), dtype=np.uint8)
    assert Batches(rows, as_columns, "auto", torch.device(device)).batch_size == expected


@pytest.mark.parametrize(
    ("side", "expected"), [(96, 64), (128, 42), (224, 13), (512, 8), (2000, 8)]
)
def test_auto_takes_fewer_large_images(side, expected):
    device = torch.device("cpu")
    assert BatchSizes().auto(10_000, 3 * side**2, device) == expected
    assert BatchSizes().auto(200, 3 * side**2, device) == min(16, expected)


@pytest.mark.parametrize(
    ("n", "epochs"), [(1, 2000), (200, 154), (2500, 40), (10_000, 13), (60_000, 10), (10**6, 10)]
)
def test_auto_takes_as_many_steps_of_few_rows_as_of_thousands(n, epochs):
    assert BatchSizes().auto_epochs(n, 2000) == epochs


def test_a_read_only_memory_map_is_batched_without_being_read_whole(tmp_path, recwarn):
    np.save(tmp_path / "X.npy", np.arange(20.0).reshape(10, 2))
    rows = np.load(tmp_path / "X.npy", mmap_mode="r")
    first = next(iter(batches(rows, 4))).images
    np.testing.assert_array_equal(first.reshape(4, 2).numpy(), rows[:4])
    assert not recwarn.list


@pytest.mark.parametrize(
    "relaid",
    [
        np.asfortranarray,
        lambda X: np.pad(X, ((0, 0), (1, 0)))[:, 1:],
        lambda X: X.repeat(2, 0)[::2],
    ],
    ids=["fortran", "columns", "every other row"],
)
def test_a_batch_copies_its_rows_and_no_others(relaid):
    rows = relaid(np.arange(400_000, dtype=np.float32).reshape(4000, 100))
    tracemalloc.start()
    for batch, start in zip(batches(rows, 40), range(0, 4000, 40), strict=True):
        np.testing.assert_array_equal(
            batch.images.reshape(-1, 100).numpy(), rows[start : start + 40]
        )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows.nbytes / 4


def test_held_out_rows_and_training_rows_are_all_rows():
    rows = np.arange(30.0).reshape(30, 1)
    generator = torch.Generator().manual_seed(0)
    data = TrainingData(rows, given=np.arange(30))
    parts = split_batches(data, as_columns, 8, CPU, generator, 0.2)
    train, valid = (
        [(int(row), int(own)) for batch in part for row, own in zip(*of(batch), strict=True)]
        for part in parts
    )
    assert len(valid) == 6
    assert sorted(train + valid) == [(i, i) for i in range(30)]  # each row with what it was given
    again = [int(row) for batch in parts[1] for row in batch.images.flatten()]
    assert again == [row for row, _ in valid]  # in the same order each time


def test_one_row_cannot_be_split():
    with pytest.raises(ValueError, match="n_samples=1: 1 sample"):
        split_batches(TrainingData(np.zeros((1, 3))), as_columns, 8, CPU, torch.Generator(), 0.1)
