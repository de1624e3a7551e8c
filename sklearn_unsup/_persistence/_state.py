"""Seals: the state of an estimator with its format, the versions that wrote it, and a digest."""

import hashlib
import zlib
from functools import cache, partial
from importlib.metadata import version
from numbers import Number

import numpy as np

from sklearn_unsup._version import __version__

STATE_FORMAT = 3
PACKAGES = ("torch", "scikit-learn", "numpy")  # in addition to this one
SEAL = "_seal"


class CorruptedModelError(ValueError):
    """A saved model is damaged, or this version cannot read its format.

    The message names the file and the problem. Load an intact copy, or install the version of the
    package that the message names.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_unsup import ConvAutoencoder, CorruptedModelError
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "half.safetensors")
    ...     _ = path.write_bytes(b"half of a file")
    ...     try:
    ...         ConvAutoencoder().load_weights(path)
    ...     except CorruptedModelError as error:
    ...         print("It was cut short.")
    It was cut short.
    """


def seal(state):
    """Add the format number, the versions of packages, and a digest of all values.

    The digest detects accidental damage. It is not a signature: it does not protect against
    deliberate changes.

    Parameters
    ----------
    state : dict
        Plain values, numpy arrays, and scikit-learn's estimators. For other objects the digest
        covers only the type: equal objects may pickle differently.

    Returns
    -------
    sealed : dict
        The state with one more key.
    """
    header = {"format": STATE_FORMAT, "versions": installed_versions()}
    return {**state, SEAL: {**header, "sha256": digest([header, state])}}


def unseal(state, name):
    """Check the seal of a state, and remove it.

    Parameters
    ----------
    state : dict
        As `seal` returns it.
    name : str
        What the state belongs to, for messages.

    Returns
    -------
    state : dict
        A new dict without the seal.
    versions : dict of str
        Versions of the packages that wrote it.

    Raises
    ------
    CorruptedModelError
        If this version cannot read the format, or a value was altered.
    """
    state = dict(state)
    try:
        header = dict(state.pop(SEAL))
        expected, format, versions = header.pop("sha256"), header["format"], header["versions"]
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptedModelError(
            f"The saved {name} has no seal: it was altered, or saved by a version of sklearn_unsup "
            "before 0.1. Load another copy, or fit again."
        ) from error
    check_format(format, versions, f"The saved {name}")
    found = digest([header, state], format)
    if found != expected:
        raise CorruptedModelError(
            f"The saved {name} was altered: its digest is {found[:12]}, expected "
            f"{str(expected)[:12]}. Load another copy."
        )
    return state, versions


def check_format(format, versions, subject):
    """Raise an error if this version cannot read a format."""
    if isinstance(format, int) and 1 < format <= STATE_FORMAT:
        return
    writer = versions.get("sklearn-unsup") if isinstance(versions, dict) else None
    raise CorruptedModelError(
        f"{subject} is in state format {format} of sklearn_unsup {writer}; this version, "
        f"{installed_versions()['sklearn-unsup']}, reads formats 2 to {STATE_FORMAT}. Install "
        f"sklearn_unsup {writer} or later."
    )


@cache
def installed_versions():
    """Return the versions of the packages that a state depends on."""
    return {"sklearn-unsup": __version__, **{package: version(package) for package in PACKAGES}}


def digest(value, format=STATE_FORMAT, feed_object=None):
    """Return a digest of nested values; the same in every process and after pickling.

    Parameters
    ----------
    value : object
        Nested dicts, lists and tuples of plain values, numpy arrays and other objects.
    format : int, default=STATE_FORMAT
        Format 2 does not separate values: the digests of [1, 23] and [12, 3] are equal.
    feed_object : callable, default=None
        ``feed_object(value, write, feed)`` adds an object of another type. None adds its type, and
        all attributes of scikit-learn's estimators.
    """
    hasher = hashlib.sha256()

    def write(kind, content):
        if format > 2:
            hasher.update(f"{kind}:{len(content)}:".encode())
        hasher.update(content)

    _feed(value, write, feed_object or _feed_type)
    return hasher.hexdigest()


def checksum(array):
    """Return the contribution of an array to a digest: its dtype, its shape, and a CRC.

    A CRC detects accidental damage, and takes less than half the time of a SHA.
    """
    crc = zlib.crc32(np.ascontiguousarray(array).data)
    return f"{array.dtype.str}{array.shape}{crc}".encode()


def _feed(value, write, feed_object):
    def feed(item):
        _feed(item, write, feed_object)

    if isinstance(value, np.ndarray) and value.dtype != object:
        write("array", checksum(value))
    elif isinstance(value, list | tuple | np.ndarray):
        write(type(value).__name__, f"{type(value).__name__}{len(value)}".encode())
        for item in value:
            feed(item)
    elif isinstance(value, dict):
        write("dict", f"dict{len(value)}".encode())
        for key in sorted(value, key=repr):
            feed(key)
            feed(value[key])
    elif value is None or isinstance(value, str | bytes | Number | np.generic):
        value = value.item() if isinstance(value, np.generic) else value
        write(type(value).__name__, repr(value).encode())
    elif isinstance(value, np.random.RandomState):
        feed(value.get_state(legacy=False))
    elif isinstance(value, partial):
        feed(["partial", value.func, value.args, value.keywords])
    else:
        feed_object(value, write, feed)


def _feed_type(value, write, feed):
    named = value if hasattr(value, "__qualname__") else type(value)
    module = named.__module__.replace("sklearn_unsup._", "sklearn_unsup.")  # the former names
    write("name", f"{module}.{named.__qualname__}".encode())
    if named.__module__.startswith("sklearn.") and hasattr(value, "get_params"):
        feed(vars(value))
