"""A method that is there or not by a parameter."""

import functools


class hidden_with_early_stopping:
    """Hide `partial_fit` from those who ask where it would hold rows out of each chunk."""

    def __init__(self, method):
        self.method = method
        functools.update_wrapper(self, method)

    def __get__(self, estimator, cls):
        """Return the method, or raise what is both an AttributeError and a ValueError."""
        if estimator is None:
            return self.method
        if estimator.early_stopping:
            raise EarlyStoppingError(
                "partial_fit does not support early_stopping=True: it would hold rows out of each "
                "chunk. Set early_stopping=False, or call fit."
            )
        return self.method.__get__(estimator, cls)


class EarlyStoppingError(AttributeError, ValueError):
    """There is no `partial_fit` with `early_stopping`; hasattr says so, as scikit-learn asks."""
