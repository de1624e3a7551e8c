"""Outlier detection by an autoencoder.

Denouden et al. 2018, "Improving Reconstruction Autoencoder Out-of-distribution Detection with
Mahalanobis Distance".
"""

from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, OutlierMixin, clone
from sklearn.covariance import LedoitWolf
from sklearn.preprocessing import RobustScaler, StandardScaler
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup._sklearn import HasMethods, Interval, StrOptions, _fit_context
from sklearn_unsup.estimators._autoencoder import ConvAutoencoder
from sklearn_unsup.estimators._documentation import DocumentationLink
from sklearn_unsup.estimators._saving import Sealed
from sklearn_unsup.images import as_rows
from sklearn_unsup.lazy_rows import is_lazy
from sklearn_unsup.scaling import row_blocks
from sklearn_unsup.training import draw_seed

BLOCK_SIZE = 2**22  # numbers, 32 MB in float64


class ConvOutlierDetector(
    DocumentationLink, Sealed, MetaEstimatorMixin, OutlierMixin, BaseEstimator
):
    """Detect images that are unlike most others, by how an autoencoder encodes and decodes them.

    An autoencoder learns to reconstruct what is common. What it reconstructs badly, or encodes
    unlike other images, is an outlier; `error_map` shows where in the image the error is.

    Parameters
    ----------
    estimator : object, default=None
        What encodes and decodes: a transformer with `inverse_transform`, such as
        :class:`ConvAutoencoder`, :class:`ConvVAE`, :class:`~sklearn.decomposition.PCA`, or a
        Pipeline of such. None is ``ConvAutoencoder()``. It is cloned; wrap one that is fitted in
        :class:`~sklearn.frozen.FrozenEstimator`.

    contamination : float, default=0.1
        Share of outliers in X, in the range (0, 0.5]: as many of the rows that `fit` sees are
        labelled -1.

    method : {"combined", "reconstruction_error"}, default="combined"
        What `score_samples` gives. "reconstruction_error" is the negative mean squared error. It is
        best for faults that are small parts of an image. "combined" also finds images that are
        reconstructed well but have an unusual code, and suffers less from outliers in X. It takes
        the larger of two deviations: of the code's Mahalanobis distance [1]_, and of the root mean
        squared error, each from its median, in units of its interquartile range over X.

    random_state : int, RandomState instance or None, default=None
        Seeds `estimator` where that leaves its own `random_state` at None.

    Attributes
    ----------
    estimator_ : object
        The fitted estimator.

    offset_ : float
        The score that separates outliers: `decision_function` is `score_samples` less this.

    n_features_in_ : int
        Number of features seen during :term:`fit`. Defined if `estimator_` defines it.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined if `estimator_` defines them.

    See Also
    --------
    sklearn.ensemble.IsolationForest : Isolates rows by cuts through single features.
    sklearn.neighbors.LocalOutlierFactor : Compares densities of neighbours.

    References
    ----------
    .. [1] Denouden, Salay, Czarnecki, Abdelzad, Phan & Vernekar (2018). "Improving Reconstruction
       Autoencoder Out-of-distribution Detection with Mahalanobis Distance". arXiv:1812.02765.
       (There a weighted sum is taken, with weights chosen by hand.)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvOutlierDetector
    >>> X = load_digits().data[:500]
    >>> X[:10] = np.random.default_rng(0).uniform(0, 16, size=(10, 64))
    >>> detector = ConvOutlierDetector(contamination=0.02, random_state=0)
    >>> detector.fit_predict(X)[:10]
    array([-1, -1, -1, -1, -1, -1, -1, -1, -1, -1])
    >>> detector.error_map(X[:1]).shape
    (1, 64)
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [HasMethods(["fit", "transform", "inverse_transform"]), None],
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "method": [StrOptions({"combined", "reconstruction_error"})],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator=None, *, contamination=0.1, method="combined", random_state=None):
        self.estimator = estimator
        self.contamination = contamination
        self.method = method
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Train the estimator on X, and find the score that separates outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            What `estimator` takes.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        estimator = ConvAutoencoder() if self.estimator is None else clone(self.estimator)
        seeds = {
            name: draw_seed(self.random_state)
            for name, value in estimator.get_params().items()
            if name.split("__")[-1] == "random_state" and value is None
        }
        estimator.set_params(**seeds)
        codes, errors = _codes_and_errors(estimator.fit(X, None), X)  # FrozenEstimator wants a y
        usual = _fit_usual(codes, errors) if self.method == "combined" else None
        scores = _scores(codes, errors, usual)
        self.estimator_, self._usual = estimator, usual
        self.offset_ = float(np.percentile(scores, 100 * self.contamination))
        for name in ("n_features_in_", "feature_names_in_"):
            vars(self).pop(name, None)
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))
        return self

    def score_samples(self, X):
        """Return how usual each sample is.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Smaller for outliers. Mean squared errors are in the squared units of X; combined
            deviations have no unit, and are about 0 for usual samples.
        """
        check_is_fitted(self)
        return _scores(*_codes_and_errors(self.estimator_, X), self._usual)

    def decision_function(self, X):
        """Return the scores less `offset_`.

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
        """Tell outliers from inliers.

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

    def error_map(self, X):
        """Return the squared error of each pixel: where an image is not what was expected.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.

        Returns
        -------
        errors : ndarray of the shape of X, float64
            In the squared units of X.
        """
        check_is_fitted(self)
        codes, rows, sample_shape = _encode(self.estimator_, X)
        return _squared_errors(self.estimator_, codes, rows).reshape(-1, *sample_shape)


def _encode(estimator, X):
    """Return codes (n, k), X as rows (n, n_features), and the shape of a sample of X."""
    codes = np.asarray(estimator.transform(X))
    rows, sample_shape = as_rows(X[:] if is_lazy(X) else X)
    return codes, check_array(rows), sample_shape


def _squared_errors(estimator, codes, rows):
    """Return the squared error of each pixel (n, n_features), float64."""
    reconstructed = np.asarray(estimator.inverse_transform(codes)).reshape(rows.shape)
    return np.square(rows.astype(np.float64) - reconstructed)


def _codes_and_errors(estimator, X):
    """Return codes (n, k) and root mean squared errors (n,), float64."""
    codes, rows, _ = _encode(estimator, X)
    errors = [
        np.sqrt(_squared_errors(estimator, codes[block], rows[block]).mean(axis=1))
        for block in row_blocks(rows, BLOCK_SIZE)
    ]
    return codes.astype(np.float64), np.concatenate(errors)


def _fit_usual(codes, errors):
    """Return what `_measures` needs, and a scaler of its measures."""
    scaler = StandardScaler().fit(codes)
    # Shrunk: of few samples a covariance is singular.
    covariance = LedoitWolf().fit(scaler.transform(codes))
    return scaler, covariance, RobustScaler().fit(_measures(codes, errors, scaler, covariance))


def _measures(codes, errors, scaler, covariance):
    """Return the codes' Mahalanobis distances, and the errors (n, 2)."""
    return np.column_stack([np.sqrt(covariance.mahalanobis(scaler.transform(codes))), errors])


def _scores(codes, errors, usual):
    """Return scores (n,); `usual` is None for those of the error alone."""
    if usual is None:
        return -np.square(errors)
    *distance, spread = usual
    return -spread.transform(_measures(codes, errors, *distance)).max(axis=1)
