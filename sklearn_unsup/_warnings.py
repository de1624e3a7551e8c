"""Warnings that name the user's line."""

import sys
import warnings

BETWEEN = {"sklearn_unsup", "sklearn", "skorch", "contextlib", "joblib"}


def warn(message, category=UserWarning):
    """Warn of the line that called us, past all of ours and scikit-learn's on the way."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _top(frame) in BETWEEN:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _top(frame):
    return frame.f_globals.get("__name__", "").split(".")[0]
