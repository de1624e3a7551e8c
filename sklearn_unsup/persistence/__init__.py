"""What was learnt <-> plain values and numpy arrays: digest, versions, files without code."""

from sklearn_unsup.persistence._arrays import to_plain, to_tensors
from sklearn_unsup.persistence._files import SavedFile, are_alike, remove_leftovers, save_file
from sklearn_unsup.persistence._identity import fingerprint
from sklearn_unsup.persistence._networks import (
    check_fit,
    load_weights,
    network_identity,
    network_state,
    to_state_dict,
)
from sklearn_unsup.persistence._schema import Spec, array, check, integer, number, sequence
from sklearn_unsup.persistence._state import CorruptedModelError, digest, seal, unseal

__all__ = [
    "CorruptedModelError",
    "SavedFile",
    "Spec",
    "are_alike",
    "array",
    "check",
    "check_fit",
    "digest",
    "fingerprint",
    "integer",
    "load_weights",
    "network_identity",
    "network_state",
    "number",
    "remove_leftovers",
    "save_file",
    "seal",
    "sequence",
    "to_plain",
    "to_state_dict",
    "to_tensors",
    "unseal",
]
