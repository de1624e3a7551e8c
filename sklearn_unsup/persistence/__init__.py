"""What was learnt <-> plain values and numpy arrays: digest, versions, files without code."""

from sklearn_unsup.persistence._arrays import check_fit, load_weights, to_plain, to_tensors
from sklearn_unsup.persistence._files import SavedFile, are_alike, save_file
from sklearn_unsup.persistence._state import CorruptedModelError, digest, seal, unseal

__all__ = [
    "CorruptedModelError",
    "SavedFile",
    "are_alike",
    "check_fit",
    "digest",
    "load_weights",
    "save_file",
    "seal",
    "to_plain",
    "to_tensors",
    "unseal",
]
