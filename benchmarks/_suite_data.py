"""Data sets of the suite: several kinds of images and signals, as rows.

A data set without test rows of its own is split 75 / 25. With ``on="validation"`` the training part
is split again, and the test rows are left alone: choose defaults on these.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_unsup.datasets import load_digit_images, make_shapes

FEW = 200
MAX_HELD_OUT = 10_000
SHAPES = {"shapes32": (4000, 32), "shapes96": (2000, 96)}  # images, side
FILES = {
    "mnist": "mnist",
    "cifar10": "cifar10_dev",
    "cells": "cells_dev",
    "tiles": "tiles_dev",
    "omniglot": "omniglot_dev",
    "speech": "speech_dev",
    "vibration": "vibration_dev",
}
NAMES = ["digits", *SHAPES, *FILES]


@dataclass
class Data:
    """Rows to train on, rows held out, and labels 0, 1, ... of both where there are any.

    `all_train` and `y_all_train` are the training rows that judges may use: `train` may be the
    first few of them.
    """

    image_shape: tuple
    train: np.ndarray
    held_out: np.ndarray
    y_train: np.ndarray | None
    y_held_out: np.ndarray | None
    all_train: np.ndarray
    y_all_train: np.ndarray | None

    @property
    def n_classes(self):
        return 0 if self.y_all_train is None else int(self.y_all_train.max()) + 1

    @property
    def is_integer(self):
        """Whether pixels are integers of many levels, which noise in [0, 1) dequantises."""
        return self.train.dtype == np.uint8 and self.all_train.max() > 1


@lru_cache(2)
def load(name, folder, rows, on):
    """Return a data set.

    Parameters
    ----------
    folder : str
        Where the .npz files are.
    rows : {"all", "200"}
        Which training rows: all, or the first 200 of them in random order.
    on : {"test", "validation"}
        Which rows are held out.
    """
    train, test, image_shape = _source(name, folder)
    if test is None:
        train, test = _split(*train)
    if on == "validation":
        train, test = _split(*train)
    x_train, y_train = train
    few = np.random.RandomState(0).permutation(len(x_train))[:FEW]
    chosen = slice(None) if rows == "all" else few
    return Data(
        image_shape=image_shape,
        train=x_train[chosen],
        held_out=test[0],
        y_train=None if y_train is None else y_train[chosen],
        y_held_out=test[1],
        all_train=x_train,
        y_all_train=y_train,
    )


def _source(name, folder):
    """Return training rows and labels, test rows and labels or None, and an image's shape."""
    if name == "digits":
        digits = load_digit_images()
        return (digits.data.astype(np.uint8), digits.target), None, digits.image_shape
    if name in SHAPES:
        n, side = SHAPES[name]
        shapes = make_shapes(n, side, n_channels=3, random_state=0)
        return (shapes.data, shapes.target), None, shapes.image_shape
    with np.load(Path(folder) / f"{FILES[name]}.npz") as arrays:
        parts = {key: arrays[key] for key in arrays.files if key[:2] in ("x_", "y_")}
    if name == "omniglot":
        for key in ("x_train", "x_test"):
            parts[key] = np.unpackbits(parts[key], axis=-1, count=105)
    image_shape = parts["x_train"].shape[1:]
    train, test = (
        (_rows(parts[f"x_{part}"]), _labels(parts.get(f"y_{part}"))) for part in ("train", "test")
    )
    if name == "tiles":  # its test rows have faults that no training row has
        test = None
    return train, test, image_shape if len(image_shape) > 1 else (1, *image_shape)


def _rows(X):
    return X.reshape(len(X), -1).astype(np.float32 if X.dtype.kind == "f" else X.dtype)


def _labels(y):
    return None if y is None else y.astype(np.int64)


def _split(X, y):
    """Return rows and labels to keep, and those held out: a quarter, up to MAX_HELD_OUT."""
    held_out = min(len(X) // 4, MAX_HELD_OUT)
    parts = train_test_split(np.arange(len(X)), test_size=held_out, random_state=0)
    return [(X[rows], None if y is None else y[rows]) for rows in parts]
