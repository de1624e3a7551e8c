"""Make `partial_fit` available only without early stopping, or not at all."""

import functools


class hidden_with_early_stopping:
    """Descriptor that hides `partial_fit` if the estimator has ``early_stopping=True``."""

    def __init__(self, method):
        self.method = method
        functools.update_wrapper(self, method)

    def __get__(self, estimator, cls):
        """Return the method, or raise an error that is an AttributeError and a ValueError."""
        if estimator is None:
            return self.method
        if estimator.early_stopping:
            raise EarlyStoppingError(
                "partial_fit does not support early_stopping=True: it would hold rows out of each "
                "chunk. Set early_stopping=False, or call fit."
            )
        return self.method.__get__(estimator, cls)


class EarlyStoppingError(AttributeError, ValueError):
    """`partial_fit` is not available with `early_stopping`; `hasattr` returns False."""


class AllRowsNeeded:
    """Descriptor in place of `partial_fit`, for a model that must see all rows at once."""

    def __get__(self, estimator, cls):
        """Raise an AttributeError."""
        raise AttributeError(
            f"{cls.__name__} has no partial_fit: it compares all rows with each other. Call fit; X "
            "may be on a disk."
        )
