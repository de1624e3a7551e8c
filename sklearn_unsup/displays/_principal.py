"""Embeddings in the plane: two columns, or the first two principal directions of more."""

import numpy as np


def check_embedding(embedding, labels=None, **rows):
    """Return an embedding in the plane, names of its axes, and labels as an array.

    More than two columns are projected onto their first two principal directions. The names of two
    columns are empty.

    Raises
    ------
    ValueError
        If the embedding has one column or values that are not finite, or if lengths differ.
    """
    embedding = np.asarray(embedding)
    if embedding.ndim != 2 or embedding.shape[1] < 2:
        raise ValueError(
            f"embedding has shape {embedding.shape}, expected (n_samples, n_components) with at "
            "least 2 components. For codes of one component, plot a histogram."
        )
    labels = None if labels is None else np.asarray(labels)
    for name, values in {"labels": labels, **rows}.items():
        n = None if values is None else count_rows(values)
        if n not in (None, len(embedding)):
            raise ValueError(f"embedding has {len(embedding)} rows, and {name} {n}.")
    names = ("", "")
    if embedding.shape[1] > 2:
        embedding, names = _project(embedding.astype(np.float64))
    return embedding, names, labels


def count_rows(values):
    """Return the number of rows; lists, tables and most arrays have a length."""
    return values.shape[0] if hasattr(values, "shape") else len(values)


def _project(codes):
    """Return codes (n, k) in their first two principal directions, and names of the axes."""
    if not np.isfinite(codes).all():
        raise ValueError("embedding holds NaN or infinity: expected finite numbers.")
    centred = codes - codes.mean(axis=0)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    directions = np.vstack([directions, np.zeros_like(directions)])[:2]  # one row has one direction
    largest = np.abs(directions).argmax(axis=1)
    signs = np.where(directions[[0, 1], largest] < 0, -1, 1)  # as SVD leaves the sign open
    shares = np.append(lengths, 0)[:2] ** 2 / max(np.square(lengths).sum(), np.finfo(float).tiny)
    names = (
        f"principal component {i} of the codes ({share:.0%} of the variance)"
        for i, share in enumerate(shares, 1)
    )
    return centred @ (directions * signs[:, np.newaxis]).T, tuple(names)
