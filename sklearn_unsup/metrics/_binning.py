"""Bins with equally many samples, for estimates of mutual information."""

import numpy as np


def bin_values(values, n_bins):
    """Return the index of the bin of each value.

    If there are at most `n_bins` distinct values, each has its own bin. Otherwise a frequent value,
    with at least 1 / `n_bins` of the samples, has its own bin; runs of other values are cut into
    bins with about equally many samples.
    """
    distinct, ranks, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(distinct) <= n_bins:
        return ranks
    is_frequent = counts * n_bins >= len(values)
    starts = is_frequent | np.append(False, is_frequent[:-1])
    segments = np.cumsum(starts)  # a frequent value, or a run of others
    bins, n_used = np.empty(len(distinct), dtype=np.intp), 0
    for segment in np.unique(segments):
        inside = segments == segment
        n_inside = counts[inside].sum()
        n_parts = 1 if is_frequent[inside].any() else max(1, round(n_bins * n_inside / len(values)))
        # Ranks cannot overflow, values could. Tied values get their middle rank, so that a column
        # and its negative have the same bins.
        middles = np.cumsum(counts[inside]) - counts[inside] / 2
        bins[inside] = n_used + np.floor(n_parts * middles / n_inside)
        n_used += n_parts
    return bins[ranks]
