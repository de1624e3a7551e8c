"""Specifications of saved states: names with types, shapes and ranges of values."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from sklearn_unsup._persistence._state import CorruptedModelError

LARGEST = 2**53  # default upper limit of a whole number in a file
MERSENNE_TWISTER = 5056  # bytes of its state in torch, with the layout below
LEFT, SEEDED, NEXT, N_WORDS = slice(8, 12), slice(12, 16), slice(16, 24), 624


@dataclass(frozen=True)
class Spec:
    """Specification of one value.

    Parameters
    ----------
    holds : callable
        Tells whether a value is valid.
    text : str
        Description of valid values, for messages.
    required : bool, default=True
        Whether the value must be present.
    """

    holds: Callable
    text: str
    required: bool = True

    def __or__(self, other):
        """Return a Spec that allows what either allows; `required` is that of the first."""
        return Spec(
            lambda value: self.holds(value) or other.holds(value),
            f"{self.text} or {other.text}",
            self.required,
        )


def check(specs, state):
    """Raise an error if a state does not meet its specifications.

    Parameters
    ----------
    specs : dict of Spec
    state : dict

    Raises
    ------
    CorruptedModelError
        Names the first value that is invalid, unknown or missing.
    """
    for name in sorted(specs.keys() | set(state), key=str):
        if name not in specs:
            raise CorruptedModelError(f"it holds {name!s:.80}, which is nothing that is learnt")
        if name not in state:
            if specs[name].required:
                raise CorruptedModelError(f"it lacks {name}")
        elif not specs[name].holds(state[name]):
            raise CorruptedModelError(f"{name} is {state[name]!r:.80}, expected {specs[name].text}")


def is_number(value):
    """Tell whether a value is a real number, finite or not, that fits a float; no bool."""
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        return False
    return isinstance(value, float | np.floating) or abs(value) <= 2**64


def is_finite(value):
    """Tell whether a value is a finite real number."""
    return is_number(value) and math.isfinite(value)


def is_whole(value):
    """Tell whether a value is of an integer type; no bool."""
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_)


def integer(low, high=LARGEST, **options):
    """Return the Spec of a whole number in a range, both ends included."""

    def holds(value):
        return is_whole(value) and low <= value <= high

    return Spec(holds, f"a whole number from {low} to {high}", **options)


def number(low=-math.inf, high=math.inf, **options):
    """Return the Spec of a finite number in a range, both ends included."""

    def holds(value):
        return is_finite(value) and low <= value <= high

    return Spec(holds, f"a finite number from {low} to {high}", **options)


def array(dtype, shape, low=-math.inf, **options):
    """Return the Spec of an array; a side of None has any length."""

    def holds(value):
        if not isinstance(value, np.ndarray) or value.dtype != np.dtype(dtype):
            return False
        if len(value.shape) != len(shape):
            return False
        if any(side not in (None, found) for side, found in zip(shape, value.shape, strict=True)):
            return False
        return value.dtype == object or bool(np.isfinite(value).all() and (value >= low).all())

    return Spec(holds, f"an array of {np.dtype(dtype)} and shape {shape}", **options)


def generator_state(own, **options):
    """Return the Spec of the state of a torch.Generator of the same kind, as an array.

    torch checks each counter, but not that counters agree: if they do not, it reads past the end of
    the random words.

    Parameters
    ----------
    own : ndarray of uint8
        A state of such a generator.
    """
    has_own_shape = array(np.uint8, own.shape).holds

    def holds(value):
        if not has_own_shape(value):
            return False
        if value.size != MERSENNE_TWISTER:
            return True
        left, seeded = (int(value[part].view(np.int32)[0]) for part in (LEFT, SEEDED))
        following = int(value[NEXT].view(np.uint64)[0])
        is_in_block = 1 <= left <= N_WORDS and left + following == N_WORDS + 1
        return seeded == 1 and (is_in_block or (left, following) == (1, 0))

    return Spec(holds, "the state of a generator of random numbers", **options)
