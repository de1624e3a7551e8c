"""How well maps of anomaly scores find the faults that masks mark."""

from numbers import Real

import numpy as np
from scipy.ndimage import label
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_array, check_scalar

TOUCHES = np.ones((3, 3), dtype=int)  # pixels with a common corner are neighbours


def pixel_roc_auc(masks, maps):
    """Area under the ROC curve of the pixels of all images.

    Each pixel is a sample: a pixel of a fault should have a larger score than any pixel without
    one. Large faults count most; :func:`per_region_overlap` weighs all faults alike.

    Parameters
    ----------
    masks : array-like of shape (n_samples, H, W)
        True, or not 0, in faults.
    maps : array-like of shape (n_samples, H, W)
        Scores of pixels, larger in faults, such as those of
        :meth:`.ConvOutlierDetector.anomaly_map`.

    Returns
    -------
    area : float
        Between 0 and 1. 0.5 is chance.

    See Also
    --------
    per_region_overlap : A measure in which small faults count as much as large ones.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_unsup.metrics import pixel_roc_auc
    >>> masks = np.zeros((1, 4, 4), dtype=bool)
    >>> masks[0, :2, :2] = True
    >>> maps = np.where(masks, 0.9, 0.1)
    >>> pixel_roc_auc(masks, maps)
    1.0
    """
    masks, maps = _check_maps(masks, maps)
    return float(roc_auc_score(masks.ravel(), maps.ravel()))


def per_region_overlap(masks, maps, *, max_fpr=0.3):
    """Area under the per-region overlap curve.

    A region is a connected part of a mask. For each threshold, the share of a region whose pixels
    have larger scores is averaged over regions, so that small faults count as much as large ones.
    The curve gives this overlap against the false positive rate of pixels; its area up to
    `max_fpr`, divided by `max_fpr`, is returned [1]_.

    Parameters
    ----------
    masks : array-like of shape (n_samples, H, W)
        True, or not 0, in faults.
    maps : array-like of shape (n_samples, H, W)
        Scores of pixels, larger in faults, such as those of
        :meth:`.ConvOutlierDetector.anomaly_map`.
    max_fpr : float, default=0.3
        Largest false positive rate, in (0, 1]. At larger ones, maps are of no use.

    Returns
    -------
    area : float
        Between 0 and 1. Random scores have `max_fpr` / 2.

    References
    ----------
    .. [1] Bergmann, Fauser, Sattlegger & Steger (2020). "Uninformed Students: Student-Teacher
       Anomaly Detection with Discriminative Latent Embeddings". CVPR. Section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_unsup.metrics import per_region_overlap
    >>> masks = np.zeros((1, 6, 6), dtype=bool)
    >>> masks[0, 0, 0] = masks[0, 3:, 3:] = True  # a small and a large fault
    >>> maps = np.where(masks, 0.9, 0.1)
    >>> round(per_region_overlap(masks, maps), 3)
    1.0
    >>> maps[0, 0, 0] = 0.0  # the small one is missed
    >>> round(per_region_overlap(masks, maps), 3)
    0.5
    """
    masks, maps = _check_maps(masks, maps)
    check_scalar(max_fpr, "max_fpr", Real, min_val=0, max_val=1, include_boundaries="right")
    if np.isnan(max_fpr):
        raise ValueError("max_fpr == nan, must be > 0.")
    weights = np.zeros(masks.shape)  # those of each region have the sum 1
    for mask, weight in zip(masks, weights, strict=True):
        regions = label(mask, TOUCHES)[0]
        weight[mask] = 1 / np.bincount(regions.ravel())[regions[mask]]
    order = np.argsort(-maps, axis=None, kind="stable")
    scores, is_fault = maps.ravel()[order], masks.ravel()[order]
    ends = np.r_[np.flatnonzero(np.diff(scores)), len(scores) - 1]  # of equal scores
    overlap, rate = (
        np.r_[0, np.cumsum(values)[ends]] / np.cumsum(values)[-1]
        for values in (weights.ravel()[order], ~is_fault)
    )
    n = np.searchsorted(rate, max_fpr)  # points of a smaller rate
    share = (max_fpr - rate[n - 1]) / (rate[n] - rate[n - 1])
    last = overlap[n - 1] + share * (overlap[n] - overlap[n - 1])
    return float(np.trapezoid(np.r_[overlap[:n], last], np.r_[rate[:n], max_fpr]) / max_fpr)


def _check_maps(masks, maps):
    """Return masks (n, H, W) of bool, and finite maps (n, H, W) of float."""
    masks = check_array(masks, allow_nd=True, ensure_2d=False, dtype="numeric", input_name="masks")
    maps = check_array(maps, allow_nd=True, ensure_2d=False, dtype=np.float64, input_name="maps")
    if masks.ndim != 3 or masks.shape != maps.shape:
        raise ValueError(
            f"masks has the shape {masks.shape} and maps {maps.shape}: expected (n_samples, H, W) "
            "for both. Average maps of several channels over the channels."
        )
    masks = masks != 0
    if masks.all() or not masks.any():
        found = "all pixels of masks are" if masks.any() else "no pixel of masks is"
        raise ValueError(f"{found} in a fault: expected some, and some outside.")
    return masks, maps
