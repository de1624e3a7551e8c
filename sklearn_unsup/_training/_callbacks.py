"""Check and copy the callbacks that the user passes."""

import inspect

from skorch.callbacks import Callback, EpochScoring, InputShapeSetter


def copy_callbacks(callbacks):
    """Return a copy of each skorch callback, so that training does not change the user's.

    Raises
    ------
    TypeError
        If one is not a skorch callback, or needs predictions.
    """
    copies = []
    for callback in callbacks:
        is_named = isinstance(callback, tuple) and len(callback) == 2
        named = callback[1] if is_named else callback
        is_class = inspect.isclass(named) and issubclass(named, Callback)
        if not (isinstance(named, Callback) or is_class):
            raise TypeError(
                f"callbacks= holds {callback!r}, expected callbacks of skorch, such as "
                "skorch.callbacks.TensorBoard(...). For callbacks of scikit-learn use "
                "set_callbacks."
            )
        if issubclass(named if is_class else type(named), EpochScoring | InputShapeSetter):
            raise TypeError(
                f"callbacks= holds {callback!r}, which needs predictions or an input shape, and "
                "training without labels has none. Write a skorch.callbacks.Callback with "
                "on_epoch_end(self, net, **kwargs), or use early_stopping=True."
            )
        named = named if is_class else _copy(named)
        copies.append((callback[0], named) if is_named else named)
    return copies


def _copy(callback):
    """Return a shallow copy of a callback; `copy.copy` would drop what is not pickled."""
    result = object.__new__(type(callback))
    vars(result).update(vars(callback))
    return result


def check_monitored(callbacks, validates):
    """Raise a ValueError if a callback monitors a validation score and no rows are held out."""
    for _, callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if not validates and isinstance(monitor, str) and monitor.startswith("valid_"):
            raise ValueError(
                f"{type(callback).__name__} in callbacks= watches {monitor!r}, and no rows are "
                "held out. Set early_stopping=True (which stops by itself: n_iter_no_change), or "
                "let it watch 'train_loss'."
            )
