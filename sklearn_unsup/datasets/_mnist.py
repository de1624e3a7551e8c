"""MNIST and Fashion-MNIST, from a local file or from OpenML."""

import os
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import fetch_openml, get_data_home
from sklearn.utils import Bunch

from sklearn_unsup._paths import check_regular_file

N_TRAIN = 60_000
SHAPE = (28, 28)
MNIST_DESCR = """\
MNIST: 70,000 images of handwritten digits, 28 x 28 pixels, grey values from 0 to 255. The first
60,000 are the training set. LeCun, Bottou, Bengio & Haffner (1998), "Gradient-based learning
applied to document recognition"."""
FASHION_DESCR = """\
Fashion-MNIST: 70,000 images of clothes in ten classes (T-shirt, trouser, pullover, dress, coat,
sandal, shirt, sneaker, bag, ankle boot), 28 x 28 pixels, grey values from 0 to 255. The first
60,000 are the training set. Xiao, Rasul & Vollgraf (2017), "Fashion-MNIST: a Novel Image Dataset
for Benchmarking Machine Learning Algorithms"."""


def fetch_mnist(data_home=None):
    """Load the MNIST digits, from a local file or from OpenML.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder with ``mnist.npz`` (keys x_train, y_train, x_test, y_test). If there is no such file,
        it is downloaded to this folder. None is scikit-learn's data folder.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (70000, 784), uint8; rows of pixels, the training set first.
        - images : ndarray of shape (70000, 28, 28), uint8; the same as images.
        - image_shape : tuple; (28, 28).
        - target : ndarray of shape (70000,), int64; the digit.
        - DESCR : str

    Raises
    ------
    ValueError
        If the file is no regular file, holds no images of 28 x 28 pixels, or another number of
        labels.
    KeyError
        If the file has other keys.
    OSError
        If the file cannot be read, or there is none and OpenML cannot be reached.

    Examples
    --------
    >>> from sklearn_unsup.datasets import fetch_mnist
    >>> X = fetch_mnist("my-data").images  # doctest: +SKIP
    """
    return _fetch("mnist.npz", "mnist_784", MNIST_DESCR, data_home)


def fetch_fashion_mnist(data_home=None):
    """Load the Fashion-MNIST images of clothes, from a local file or from OpenML.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder with ``fashion_mnist.npz`` (keys x_train, y_train, x_test, y_test). If there is no
        such file, it is downloaded to this folder. None is scikit-learn's data folder.

    Returns
    -------
    bunch : Bunch
        As for `fetch_mnist`; the target is the class, 0 to 9.

    Raises
    ------
    ValueError
        If the file is no regular file, holds no images of 28 x 28 pixels, or another number of
        labels.
    KeyError
        If the file has other keys.
    OSError
        If the file cannot be read, or there is none and OpenML cannot be reached.

    Examples
    --------
    >>> from sklearn_unsup.datasets import fetch_fashion_mnist
    >>> X = fetch_fashion_mnist("my-data").images  # doctest: +SKIP
    """
    return _fetch("fashion_mnist.npz", "Fashion-MNIST", FASHION_DESCR, data_home)


def _fetch(filename, openml_name, description, data_home):
    path = Path(get_data_home(data_home)) / filename
    if not os.path.lexists(path):  # a broken link, to a disk that is not mounted, is kept
        _download(openml_name, path)
    check_regular_file(path)
    with np.load(path) as arrays:
        images = np.concatenate([arrays["x_train"], arrays["x_test"]])
        target = np.concatenate([arrays["y_train"], arrays["y_test"]]).astype(np.int64)
    if images.shape[1:] != SHAPE or len(images) != len(target):
        raise ValueError(
            f"{path} holds images of shape {images.shape} and {len(target)} labels, expected (n, "
            "28, 28) and n. Remove it to download it again."
        )
    return Bunch(
        data=images.reshape(len(images), -1),
        images=images,
        image_shape=SHAPE,
        target=target,
        DESCR=description,
    )


def _download(openml_name, path):
    X, y = fetch_openml(openml_name, version=1, as_frame=False, return_X_y=True)
    images, target = X.astype(np.uint8).reshape(-1, *SHAPE), y.astype(np.uint8)
    arrays = {}
    for part, rows in (("train", slice(N_TRAIN)), ("test", slice(N_TRAIN, None))):
        arrays |= {f"x_{part}": images[rows], f"y_{part}": target[rows]}
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
        np.savez_compressed(file, **arrays)
    os.replace(file.name, path)  # an interrupted download leaves no partial file at `path`
