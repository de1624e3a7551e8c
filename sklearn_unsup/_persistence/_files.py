"""Files of arrays and plain values that hold no code, in the safetensors format.

A file is written under a temporary name and then moved, so that an interrupted write leaves the
previous file intact.
"""

import contextlib
import json
import os
import shutil
import uuid
from functools import partial
from glob import escape, glob

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from sklearn_unsup._paths import check_regular_file, check_replaceable
from sklearn_unsup._persistence._arrays import ArrayType
from sklearn_unsup._persistence._state import (
    STATE_FORMAT,
    CorruptedModelError,
    check_format,
    digest,
    installed_versions,
)

try:
    import fcntl
except ImportError:  # on Windows, where an open file cannot be removed
    fcntl = None

WRITER = "sklearn_unsup"
DTYPES = {"F16": "float16", "F32": "float32", "F64": "float64", "C64": "complex64", "BOOL": "bool"}
DTYPES |= {f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)}
DTYPES |= {f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)}

# Errors that manipulated content with a valid digest can cause.
CONTENT_ERRORS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError)
CONTENT_ERRORS = (*CONTENT_ERRORS, SafetensorError)


def save_file(path, kind, state, **header):
    """Write a state to a file atomically.

    Parameters
    ----------
    path : str or path-like
    kind : str
        What the state belongs to; `SavedFile` expects the same.
    state : dict
        Nested dicts, lists and tuples of plain values and numpy arrays. Classes and functions are
        saved as their names.
    **header
        Further plain values, which are read before the arrays.

    Raises
    ------
    OSError
        If the file cannot be written. A previous file at `path` stays as it is.
    ValueError
        If `path` is something other than a regular file, such as a device.
    """
    check_replaceable(path)
    arrays = {}
    header = {
        "format": STATE_FORMAT,
        "kind": kind,
        "versions": installed_versions(),
        **header,
        "state": to_json(state, arrays),
    }
    text = json.dumps({**header, "sha256": digest(arrays)})
    _replace(path, save(arrays, {WRITER: text, "sha256": digest(text)}))


class SavedFile(contextlib.AbstractContextManager):
    """An open file that `save_file` wrote, whose header has been read and checked.

    As a context manager it adds the name of the file to errors of its content.

    Parameters
    ----------
    path : str or path-like
    kind : str
        As given to `save_file`.

    Attributes
    ----------
    header : dict
    outline : dict
        The state, with an `ArrayType` in place of each array.

    Raises
    ------
    CorruptedModelError
        If the file is damaged, was not written by `save_file`, or has another kind or a newer
        format.
    OSError
        If the file cannot be read.
    """

    def __init__(self, path, kind):
        self.path = os.fspath(path)
        check_regular_file(self.path)  # safetensors reports unreadable files as "not found"
        self.size = os.path.getsize(self.path)
        with self:
            self._file = safe_open(self.path, "numpy")
            metadata = self._file.metadata() or {}
            if WRITER not in metadata or "sha256" not in metadata:
                raise CorruptedModelError("it was not written by sklearn_unsup")
            self.header = json.loads(metadata[WRITER])
            check_format(self.header["format"], self.header["versions"], "it")
            self._check_digest(metadata[WRITER], metadata["sha256"])
            if self.header["kind"] != kind:
                raise CorruptedModelError(f"it is of {self.header['kind']}, expected {kind}")
            slices = {name: self._file.get_slice(name) for name in self._file.keys()}
            shapes = {
                name: ArrayType(DTYPES.get(part.get_dtype()), tuple(part.get_shape()))
                for name, part in slices.items()
            }
            self.outline = from_json(self.header["state"], shapes)

    def read(self):
        """Check the digest of the arrays, and return the state."""
        arrays = self._file.get_tensors()
        self._check_digest(arrays, self.header["sha256"])
        return from_json(self.header["state"], arrays)

    def __exit__(self, kind, error, traceback):
        """Name the file in errors of its content."""
        if isinstance(error, CONTENT_ERRORS):
            raise CorruptedModelError(
                f"{self.path} ({self.size} bytes) cannot be loaded: {error}"
            ) from error

    def _check_digest(self, value, expected):
        found = digest(value, self.header["format"])
        if found != expected:
            raise CorruptedModelError(
                f"it was altered: its digest is {found[:12]}, expected {expected[:12]}"
            )


def to_json(value, arrays, name=""):
    """Return a value in the types of JSON; its arrays are added to `arrays`."""
    if isinstance(value, np.ndarray) and value.dtype.name in DTYPES.values():
        arrays[name] = np.ascontiguousarray(value).reshape(value.shape)
        return {"array": name}
    if isinstance(value, dict):
        items = value.items()
        return {"dict": [[key, to_json(item, arrays, _join(name, key))] for key, item in items]}
    is_array = isinstance(value, np.ndarray)
    if isinstance(value, list | tuple) or (is_array and value.dtype.kind in "OU"):
        items = [to_json(item, arrays, _join(name, i)) for i, item in enumerate(value)]
        return {"ndarray" if is_array else "list" if isinstance(value, list) else "tuple": items}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | int | float):
        return value
    if callable(value):
        return {"name": name_of(value)}
    raise TypeError(f"{name} is {value!r}, which cannot be saved: give plain values and arrays.")


def from_json(value, arrays):
    """Invert `to_json`; classes and functions stay names."""
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "array":
        return arrays[content]
    if kind == "name":
        return content
    if kind == "dict":
        return {key: from_json(item, arrays) for key, item in content}
    items = [from_json(item, arrays) for item in content]
    object_array = partial(np.array, dtype=object)
    return {"list": list, "tuple": tuple, "ndarray": object_array}[kind](items)


def name_of(function):
    """Return the name of a class or function, with the arguments of a `functools.partial`."""
    if isinstance(function, partial):
        return f"{name_of(function.func)} with {function.args} {function.keywords}"
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def are_alike(value, saved):
    """Tell whether a value without arrays equals one from a file; lists equal tuples."""
    return json.dumps(from_json(to_json(value, {}), {})) == json.dumps(saved)


def _join(*names):
    return "/".join(str(name) for name in names if name != "")


def remove_leftovers(path):
    """Remove temporary files of killed processes beside `path`, but not of running ones."""
    folder, name = os.path.split(path)
    for leftover in glob(os.path.join(escape(folder), f".{escape(name)}.*")):
        with contextlib.suppress(OSError, ValueError):
            check_regular_file(leftover)
            with open(leftover, "rb") as file:
                _lock(file)
                os.unlink(leftover)


def _lock(file):
    """Lock a file until it is closed; raise an OSError if another process holds the lock."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _replace(path, content):
    """Write a temporary file beside `path`, flush it to the disk, and move it to `path`."""
    path = os.path.realpath(path)  # the target of a link is replaced, not the link
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{uuid.uuid4().hex}")
    try:
        with open(temporary, "xb") as file:
            with contextlib.suppress(OSError):  # a file system may have no locks
                _lock(file)  # so that `remove_leftovers` in other processes skips it
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
