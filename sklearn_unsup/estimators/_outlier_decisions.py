"""Scores of outliers, labels by a threshold of them, and conformal p-values.

Bates, Candès, Lei, Romano & Sesia 2023, "Testing for Outliers with Conformal p-values".
"""

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup._devices import isolated_settings
from sklearn_unsup.estimators._outlier_methods import outlier_scores

FENCE = 1.5  # interquartile ranges below the lower quartile


def is_calibrated(detector):
    """Return True if a detector has scores of other images than it learnt from, or raise."""
    if getattr(detector, "calibration_scores_", None) is not None:
        return True
    raise AttributeError(
        "outlier_p_values needs images without outliers that fit does not learn from. Hold some "
        "out, and call fit(X, X_val=held_out)."
    )


def threshold(scores, contamination):
    """Return the threshold of outliers that a `contamination` asks for."""
    if contamination == "auto":
        low, high = np.percentile(scores, [25, 75])
        return float(low - FENCE * (high - low))
    return float(np.percentile(scores, 100 * contamination))


class DecisionMixin:
    """Scores and labels, for a detector with `_check_input` and fitted attributes."""

    @isolated_settings()
    def score_samples(self, X):
        """Return the score of each sample; outliers have lower scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Lower for outliers. Deviations, about 0 for common samples, and distances of codes have
            no unit; negative mean squared errors are in the squared units of X. Other errors have
            no unit, and scores of pooled ones may be positive.
        """
        check_is_fitted(self)
        self._check_input(X, self.estimator_)
        return outlier_scores(self.estimator_, X, self._reference, self._layout)

    def decision_function(self, X):
        """Return the scores minus `offset_`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Negative for outliers.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Label outliers and inliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int
            -1 for outliers, 1 for inliers.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

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
