"""What tells two objects apart: all that pickle would take from them, and the code of a user's."""

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

    Of a function or a class of the user's it holds the code, of an object its state as pickle takes
    it: two factories of one class with other settings differ.

    Raises
    ------
    TypeError
        If part of the object cannot be taken apart, such as an open file.
    """
    places = {}  # of objects on the way, by id: two may refer to each other

    def feed_object(item, write, feed):
        if id(item) in places:
            write("again", str(places[id(item)][0]).encode())
            return
        places[id(item)] = len(places), item  # kept, so that no other gets its id
        if isinstance(item, torch.Tensor):
            feed(to_plain(item))
        elif isinstance(item, types.CodeType):
            feed([item.co_code, item.co_names, item.co_consts])
        elif isinstance(item, set | frozenset):
            feed(sorted(fingerprint(element) for element in item))
        elif isinstance(item, NAMED):
            write("name", f"{item.__module__}.{item.__qualname__}".encode())
            feed(_substance(item))
        else:
            reduced = item.__reduce_ex__(4)
            if isinstance(reduced, str):  # the name of a global one
                feed([type(item), reduced])
            else:
                function, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
                feed([type(item), function, arguments, state, *(items or ()), *(pairs or ())])

    return digest(value, feed_object=feed_object)


def _substance(item):
    """Return what a function or class is beside its name: of one of the user's, its code."""
    owner = getattr(item, "__self__", None)
    owner = None if isinstance(owner, types.ModuleType) else owner
    if (item.__module__ or "builtins").split(".")[0] in LIBRARIES:
        return owner
    if isinstance(item, type):
        members = {name: _function(member) for name, member in vars(item).items()}
        return [
            *item.__bases__,
            {
                name: member
                for name, member in members.items()
                if isinstance(member, types.FunctionType)
                or (isinstance(member, PLAIN) and not name.startswith("__"))
            },
        ]
    function = _function(item)
    cells = []
    for cell in getattr(function, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # it is empty
            cells.append(cell.cell_contents)
    names = ("__code__", "__defaults__", "__kwdefaults__")
    return [owner, cells, *(getattr(function, name, None) for name in names)]


def _function(member):
    """Return the function within a method, a class method or a property."""
    return getattr(member, "__func__", getattr(member, "fget", member))
