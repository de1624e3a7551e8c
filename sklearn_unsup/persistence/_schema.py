"""What a file may hold: names with types, shapes and ranges, checked before anything is kept."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from sklearn_unsup.persistence._state import CorruptedModelError


@dataclass(frozen=True)
class Spec:
    """What one value may be.

    Parameters
    ----------
    holds : callable
        Tells of a value whether it may be.
    text : str
        What it may be, for messages.
    required : bool, default=True
        Whether there has to be one.
    """

    holds: Callable
    text: str
    required: bool = True

    def __or__(self, other):
        """Return what allows what either does; `required` is that of the first."""
        return Spec(
            lambda value: self.holds(value) or other.holds(value),
            f"{self.text} or {other.text}",
            self.required,
        )


def check(specs, state):
    """Raise an error if a state is not as it is specified.

    Parameters
    ----------
    specs : dict of Spec
    state : dict

    Raises
    ------
    CorruptedModelError
        Names the first value that may not be, or is missing.
    """
    for name in sorted(specs.keys() | set(state), key=str):
        if name not in specs:
            raise CorruptedModelError(f"it holds {name!s:.80}, which is nothing that is learnt")
        if name not in state:
            if specs[name].required:
                raise CorruptedModelError(f"it lacks {name}")
        elif not specs[name].holds(state[name]):
            raise CorruptedModelError(f"{name} is {state[name]!r:.80}, expected {specs[name].text}")


def integer(low, high=math.inf, **options):
    """Return the Spec of a whole number in a range, both ends included."""

    def holds(value):
        is_whole = isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
        return is_whole and low <= value <= high

    return Spec(holds, f"a whole number from {low} to {high}", **options)


def number(low=-math.inf, high=math.inf, **options):
    """Return the Spec of a finite number in a range, both ends included."""

    def holds(value):
        return isinstance(value, Real) and math.isfinite(value) and low <= value <= high

    return Spec(holds, f"a finite number from {low} to {high}", **options)


def array(dtype, shape, low=-math.inf, **options):
    """Return the Spec of an array; a side of None may have any length."""

    def holds(value):
        if not isinstance(value, np.ndarray) or value.dtype != np.dtype(dtype):
            return False
        if len(value.shape) != len(shape):
            return False
        if any(side not in (None, found) for side, found in zip(shape, value.shape, strict=True)):
            return False
        return value.dtype == object or bool(np.isfinite(value).all() and (value >= low).all())

    return Spec(holds, f"an array of {np.dtype(dtype)} and shape {shape}", **options)


def sequence(kind, holds, text, **options):
    """Return the Spec of a list or tuple whose items may be what `holds` says."""
    return Spec(lambda value: isinstance(value, kind) and all(map(holds, value)), text, **options)
