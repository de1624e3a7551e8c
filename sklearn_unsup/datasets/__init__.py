"""Image data sets, bundled, generated or downloaded, and images in `.npy` files."""

from sklearn_unsup.datasets._digits import load_digit_images
from sklearn_unsup.datasets._mnist import fetch_fashion_mnist, fetch_mnist
from sklearn_unsup.datasets._npy_files import NpyFiles
from sklearn_unsup.datasets._shapes import make_shapes

__all__ = ["NpyFiles", "fetch_fashion_mnist", "fetch_mnist", "load_digit_images", "make_shapes"]
