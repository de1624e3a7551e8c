"""An X that is no array of images: the error says what came, and what to do."""

import re
from array import array
from collections import deque
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from PIL import Image
from scipy.sparse import csr_array
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from sklearn_unsup import ConvAutoencoder
from sklearn_unsup._data import as_rows

IMAGES = np.random.default_rng(0).integers(0, 255, (6, 8, 9)).astype(np.uint8)
TENSORS = torch.from_numpy(IMAGES)


def pillow(images=IMAGES):
    return [Image.fromarray(image) for image in images]


def objects(items):
    cells = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        cells[i] = item
    return cells


def of_two_sizes(convert=np.asarray):
    return [convert(image[: 8 - i % 2]) for i, image in enumerate(IMAGES)]


class Images:
    """Of a user: without a base class, with a length and items."""

    def __init__(self, item):
        self.item = item

    def __len__(self):
        return len(IMAGES)

    def __getitem__(self, i):
        return self.item(i)


class TorchImages(Images, Dataset):
    pass


class Endless(IterableDataset):
    def __iter__(self):
        yield from IMAGES


class LikeATensorOfTensorFlow:
    shape, dtype = IMAGES.shape, "uint8"

    def numpy(self):
        return IMAGES


@pytest.mark.parametrize(
    "X",
    [
        list(IMAGES),
        tuple(IMAGES),
        deque(IMAGES),
        IMAGES.tolist(),
        pillow(),
        tuple(pillow()),
        list(TENSORS),
        [*TENSORS[:3], *IMAGES[3:]],
        [image.float().requires_grad_() for image in TENSORS],
        [LikeATensorOfTensorFlow().numpy()[i] for i in range(6)],
        LikeATensorOfTensorFlow(),
        TENSORS.bfloat16().float(),
        TENSORS.to(torch.uint16),
        TENSORS.to(torch.complex64).real,
        IMAGES.astype(object),
        np.ma.masked_array(IMAGES),
    ],
    ids=lambda X: type(X).__name__,
)
def test_images_in_all_these_are_read(X):
    rows, sample_shape = as_rows(X)
    assert sample_shape == (8, 9)
    np.testing.assert_allclose(
        np.asarray(rows, dtype=float), IMAGES.reshape(6, 72), atol=0.5 if "Tensor" in repr(X) else 0
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e5m2])
def test_dtypes_that_numpy_has_not_become_float32(dtype):
    X = torch.rand(3, 8, 8).to(dtype)
    for container in (X, list(X), X.clone().requires_grad_()):
        rows, _ = as_rows(container)
        assert rows.dtype == np.float32
        np.testing.assert_array_equal(rows, X.float().reshape(3, 64).numpy())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bool, torch.int16, torch.uint8])
def test_dtypes_that_numpy_has_stay(dtype):
    rows, _ = as_rows(torch.ones(3, 8, 8).to(dtype))
    assert f"torch.{rows.dtype}" == str(dtype)


def test_a_bfloat16_tensor_is_encoded():
    X = torch.rand(30, 8, 8)
    autoencoder = ConvAutoencoder(2, max_epochs=1, hidden_channels=(4,), device="cpu").fit(X)
    codes = autoencoder.transform(X.bfloat16())
    np.testing.assert_array_equal(codes, autoencoder.transform(X.bfloat16().float()))


REFUSED = {  # X, words that must be said
    "list of two sizes": (of_two_sizes(), ["differ in size", "X[0]", "(8, 9)", "(7, 9)", "resize"]),
    "tuple of two sizes": (tuple(of_two_sizes()), ["differ in size", "(7, 9)"]),
    "objects of two sizes": (objects(of_two_sizes()), ["differ in size", "(7, 9)"]),
    "tensors of two sizes": (of_two_sizes(torch.tensor), ["differ in size", "(7, 9)"]),
    "pictures of two sizes": (of_two_sizes(Image.fromarray), ["differ in size", ".resize("]),
    "grey and colour": (
        [IMAGES[0], np.stack([IMAGES[0]] * 3, axis=-1)],
        ["differ in size", "(8, 9, 3)", "convert('RGB')"],
    ),
    "ragged rows": ([[1, 2], [3]], ["differ in size", "(2,)", "(1,)"]),
    "ragged images": ([[[1, 2], [3]], [[1, 2], [3]]], ["X[0] holds rows of different sizes"]),
    "a missing image": ([*IMAGES, None], ["X[6] is None"]),
    "objects of one size": (objects(IMAGES), ["np.stack(list(X))"]),
    "objects in a table": (objects(IMAGES).reshape(-1, 1), ["np.stack(X[:, i])"]),
    "a column of arrays": (pd.DataFrame({"i": list(IMAGES)}), ["'i'", "np.stack(X['i']"]),
    "a column of lists": (pd.DataFrame({"i": IMAGES.tolist()}), ["'i'", "np.stack(X['i']"]),
    "a column of pictures": (
        pd.DataFrame({"label": range(6), "i": pillow()}),
        ["Column 'i'", "np.stack(X['i']"],
    ),
    "a polars column": (pl.DataFrame({"i": IMAGES}), ["Column 'i'", "np.stack(X['i']"]),
    "a polars column of lists": (
        pl.DataFrame({"i": IMAGES.tolist()}),
        ["Column 'i'", "np.stack(X['i']"],
    ),
    "a column of files": (pd.DataFrame({"f": ["a.png"] * 6}), ["X['f']", "Image.open"]),
    "a column of labels": (pd.DataFrame({"label": ["cat", "dog"]}), ["X['label']", "labels"]),
    "a column that begins with None": (pd.DataFrame({"i": [None, *IMAGES]}), ["np.stack(X['i']"]),
    "labels and images": (
        pd.DataFrame({"label": range(6), "i": list(IMAGES)}).to_numpy(),
        ["np.stack(X[:, i])"],
    ),
    "Series": (pd.Series(list(IMAGES)), ["np.stack"]),
    "Series of pictures": (pd.Series(pillow()), ["np.stack"]),
    "Series of two sizes": (pd.Series(of_two_sizes()), ["differ in size"]),
    "Series of files": (pd.Series(["a.png"] * 6), ["Image.open", "a.png"]),
    "Series of numbers": (pd.Series([1.0, 2.0]), ["Reshape your data"]),
    "polars Series": (pl.Series("i", IMAGES), ["np.stack"]),
    "polars Series of lists": (pl.Series("i", IMAGES.tolist()), ["np.stack"]),
    "LazyFrame": (pl.LazyFrame({"a": [1.0]}), ["LazyFrame", "X.collect()"]),
    "labelled Dataset": (
        TensorDataset(TENSORS, torch.arange(6)),
        ["TensorDataset", "without labels", "X[i][0]", "np.stack"],
    ),
    "Dataset": (TensorDataset(TENSORS), ["Dataset", "X[i][0]"]),
    "Subset": (Subset(TensorDataset(TENSORS, TENSORS), [1]), ["Dataset", "X[i][0]"]),
    "Dataset of images": (TorchImages(lambda i: TENSORS[i]), ["Dataset", "asarray(X[i])"]),
    "ImageFolder": (Images(lambda i: (pillow()[i], 1)), ["Dataset", "labels", "X[i][0]"]),
    "Dataset of dicts": (Images(lambda i: {"y": 1, "x": IMAGES[i]}), ["Dataset", "X[i]['x']"]),
    "Dataset that fails": (Images(lambda i: 1 / 0), ["Dataset", "asarray(X[i])"]),
    "IterableDataset": (Endless(), ["Endless", "np.stack"]),
    "DataLoader": (
        DataLoader(TensorDataset(TENSORS, torch.arange(6))),
        ["DataLoader", "Expected", "np.concatenate"],
    ),
    "a batch of a DataLoader": ([TENSORS, torch.arange(6)], ["labels", "use X[0]"]),
    "a pair of X and y": ((IMAGES, np.arange(6)), ["labels", "use X[0]"]),
    "a generator": ((image for image in IMAGES), ["generator", "Expected", "np.stack"]),
    "an iterator": (iter(IMAGES), ["iterator", "np.stack"]),
    "a folder": ("images/", ["'images/'", "Image.open", "NpyFiles", "glob"]),
    "a Path": (Path("images"), ["'images'", "Image.open", "NpyFiles"]),
    "list of files": (["a.png", "b.png"], ["'a.png'", "Image.open", "NpyFiles"]),
    "list of Paths": ([Path("a.png"), Path("b.png")], ["'a.png'", "Image.open(path)", "NpyFiles"]),
    "array of text": (np.array([["a", "b"]]), ["text", "could not convert"]),
    "bytes": (b"\x89PNG", ["text", "Image.open"]),
    "dict": ({"label": [1] * 6, "image": IMAGES}, ["dict", "X['image']"]),
    "list of dicts": (
        [{"image": image, "label": 1} for image in pillow()],
        ["dict", "element['image']", "np.stack"],
    ),
    "pairs": ([(image, 1) for image in IMAGES], ["label", "for image, label in X"]),
    "pairs of tensors": ([(image, torch.tensor(1)) for image in TENSORS], ["label", "np.stack"]),
    "pairs with one-hot labels": ([(i, [0, 1]) for i in pillow()], ["label", "np.stack"]),
    "one picture": (pillow()[0], ["one image", "np.newaxis"]),
    "None": (None, ["X is None", "Expected"]),
    "a number": (3.5, ["3.5", "Expected"]),
    "a 0-d array": (np.array(3), ["single number", "Expected"]),
    "a 0-d tensor": (torch.tensor(3.0), ["single number", "Expected"]),
    "a row": (np.zeros(64), ["1 axis", "Reshape your data", "X.reshape(1, -1)"]),
    "an array of the standard library": (array("d", [1.0, 2.0]), ["1 axis"]),
    "datetimes": (np.zeros((3, 4), "M8[s]"), ["datetime64", "numbers"]),
    "records": (np.zeros(3, [("a", float), ("b", int)]), ["structured array", "a, b"]),
    "an empty list": ([], ["empty", "0 samples"]),
    "five axes": (np.zeros((2, 3, 4, 5, 6)), ["5 axes", "(2, 3, 4, 5, 6)", "reshape"]),
    "five axes in a list": ([np.zeros((3, 4, 5, 6))], ["5 axes"]),
    "masked": (np.ma.masked_equal(IMAGES, IMAGES[0, 0, 0]), ["masked"]),
    "list of masked": (list(np.ma.masked_equal(IMAGES, IMAGES[0, 0, 0])), ["masked"]),
    "meta": (torch.zeros(3, 8, 8, device="meta"), ["meta device", "no values"]),
    "sparse": (torch.zeros(3, 8).to_sparse(), ["sparse tensor", "to_dense()"]),
    "sparse matrices": ([csr_array(image) for image in IMAGES], ["sparse", "image.toarray()"]),
    "a class": (torch.Tensor, ["the class Tensor", "Expected"]),
    "encoded pictures": ([b"\x89PNG"] * 2, ["text", "PNG"]),
    "a network": (torch.nn.Linear(3, 2), ["Linear", "cannot be read"]),
    "an object": (object(), ["object", "Expected"]),
}


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_array_of_images_is_named(name):
    X, words = REFUSED[name]
    with pytest.raises((ValueError, TypeError)) as error:
        ConvAutoencoder(2, max_epochs=1, hidden_channels=(4,), device="cpu").fit(X)
    message = str(error.value)
    for word in words:
        assert word in message, message
    assert "inhomogeneous" not in message
    assert message.endswith(".")


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.filterwarnings("ignore:.*quantize")
def test_nested_and_quantized_tensors_are_named():
    for layout in (torch.strided, torch.jagged):
        with pytest.raises(ValueError, match=r"nested tensor.*different sizes"):
            as_rows(torch.nested.nested_tensor(of_two_sizes(torch.tensor), layout=layout))
    with pytest.raises(TypeError, match=r"quantized tensor.*X.dequantize"):
        as_rows(torch.quantize_per_tensor(torch.zeros(3, 8), 0.1, 0, torch.quint8))


def test_iterators_are_not_used_up():
    X = iter(IMAGES)
    with pytest.raises(TypeError):
        as_rows(X)
    assert len(list(X)) == 6


def test_files_that_were_closed_and_files_of_several_arrays_are_named(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "X.h5", "w") as file:
        dataset = file.create_dataset("images", data=IMAGES)
        with pytest.raises(TypeError, match=r"File.*use X\['images'\]"):
            as_rows(file)
    for X in (dataset, file):
        with pytest.raises(ValueError, match=r"closed.*Open the file"):
            as_rows(X)
    np.savez(tmp_path / "X.npz", labels=np.arange(6), images=IMAGES)
    with np.load(tmp_path / "X.npz") as file, pytest.raises(TypeError, match=r"X\['images'\]"):
        as_rows(file)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("objects of one size", "np.stack(list(X))"),
        ("objects in a table", "np.stack(X[:, i])"),
        ("a column of arrays", "np.stack(X['i'].to_list())"),
        ("a column of pictures", "np.stack(X['i'].to_list())"),
        ("a polars column", "np.stack(X['i'].to_list())"),
        ("a polars column of lists", "np.stack(X['i'].to_list())"),
        ("Series of pictures", "np.stack(X.to_list())"),
        ("polars Series", "np.stack(X.to_list())"),
        ("polars Series of lists", "np.stack(X.to_list())"),
        ("labelled Dataset", "np.stack([np.asarray(X[i][0]) for i in range(len(X))])"),
        ("Dataset of images", "np.stack([np.asarray(X[i]) for i in range(len(X))])"),
        ("Dataset of dicts", "np.stack([np.asarray(X[i]['x']) for i in range(len(X))])"),
        ("ImageFolder", "np.stack([np.asarray(X[i][0]) for i in range(len(X))])"),
        ("IterableDataset", "np.stack([image for image in X])"),
        ("DataLoader", "np.concatenate([images for images, labels in X])"),
        ("a batch of a DataLoader", "X[0]"),
        ("dict", "X['image']"),
        ("list of dicts", "np.stack([np.asarray(element['image']) for element in X])"),
        ("pairs", "np.stack([np.asarray(image) for image, label in X])"),
    ],
)
def test_what_is_advised_works(name, code):
    X, _ = REFUSED[name]
    with pytest.raises((ValueError, TypeError), match=re.escape(code)):
        as_rows(X)
    rows, sample_shape = as_rows(eval(code, {"np": np, "X": X, "i": 0}))
    assert sample_shape == (8, 9)
    np.testing.assert_array_equal(rows, IMAGES.reshape(6, 72))
