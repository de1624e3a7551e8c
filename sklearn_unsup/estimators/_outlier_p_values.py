"""Conformal p-values of outliers.

Bates, Candès, Lei, Romano & Sesia 2023, "Testing for Outliers with Conformal p-values".
"""

import numpy as np
from sklearn.utils.metaestimators import available_if


def is_calibrated(detector):
    """Return True if a detector has scores of other images than it learnt from, or raise."""
    if getattr(detector, "calibration_scores_", None) is not None:
        return True
    raise AttributeError(
        "outlier_p_values needs images without outliers that fit does not learn from. Hold some "
        "out, and call fit(X, X_val=held_out)."
    )


class PValuesMixin:
    """`outlier_p_values`, for a detector with `score_samples` and `calibration_scores_`."""

    @available_if(is_calibrated)
    def outlier_p_values(self, X):
        """Return a p-value for each sample: the share of common samples that are as unusual.

        For samples like those of `X_val`, the share of p-values below a level is at most that level
        on average [1]_. :func:`scipy.stats.false_discovery_control` adjusts the values if many
        samples are tested. Only available after ``fit(X, X_val=...)``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.

        Returns
        -------
        p_values : ndarray of shape (n_samples,), float64
            Marginal conformal p-values, from 1 / (n_val + 1) to 1; low for outliers.

        References
        ----------
        .. [1] Bates, Candès, Lei, Romano & Sesia (2023). "Testing for Outliers with Conformal
           p-values". Annals of Statistics 51. Eq. 2.

        Examples
        --------
        >>> from sklearn_unsup import ConvOutlierDetector
        >>> from sklearn_unsup.datasets import load_digit_images
        >>> images = load_digit_images().images
        >>> detector = ConvOutlierDetector(method="patches")
        >>> detector = detector.fit(images[:500], X_val=images[500:700])
        >>> detector.outlier_p_values(images[700:702] + 8).round(3)
        array([0.005, 0.005])
        """
        calibration = self.calibration_scores_
        n_as_low = np.searchsorted(calibration, self.score_samples(X), side="right")
        return (1 + n_as_low) / (1 + len(calibration))
