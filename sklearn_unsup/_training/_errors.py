"""Errors of training that tell the user what to change."""

import contextlib

import torch

from sklearn_unsup._devices import is_out_of_memory


class TrainingDivergedError(FloatingPointError, ValueError):
    """The training loss is no longer finite.

    The estimator is left unchanged. Lower `learning_rate`, or look for extreme values in X. The
    error is also a ValueError, so a diverged candidate of a `GridSearchCV` gets `error_score` like
    any other failed fit.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_unsup import ConvAutoencoder, TrainingDivergedError
    >>> X = np.random.default_rng(0).normal(size=(50, 64))
    >>> try:
    ...     ConvAutoencoder(2, optimizer="sgd", learning_rate=1e9, random_state=0).fit(X)
    ... except TrainingDivergedError as error:
    ...     print("Lower learning_rate.")
    Lower learning_rate.
    """


@contextlib.contextmanager
def translate_batch_errors(batches):
    """Translate torch's errors in the block into errors that mention the batch size."""
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ValueError(
            f"A BatchNorm layer cannot learn from a batch of one image. Raise batch_size (now "
            f"{batches.batch_size}), or give more rows than {len(batches.indices)}."
        ) from error
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise torch.OutOfMemoryError(
            f"{error} This was with batches of {batches.batch_size} images."
        ) from error
