"""Measures of anomaly maps."""

import numpy as np
import pytest
from scipy.ndimage import label

from sklearn_unsup.metrics import per_region_overlap, pixel_roc_auc


@pytest.fixture
def found():
    """Masks and maps of images with faults of several sizes; scores have ties."""
    rng = np.random.RandomState(0)
    masks = np.zeros((4, 12, 12), dtype=bool)
    masks[0, 2:4, 2:4] = masks[0, 8:, 5:9] = masks[1, 0, 0] = masks[2, 3:9, 10] = True
    return masks, np.round(rng.normal(size=masks.shape) + masks, 1)


def test_the_overlap_is_that_of_each_threshold(found):
    """The curve by its definition (Bergmann et al. 2020, section 4.2), a threshold at a time."""
    masks, maps = found
    regions = []
    for mask, scores in zip(masks, maps, strict=True):
        labelled, n = label(mask)
        regions += [scores[labelled == i] for i in range(1, n + 1)]
    rates, overlaps = [0.0], [0.0]
    for threshold in np.unique(maps)[::-1]:
        rates.append((maps[~masks] >= threshold).mean())
        overlaps.append(np.mean([(scores >= threshold).mean() for scores in regions]))
    fine = np.linspace(0, 0.3, 100_001)
    expected = np.interp(fine, rates, overlaps).mean()
    assert len(regions) == 4
    assert per_region_overlap(masks, maps) == pytest.approx(expected, abs=1e-4)
    whole = np.trapezoid(overlaps, rates)
    assert per_region_overlap(masks, maps, max_fpr=1) == pytest.approx(whole)


def test_small_faults_count_as_much_as_large_ones():
    masks = np.zeros((1, 20, 20), dtype=bool)
    masks[0, 0, 0] = masks[0, 5:15, 5:15] = True
    maps = masks.astype(float)
    maps[0, 0, 0] = 0
    assert per_region_overlap(masks, maps) == pytest.approx(0.5 + 0.5 * 0.15)
    assert pixel_roc_auc(masks, maps) > 0.99


def test_pixels_of_one_corner_are_one_fault():
    masks = np.eye(6, dtype=bool)[None]
    maps = np.zeros(masks.shape)
    maps[0, :3, :3] = np.eye(3)
    assert per_region_overlap(masks, maps, max_fpr=0.01) == pytest.approx(0.5, abs=0.01)


def test_random_maps_have_the_area_of_chance():
    rng = np.random.RandomState(0)
    masks, maps = rng.uniform(size=(10, 40, 40)) < 0.1, rng.uniform(size=(10, 40, 40))
    assert per_region_overlap(masks, maps) == pytest.approx(0.15, abs=0.03)
    assert pixel_roc_auc(masks, maps) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("metric", [pixel_roc_auc, per_region_overlap])
def test_what_cannot_be_measured_is_an_error(metric, found):
    masks, maps = found
    with pytest.raises(ValueError, match=r"\(4, 12, 12\) and maps \(4, 12, 12, 3\).*channels"):
        metric(masks, np.stack([maps] * 3, axis=-1))
    with pytest.raises(ValueError, match="no pixel of masks is in a fault"):
        metric(np.zeros_like(masks), maps)
    with pytest.raises(ValueError, match="NaN"):
        metric(masks, np.where(masks, np.nan, maps))
    if metric is per_region_overlap:
        with pytest.raises(ValueError, match="max_fpr"):
            metric(masks, maps, max_fpr=0)
        with pytest.raises(ValueError, match="max_fpr"):
            metric(masks, maps, max_fpr=np.nan)
