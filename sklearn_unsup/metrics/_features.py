"""The feature space in which real and generated images are compared."""

import numpy as np
from sklearn.utils import check_array


def check_features(X_real, X_generated, feature_extractor, min_rows):
    """Return both sets as features in float64, each with at least `min_rows` rows."""
    sets = []
    for name, X in (("X_real", X_real), ("X_generated", X_generated)):
        if feature_extractor is not None:
            X = getattr(feature_extractor, "transform", feature_extractor)(X)
        sets.append(check_array(X, dtype=np.float64, input_name=name, ensure_min_samples=min_rows))
    if sets[0].shape[1] != sets[1].shape[1]:
        raise ValueError(
            f"X_real has {sets[0].shape[1]} features and X_generated has {sets[1].shape[1]}: "
            "expected as many."
        )
    return sets
