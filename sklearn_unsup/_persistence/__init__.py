"""Fitted state <-> plain values and numpy arrays: digests, versions, files without code."""

from sklearn_unsup._persistence._arrays import ArrayType, to_plain, to_tensors
from sklearn_unsup._persistence._files import (
    CONTENT_ERRORS,
    SavedFile,
    are_alike,
    remove_leftovers,
    save_file,
)
from sklearn_unsup._persistence._identity import fingerprint
from sklearn_unsup._persistence._networks import (
    check_fit,
    load_weights,
    network_identity,
    network_state,
    to_state_dict,
)
from sklearn_unsup._persistence._schema import (
    Spec,
    array,
    check,
    generator_state,
    integer,
    is_finite,
    is_number,
    is_whole,
    number,
)
from sklearn_unsup._persistence._state import CorruptedModelError, digest, seal, unseal
