"""Errors for X that is not an array of images. Messages name the problem and what to do.

Objects of other libraries are recognised by their attributes, so that none has to be imported.
"""

from collections.abc import Mapping, Sequence
from numbers import Number
from os import PathLike, fspath

import numpy as np

EXPECTED = "Expected images (n, H, W), (n, C, H, W) or (n, H, W, C), or rows (n, n_features)"
READ_FILES = (
    "read the images first, for example np.stack([np.asarray(Image.open(path).resize((64, 64))) "
    "for path in {paths}]) with Pillow, or use sklearn_unsup.datasets.NpyFiles for .npy files."
)
TEXT = str | bytes | bytearray | PathLike
ARRAY_PROTOCOLS = ("__array__", "__array_interface__", "__buffer__", "numpy")


def check_container(X):
    """Raise a TypeError if X is not a container of images that numpy can read."""
    if X is None:
        raise TypeError(f"X is None. {EXPECTED}.")
    if isinstance(X, TEXT):
        raise TypeError(
            f"X is a path or other text, {_short_repr(X)}. {EXPECTED}: "
            + READ_FILES.format(paths="sorted(Path(X).glob('*.png'))")
        )
    if _is_mapping(X):
        raise TypeError(
            f"X is a {_type(X)}, which holds arrays by name. {EXPECTED}: use X[{_image_key(X)}]."
        )
    if hasattr(X, "getbands"):  # Pillow
        raise TypeError(
            f"X is one image, of type {_type(X)}. {EXPECTED}: use np.asarray(X)[np.newaxis] for "
            "one image, np.stack for several."
        )
    if hasattr(X, "collect_schema"):
        raise TypeError(f"X is a {_type(X)}, not computed yet. Use X.collect().")
    is_array = hasattr(X, "shape") and hasattr(X, "dtype")
    if is_array or isinstance(X, Sequence | Number) or any(hasattr(X, p) for p in ARRAY_PROTOCOLS):
        return
    if hasattr(X, "__len__") and hasattr(X, "__getitem__"):
        raise TypeError(_dataset_message(X))
    if hasattr(X, "__iter__"):
        raise TypeError(
            f"X is of type {_type(X)}, which gives images one after the other, or in batches. "
            f"{EXPECTED}, all in one array: estimators make batches themselves. Use np.stack([image"
            " for image in X]), or, if X gives batches of images and labels, np.concatenate([images"
            " for images, labels in X])."
        )
    raise TypeError(f"X is of type {_type(X)}, which cannot be read as an array. {EXPECTED}.")


def check_text(cell, name):
    """Raise a ValueError if a cell is text, unless it is the text of a number."""
    try:
        float(cell)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} holds text, such as {_short_repr(cell)}: could not convert it to a number. "
            f"{EXPECTED}. Leave labels and other text out. If it is the name of a file: "
            f"{READ_FILES.format(paths=name)}"
        ) from None


def raise_elements_error(elements, images="list(X)"):
    """Raise an error that says why the elements of a sequence are not images of one size."""
    first, shapes = elements[0], [element_shape(element) for element in elements]
    if _is_mapping(first):
        raise TypeError(
            f"X holds elements of type {_type(first)}. {EXPECTED}: use np.stack([np.asarray("
            f"element[{_image_key(first)}]) for element in X])."
        )
    if hasattr(first, "tocsr"):
        raise TypeError(
            f"X holds sparse matrices. {EXPECTED}, dense: use np.stack([image.toarray() for image "
            "in X])."
        )
    if _is_labelled_image(first):
        raise ValueError(
            f"X holds pairs of an image and a label. {EXPECTED}, without the labels: use "
            "np.stack([np.asarray(image) for image, label in X])."
        )
    if len(shapes) == 2 and shapes[0] and shapes[1] == shapes[0][:1]:
        raise ValueError(
            f"X is a pair of shapes {shapes[0]} and {shapes[1]}, as of images and their labels. "
            f"{EXPECTED}, without the labels: use X[0]."
        )
    for i, (element, shape) in enumerate(zip(elements, shapes, strict=True)):
        if shape is None:
            raise ValueError(f"X[{i}] holds rows of different sizes. {EXPECTED}, of one size.")
        if shape == () and not isinstance(element, Number):
            kind = "None" if element is None else f"of type {_type(element)}"
            raise ValueError(f"X[{i}] is {kind}, not an image. {EXPECTED}: leave it out.")
        if shape != shapes[0]:
            raise ValueError(
                f"Images or rows in X differ in size: X[0] has shape {shapes[0]} and X[{i}] has "
                f"shape {shape}. {EXPECTED}: bring all to one size and number of channels, for "
                "example with image.convert('RGB').resize((64, 64)) of Pillow, and use np.stack."
            )
    raise ValueError(stack_message("X holds one object for each image", images))


def stack_message(what, images):
    """Return the message for images in separate objects; `images` is code that lists them."""
    return f"{what}. {EXPECTED}, in one array: use np.stack({images})."


def closed_file_error(error):
    """Return the error for X whose file cannot be read, because of `error`."""
    return ValueError(
        f"X cannot be read, its file is closed or no longer there ({error}). Open the file, and "
        "keep it open while the estimator reads X."
    )


def _dataset_message(X):
    try:
        first = X[0]
    except Exception:  # of the user's Dataset; the message is then that for images without labels
        first = None
    what, item = "gives one item for each index", "X[i]"
    if _is_mapping(first):
        item = f"X[i][{_image_key(first)}]"
    elif isinstance(first, tuple | list):
        what, item = "gives images with labels or other things", "X[i][0]"
    return (
        f"X is a Dataset, of type {_type(X)}, which {what}. {EXPECTED}, without labels: use "
        f"np.stack([np.asarray({item}) for i in range(len(X))])."
    )


def element_shape(element):
    """Return the shape that numpy would find; None for lists of different lengths."""
    try:
        return tuple(element.shape) if hasattr(element, "shape") else np.shape(element)
    except Exception:  # from numpy, or from an image that cannot be read
        return None


def is_image(cell):
    """Tell whether a cell of an object array is an array, a list or an image itself."""
    return not isinstance(cell, TEXT) and not _is_mapping(cell) and element_shape(cell) != ()


def _is_labelled_image(element):
    is_short = isinstance(element, tuple | list) and 2 <= len(element) <= 4
    if not is_short or element_shape(element) is not None:
        return False
    image, label = map(element_shape, element[:2])
    return None not in (image, label) and len(label) < len(image)


def _is_mapping(X):
    has_keys = hasattr(X, "keys") and hasattr(X, "__getitem__") and not hasattr(X, "to_numpy")
    return isinstance(X, Mapping) or has_keys


def _image_key(mapping):
    """Return the repr of the key whose value has the most axes; "name" if there is none."""
    try:
        sizes = {key: len(element_shape(mapping[key]) or ()) for key in mapping.keys()}
    except Exception as error:
        raise closed_file_error(error) from error
    return repr(max(sizes, key=sizes.get, default="name"))


def _type(X):
    return type(X).__name__


def _short_repr(text):
    text = fspath(text) if isinstance(text, PathLike) else text
    shown = repr(str(text) if isinstance(text, str) else bytes(text))  # not numpy's repr
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
