"""Modules under their former names, which pickles hold."""

import sys

from sklearn_unsup._persistence import _state
from sklearn_unsup._training import _checkpoint, _errors

sys.modules |= {
    "sklearn_unsup.persistence._state": _state,
    "sklearn_unsup.training._checkpoint": _checkpoint,
    "sklearn_unsup.training._errors": _errors,
}
