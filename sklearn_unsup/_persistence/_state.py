"""The state of an estimator, sealed with its format, the versions that wrote it, and a digest."""

import hashlib
import zlib
from functools import cache, partial
from importlib.metadata import version
from numbers import Number

import numpy as np

from sklearn_unsup._version import __version__

STATE_FORMAT = 3
PACKAGES = ("torch", "scikit-learn", "numpy")  # beside this one
SEAL = "_seal"


class CorruptedModelError(ValueError):
    """A saved model is not what was saved, or not what this version can read.

    The message names the file and what is wrong with it. Take a copy that is whole, or the version
    of the package that it asks for.

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
    """Add the format's number, the versions of packages, and a digest of all values.

    The digest finds accidents. It is no signature: who alters a file on purpose can make another.

    Parameters
    ----------
    state : dict
        Plain values, numpy arrays, and scikit-learn's estimators. Of other objects the digest
        holds the type alone: their pickles may differ from what they hold.

    Returns
    -------
    sealed : dict
        With one more key.
    """
    header = {"format": STATE_FORMAT, "versions": installed_versions()}
    return {**state, SEAL: {**header, "sha256": digest([header, state])}}


def unseal(state, name):
    """Check the seal of a state, and take it off.

    Parameters
    ----------
    state : dict
        As `seal` returns it.
    name : str
        What it is the state of, for messages.

    Returns
    -------
    state : dict
        A new one, without the seal.
    versions : dict of str
        Of the packages that wrote it.

    Raises
    ------
    CorruptedModelError
        If the format is not one that this version reads, or a value was altered.
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
    """Raise an error if a format is not one that this version reads."""
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
        2 puts nothing between two values: [1, 23] and [12, 3] are alike there.
    feed_object : callable, default=None
        ``feed_object(value, write, feed)`` says what of another object is in the digest. None: its
        type, and of scikit-learn's estimators all attributes.
    """
    hasher = hashlib.sha256()

    def write(kind, content):
        if format > 2:
            hasher.update(f"{kind}:{len(content)}:".encode())
        hasher.update(content)

    _feed(value, write, feed_object or _feed_type)
    return hasher.hexdigest()


def checksum(array):
    """Return what stands for an array in a digest: its dtype, its shape, and a CRC.

    The CRC finds accidents as surely as a SHA, in less than half the time.
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
    module = named.__module__.replace("sklearn_unsup._", "sklearn_unsup.")  # as rooms were called
    write("name", f"{module}.{named.__qualname__}".encode())
    if named.__module__.startswith("sklearn.") and hasattr(value, "get_params"):
        feed(vars(value))
