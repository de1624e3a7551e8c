"""Containers of images: arrays, lists of images, tables and tensors of any library."""

from collections.abc import Sequence
from numbers import Number

import numpy as np

from sklearn_unsup._data._input_errors import (
    EXPECTED,
    TEXT,
    check_container,
    check_text,
    closed_file_error,
    element_shape,
    is_image,
    raise_elements_error,
    stack_message,
)

N_INSPECTED_ROWS = 3  # of a table or an object array; the first may hold None


def check_readable(X):
    """Raise an error if the shape of X cannot be read.

    Call this before any other attribute of X is read: the attributes of a dataset in a closed HDF5
    file, and those of a nested tensor, raise errors.
    """
    if isinstance(X, type):
        raise TypeError(f"X is the class {X.__name__}, not an object of it. {EXPECTED}.")
    if getattr(X, "is_nested", False):
        raise ValueError(
            f"X is a nested tensor, which holds images of different sizes. {EXPECTED}: resize the "
            "images to one size and use torch.stack."
        )
    try:
        _ = getattr(X, "shape", None)
    except Exception as error:
        raise closed_file_error(error) from error


def check_unmasked(X):
    """Raise a ValueError if X is a masked array with masked values."""
    if np.ma.is_masked(X):
        raise ValueError(
            "X is a masked array with masked values. Missing values are not supported: fill them, "
            "for example with X.filled(X.mean(axis=0)), or impute them with "
            "sklearn.impute.SimpleImputer."
        )


def as_array(X):
    """Return X in a form with a shape that numpy and scikit-learn can read as numbers.

    Arrays, DataFrames and sparse matrices are returned unchanged; lists of images are stacked. An
    *object* array or column of images is an error, whose message suggests `np.stack`.

    Raises
    ------
    ValueError, TypeError
        If X is something else; the message says what to do.
    """
    check_readable(X)
    if hasattr(X, "tocsr"):  # scikit-learn raises the error for sparse matrices
        return X
    if hasattr(X, "to_numpy") and hasattr(X, "columns"):  # a LazyFrame has columns only
        if not len(X.columns):
            raise ValueError(
                f"X is a table of shape {tuple(X.shape)}: Found array with 0 feature(s), expected "
                "at least 1 column."
            )
        _check_columns(X)
        return X
    check_container(X)
    images = "list(X)"
    if hasattr(X, "to_numpy") and len(X.shape) == 1:  # a Series
        X, images = X.to_numpy(), "X.to_list()"
        if X.ndim > 1:  # an array column of polars
            raise ValueError(stack_message("X is a Series of arrays", images))
    X = _tensor_to_array(X)
    if not hasattr(X, "shape"):
        X = _stack(X)
    check_unmasked(X)
    if isinstance(X, np.ndarray | np.generic):
        _check_dtype(X, images)
    return X


def _tensor_to_array(X):
    """Return a tensor, of torch or similar, as an array; anything else unchanged."""
    if not (hasattr(X, "detach") and hasattr(X, "cpu")):
        return X.numpy() if callable(getattr(X, "numpy", None)) else X
    check_readable(X)
    if X.is_quantized or str(X.layout) != "torch.strided":
        kind, method = ("quantized", "dequantize") if X.is_quantized else ("sparse", "to_dense")
        raise TypeError(f"X is a {kind} tensor. {EXPECTED}, dense: use X.{method}().")
    if X.is_meta:
        raise ValueError(
            f"X is a tensor on the meta device, which has a shape and no values. {EXPECTED}: make "
            "the tensor on the CPU or on a GPU."
        )
    X = X.detach().cpu().resolve_conj().resolve_neg()
    if X.dtype.is_floating_point and str(X.dtype).startswith(("torch.bfloat", "torch.float8")):
        X = X.float()  # numpy has no such dtypes
    return X.numpy()


def _check_columns(table):
    """Raise an error if a cell in the first rows of a DataFrame is an image, or text."""
    head = table[:N_INSPECTED_ROWS].to_numpy()
    if head.dtype.kind not in "OSTU":
        return
    columns = list(table.columns)
    for (_, i), cell in np.ndenumerate(head):
        code = f"X[{columns[i]!r}]"
        if isinstance(cell, TEXT):
            check_text(cell, code)
        elif element_shape(cell) != ():
            what = f"Column {columns[i]!r} of X holds images, one a cell"
            raise ValueError(stack_message(what, f"{code}.to_list()"))


def _check_dtype(X, images):
    """Raise an error if X is not an array of numbers; `images` is code that lists its elements."""
    if X.dtype.names is not None:
        raise ValueError(
            f"X is a structured array with the fields {', '.join(X.dtype.names)}. {EXPECTED}: use "
            "one field, X[name], or numpy.lib.recfunctions.structured_to_unstructured(X)."
        )
    if X.dtype.kind in "mMV":
        raise ValueError(
            f"X has dtype {X.dtype}, which is not numeric. {EXPECTED}, of numbers: convert X, for "
            "example with X.astype(np.float32)."
        )
    if X.size == 0 or X.dtype.kind not in "OSTU":
        return
    cell = X.flat[0]
    if isinstance(cell, TEXT):
        check_text(cell, "X")
    elif X.ndim == 1 and not isinstance(cell, Number):
        raise_elements_error(X, images)
    elif X.ndim > 1 and any(map(is_image, X[:N_INSPECTED_ROWS].flat)):
        raise ValueError(stack_message("X is an object array with images as cells", "X[:, i]"))


def _stack(elements):
    """Return a sequence of numbers or images as an array."""
    if isinstance(elements, Sequence):
        if any(hasattr(element, "detach") or hasattr(element, "numpy") for element in elements):
            elements = [_tensor_to_array(element) for element in elements]
        for element in elements:
            if hasattr(element, "getbands") and getattr(element, "mode", None) == "P":
                raise ValueError(
                    "X holds images of mode 'P', whose numbers are places in a palette: use "
                    "[image.convert('RGB') for image in X]."
                )
            if isinstance(element, np.ma.MaskedArray):  # numpy would drop the masks
                check_unmasked(element)
    try:
        return np.asarray(elements)
    except Exception as error:
        if isinstance(elements, Sequence) and len(elements):
            raise_elements_error(elements)
        raise ValueError(f"X cannot be made an array: {error}. {EXPECTED}.") from error
