"""Outlier detection with an autoencoder, or with other codes of images.

Denouden et al. 2018, "Improving Reconstruction Autoencoder Out-of-distribution Detection with
Mahalanobis Distance".
"""

from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, OutlierMixin, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup._data import row_blocks
from sklearn_unsup._devices import draw_seed, isolated_settings
from sklearn_unsup._sklearn import HasMethods, Interval, StrOptions, _fit_context
from sklearn_unsup._training import InterruptHandler
from sklearn_unsup.estimators._autoencoder import ConvAutoencoder
from sklearn_unsup.estimators._detector_saving import DetectorSavingMixin
from sklearn_unsup.estimators._deviations import BLOCK_SIZE, encode, squared_errors
from sklearn_unsup.estimators._documentation import DocumentationLinkMixin
from sklearn_unsup.estimators._outlier_methods import (
    METHODS,
    fit_reference,
    measure,
    method_of,
    outlier_scores,
    reconstructs,
    resolve_method,
)
from sklearn_unsup.estimators._transaction import fit_or_be_interrupted


class ConvOutlierDetector(
    DocumentationLinkMixin, DetectorSavingMixin, MetaEstimatorMixin, OutlierMixin, BaseEstimator
):
    """Outlier detection by the reconstruction errors and codes of images.

    An autoencoder learns to reconstruct common images. An image with a large reconstruction error,
    or an unusual code, is an outlier. `error_map` shows where in the image the error is. With a
    transformer that cannot reconstruct, an image whose code is far from those of X is an outlier.

    Parameters
    ----------
    estimator : object, default=None
        A transformer, such as :class:`ConvAutoencoder`, :class:`ConvVAE`,
        :class:`ConvSelfSupervisedEncoder`, :class:`~sklearn.decomposition.PCA`, or a Pipeline of
        them. None is ``ConvAutoencoder()``. The estimator is cloned; wrap a fitted one in
        :class:`~sklearn.frozen.FrozenEstimator`.

    contamination : float, default=0.1
        Expected share of outliers in X, in the range (0, 0.5]. This share of the training rows is
        labelled -1. A larger value gives more outliers and more false positives.

    method : {"auto", "combined", "reconstruction_error", "nearest_neighbors"}, default="auto"
        Score of `score_samples`. "auto" is "combined" if `estimator` has `inverse_transform`, else
        "nearest_neighbors". "reconstruction_error" is the negative mean squared error. It is
        best for small defects in an image. "combined" also detects images with a small error but an
        unusual code, and is less sensitive to outliers in X. It is the larger of two deviations
        from the median: of the Mahalanobis distance of the code [1]_, and of the root mean squared
        error. Each is divided by its interquartile range over X. If that is 0, as with many
        identical rows, only values that differ from the median are used. "nearest_neighbors" is the
        negative mean distance of the code to its five nearest among those of X [2]_, with
        components of unit variance. At most 10,000 codes are kept, and one equal code is ignored.

    random_state : int, RandomState instance or None, default=None
        Seed of `estimator`, if its own `random_state` is None.

    Attributes
    ----------
    estimator_ : object
        The fitted estimator.

    offset_ : float
        Threshold of the scores: `decision_function` is `score_samples` minus `offset_`.

    n_features_in_ : int
        Number of features seen during :term:`fit`. Defined if `estimator_` defines it.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined if `estimator_` defines them.

    See Also
    --------
    sklearn.ensemble.IsolationForest : Isolate rows by random splits of single features.
    sklearn.neighbors.LocalOutlierFactor : Compare densities of neighbours.

    References
    ----------
    .. [1] Denouden, Salay, Czarnecki, Abdelzad, Phan & Vernekar (2018). "Improving Reconstruction
       Autoencoder Out-of-distribution Detection with Mahalanobis Distance". arXiv:1812.02765.
    .. [2] Ramaswamy, Rastogi & Shim (2000). "Efficient Algorithms for Mining Outliers from Large
       Data Sets". SIGMOD. Section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_unsup import ConvAutoencoder, ConvOutlierDetector
    >>> X = load_digits().data[:300]
    >>> X[:5] = np.random.default_rng(0).uniform(0, 16, size=(5, 64))
    >>> autoencoder = ConvAutoencoder(8, max_epochs=10)
    >>> detector = ConvOutlierDetector(autoencoder, contamination=0.02, random_state=0)
    >>> detector.fit_predict(X)[:5]
    array([-1, -1, -1, -1, -1])
    >>> detector.error_map(X[:1]).shape
    (1, 64)
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [HasMethods(["fit", "transform"]), None],
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "method": [StrOptions({"auto", *METHODS})],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator=None, *, contamination=0.1, method="auto", random_state=None):
        self.estimator = estimator
        self.contamination = contamination
        self.method = method
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Train the estimator on X, and compute the threshold of outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Any X that `estimator` accepts.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C. If `estimator` keeps what it has learnt, so does the detector.
        """
        with InterruptHandler() as interrupts, isolated_settings():
            interrupt = self._fit(X, interrupts)
        if interrupt is not None:
            raise interrupt
        return self

    def _fit(self, X, interrupts):
        """Fit, and set the fitted attributes; return the KeyboardInterrupt that stopped it."""
        interrupts.allow()
        estimator = self._new_estimator()
        seeds = {
            name: draw_seed(self.random_state)
            for name, value in estimator.get_params().items()
            if name.split("__")[-1] == "random_state" and value is None
        }
        estimator.set_params(**seeds)
        method = resolve_method(self.method, estimator)
        interrupt = fit_or_be_interrupted(estimator, X, interrupts)
        try:
            measured = measure(estimator, X, method)
            reference = fit_reference(measured, method)
        except Exception:
            if interrupt is not None:  # the estimator may not be trained enough
                raise interrupt from None
            raise
        scores = outlier_scores(measured, reference)
        offset = float(np.percentile(scores, 100 * self.contamination))
        self._set_fitted_state(estimator, reference, offset)
        return interrupt

    def _new_estimator(self):
        return ConvAutoencoder() if self.estimator is None else clone(self.estimator)

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
            Lower for outliers. Negative mean squared errors are in the squared units of X; combined
            deviations, about 0 for common samples, and distances of codes have no unit.
        """
        check_is_fitted(self)
        measured = measure(self.estimator_, X, method_of(self._reference))
        return outlier_scores(measured, self._reference)

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

    @available_if(reconstructs)
    @isolated_settings()
    def error_map(self, X):
        """Return the squared reconstruction error of each pixel.

        Only available if `estimator` has `inverse_transform`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.

        Returns
        -------
        errors : ndarray of the shape of X, float64
            Squared errors, in the squared units of X.
        """
        check_is_fitted(self)
        codes, rows, sample_shape = encode(self.estimator_, X)
        errors = np.empty(rows.shape)
        for block in row_blocks(rows, BLOCK_SIZE):
            errors[block] = squared_errors(self.estimator_, codes[block], rows[block])[0]
        return errors.reshape(-1, *sample_shape)
