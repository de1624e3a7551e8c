"""Fingerprints of objects: of their state as pickle sees it, and of code that a user wrote."""

import contextlib
import types
from numbers import Number

import torch

from sklearn_unsup._persistence._arrays import to_plain
from sklearn_unsup._persistence._state import digest

LIBRARIES = {"builtins", "copyreg", "numpy", "scipy", "sklearn", "skorch", "sklearn_unsup", "torch"}
NAMED = type | types.FunctionType | types.BuiltinFunctionType | types.MethodType
PLAIN = Number | str | bytes | tuple | list | dict | types.NoneType


def fingerprint(value):
    """Return a digest of an object's whole state, the same in every process.

    For an object it covers the state as pickle sees it, for a user's function or class the code.
    Two factories of the same class with different settings have different fingerprints.

    Raises
    ------
    TypeError
        If part of the object cannot be pickled, such as an open file.
    """
    visited = {}  # id: index and object. Objects may refer to each other.

    def feed_object(item, write, feed):
        if id(item) in visited:
            write("again", str(visited[id(item)][0]).encode())
            return
        visited[id(item)] = len(visited), item  # a reference, so that its id is not used again
        if isinstance(item, torch.Tensor):
            feed(to_plain(item))
        elif isinstance(item, types.CodeType):
            feed([item.co_code, item.co_names, item.co_consts])
        elif isinstance(item, set | frozenset):
            feed(sorted(fingerprint(element) for element in item))
        elif isinstance(item, NAMED):
            write("name", f"{item.__module__}.{item.__qualname__}".encode())
            feed(_definition(item))
        else:
            reduced = item.__reduce_ex__(4)
            if isinstance(reduced, str):  # the name of a global
                feed([type(item), reduced])
            else:
                function, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
                feed([type(item), function, arguments, state, *(items or ()), *(pairs or ())])

    return digest(value, feed_object=feed_object)


def _definition(item):
    """Return what defines a function or class beside its name: its code, if a user wrote it."""
    owner = getattr(item, "__self__", None)
    owner = None if isinstance(owner, types.ModuleType) else owner
    if (item.__module__ or "builtins").split(".")[0] in LIBRARIES:
        return owner
    if isinstance(item, type):
        members = {name: _unwrap(member) for name, member in vars(item).items()}
        members = {
            name: member
            for name, member in members.items()
            if isinstance(member, types.FunctionType)
            or (isinstance(member, PLAIN) and not name.startswith("__"))
        }
        return [*item.__bases__, members]
    function = _unwrap(item)
    cells = []
    for cell in getattr(function, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # an empty cell
            cells.append(cell.cell_contents)
    names = ("__code__", "__defaults__", "__kwdefaults__")
    return [owner, cells, *(getattr(function, name, None) for name in names)]


def _unwrap(member):
    """Return the function within a method, a class method or a property."""
    return getattr(member, "__func__", getattr(member, "fget", member))
