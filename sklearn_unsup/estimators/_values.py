"""Conversion of parameters to plain values, and checks of them."""

import io
import pickle
from numbers import Integral

import numpy as np


def plain(value):
    """Return a parameter as a plain Python value; grids often hold numpy values.

    Arrays of any library, lists and ranges become tuples. numpy scalars become Python numbers.
    """
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "__array__") and not callable(value):
        return plain(np.asarray(value).tolist())
    return tuple(map(plain, value)) if isinstance(value, list | tuple | range) else value


def check_widths(parameters):
    """Raise a ValueError if a parameter of widths is not a sequence of positive integers."""
    for name in ("hidden_channels", "hidden_layer_sizes", "projector_layer_sizes"):
        widths = parameters.get(name, (1,))
        if name == "hidden_channels" and isinstance(widths, str) and widths == "auto":
            continue
        is_sequence = isinstance(widths, list | tuple)  # scikit-learn accepts a set, and array(4)
        if not is_sequence or not all(
            isinstance(width, Integral) and width >= 1 for width in widths
        ):
            raise ValueError(
                f"{name}={widths!r}: expected a tuple of integers of at least 1, such as (32, 64)."
            )
        if name != "hidden_layer_sizes" and not widths:
            raise ValueError(f"{name}=(): expected at least one width, such as (32, 64).")


def check_batches_compare(batch_size):
    """Raise a ValueError if batches have one image, for trainings that compare their images."""
    if batch_size == 1:
        raise ValueError(
            "batch_size=1, but the training compares the images of a batch: expected at least 2, "
            "or 'auto'."
        )


class _Pickler(pickle.Pickler):
    def reducer_override(self, value):
        """Accept any named class or function of the user's script.

        In a worker process they come from cloudpickle, and the script is not importable.
        """
        name = getattr(value, "__qualname__", "<")
        if getattr(value, "__module__", None) == "__main__" and "<" not in name:
            return str, (name,)
        return NotImplemented


def check_can_be_pickled(name, factory):
    """Raise an error before training if a factory cannot be pickled."""
    try:
        _Pickler(io.BytesIO()).dump(factory)
    except Exception as error:
        raise ValueError(
            f"{name}={factory!r} cannot be pickled ({error}), so the fitted estimator could not be "
            "saved. Give a class or function that is defined with a name at the top of a module."
        ) from error
