"""Rows and images: the shape rule, the units of X, rows on disk, noise by row."""

from sklearn_unsup._data._containers import check_readable
from sklearn_unsup._data._images import (
    as_rows,
    channels_first,
    find_layout,
    resolve_layout,
    to_images,
    to_rows,
)
from sklearn_unsup._data._input_warnings import warn_of_misreading, warn_of_other_range
from sklearn_unsup._data._lazy_rows import LazyRows, ShiftedRows, is_lazy, numeric, share_memory
from sklearn_unsup._data._row_noise import binarize_by_row, normal_by_row
from sklearn_unsup._data._scaling import (
    check_in_range,
    check_rows,
    check_unit_interval,
    column_moments,
    find_shift,
    row_blocks,
    rows_at,
    sample_rows,
    standardisation,
    unit_range,
)
