"""Outlier detection by patches of images, and by codes.

Defard, Setkov, Loesch & Audigier 2021, "PaDiM: A Patch Distribution Modeling Framework for Anomaly
Detection and Localization"; Breunig, Kriegel, Ng & Sander 2000, "LOF".
"""

from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, OutlierMixin, clone

from sklearn_unsup._devices import isolated_settings
from sklearn_unsup._sklearn import HasMethods, Interval, StrOptions, _fit_context
from sklearn_unsup._training import InterruptHandler
from sklearn_unsup.estimators._anomaly_maps import AnomalyMapsMixin
from sklearn_unsup.estimators._autoencoder import ConvAutoencoder
from sklearn_unsup.estimators._detector_input import DetectorInputMixin
from sklearn_unsup.estimators._detector_saving import DetectorSavingMixin
from sklearn_unsup.estimators._documentation import DocumentationLinkMixin
from sklearn_unsup.estimators._outlier_decisions import DecisionMixin, threshold
from sklearn_unsup.estimators._outlier_methods import (
    METHODS,
    fit_reference,
    outlier_scores,
    resolve_method,
    set_seeds,
)
from sklearn_unsup.estimators._parameter_groups import ImageParameters
from sklearn_unsup.estimators._pooled_errors import ERRORS, POOLINGS
from sklearn_unsup.estimators._transaction import fit_or_be_interrupted
from sklearn_unsup.estimators._values import plain


class ConvOutlierDetector(
    DocumentationLinkMixin,
    DetectorInputMixin,
    DetectorSavingMixin,
    AnomalyMapsMixin,
    DecisionMixin,
    MetaEstimatorMixin,
    OutlierMixin,
    BaseEstimator,
):
    """Outlier detection in images, by their patches and their codes.

    An image is an outlier if some part of it, its parts on the whole, or its code is unusual.
    Patches are compared with those at the same place in the images of X, which needs no training;
    codes are those of an autoencoder, which learns from X, or of another transformer.
    `anomaly_map` shows where in the image the unusual patches are.

    Parameters
    ----------
    estimator : object, default=None
        A transformer that gives codes, such as :class:`ConvAutoencoder`,
        :class:`ConvSelfSupervisedEncoder`, :class:`~sklearn.decomposition.PCA`, or a Pipeline of
        them. None is ``ConvAutoencoder()``. The estimator is cloned; wrap a fitted one in
        :class:`~sklearn.frozen.FrozenEstimator`. Not used by "patches".

    contamination : "auto" or float, default="auto"
        Where the threshold of outliers is. With "auto" it is 1.5 interquartile ranges below the
        lower quartile of the scores of X [1]_, so that few images are outliers if all of X are of
        one kind. A float in the range (0, 0.5] is the share of X that is labelled -1.

    method : {"auto", "combined", "patches", "nearest_neighbors", "reconstruction_error"}, \
            default="auto"
        Score of `score_samples`. "auto" is "combined".

        - "patches": patches of several sizes are reduced to principal components, which have a
          normal distribution at each place of a grid [2]_. Three measures count: the mean and the
          largest distance from it after a normalisation of contrast, and the mean distance without
          it. This takes seconds, and is best for faults in a part of an image.
        - "combined": also the Mahalanobis distance of the code, its local outlier factor [3]_, and
          the root mean squared error of the reconstruction, if `estimator` has `inverse_transform`.
          It is best for images that are unusual as a whole, such as another digit.
        - "nearest_neighbors": minus the mean distance of the code to its five nearest among those
          of X, with components of unit variance [4]_.
        - "reconstruction_error": minus the error, as `error` and `pooling` define it. It is best
          for small faults where the common content of images varies.

        The score of "patches" and "combined" is minus the largest deviation of the logarithm of a
        measure from its median over X, in interquartile ranges.

    error : {"squared_error", "structural_similarity"}, default="squared_error"
        The error of a pixel, for "reconstruction_error". With "structural_similarity" it is 1 minus
        the similarity of the image and its reconstruction in a small window [5]_, which sees
        missing and broken strokes better than their brightness.

    pooling : {"mean", "max"} or float, default="mean"
        How "reconstruction_error" makes one score of the errors of pixels. With "max", or a float
        in the range (0, 1) for a quantile, the errors are smoothed, and standardised by their mean
        and spread over X at each pixel: the larger, the smaller the faults it is good for.

    image_shape : tuple of int, default=None
        Shape of one image: `(H, W)`, `(C, H, W)` or `(H, W, C)`. None takes it from X or from
        `estimator`, like :class:`ConvAutoencoder`.

    channel_axis : int, default=None
        Index of the channels in `image_shape`.

    random_state : int, RandomState instance or None, default=None
        Seed of `estimator`, if its own `random_state` is None. Not used by "patches".

    Attributes
    ----------
    estimator_ : object
        The fitted estimator; None for "patches".

    offset_ : float
        Threshold of the scores: `decision_function` is `score_samples` minus `offset_`.

    calibration_scores_ : ndarray of shape (n_samples,) or None
        Scores of `X_val`, in ascending order.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when X has feature names that are
        all strings.

    See Also
    --------
    sklearn.ensemble.IsolationForest : Isolate rows by random splits of single features.
    sklearn.neighbors.LocalOutlierFactor : Compare densities of neighbours.

    References
    ----------
    .. [1] Tukey (1977). "Exploratory Data Analysis". Section 2D.
    .. [2] Defard, Setkov, Loesch & Audigier (2021). "PaDiM: A Patch Distribution Modeling Framework
       for Anomaly Detection and Localization". ICPR workshops.
    .. [3] Breunig, Kriegel, Ng & Sander (2000). "LOF: Identifying Density-Based Local Outliers".
       SIGMOD.
    .. [4] Ramaswamy, Rastogi & Shim (2000). "Efficient Algorithms for Mining Outliers from Large
       Data Sets". SIGMOD. Section 3.
    .. [5] Wang, Bovik, Sheikh & Simoncelli (2004). "Image Quality Assessment: From Error Visibility
       to Structural Similarity". IEEE Transactions on Image Processing 13.

    Examples
    --------
    >>> from sklearn_unsup import ConvOutlierDetector
    >>> from sklearn_unsup.datasets import load_digit_images
    >>> images = load_digit_images().images.copy()
    >>> images[:3, 0] = 16  # a bright line
    >>> detector = ConvOutlierDetector(method="patches").fit(images[3:])
    >>> detector.predict(images[:3])
    array([-1, -1, -1])
    >>> detector.anomaly_map(images[:3]).shape
    (3, 8, 8)
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [HasMethods(["fit", "transform"]), None],
        "contamination": [Interval(Real, 0, 0.5, closed="right"), StrOptions({"auto"})],
        "method": [StrOptions({"auto", *METHODS})],
        "error": [StrOptions(set(ERRORS))],
        "pooling": [StrOptions(set(POOLINGS)), Interval(Real, 0, 1, closed="neither")],
        **ImageParameters.constraints,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        contamination="auto",
        method="auto",
        error="squared_error",
        pooling="mean",
        image_shape=None,
        channel_axis=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.contamination = contamination
        self.method = method
        self.error = error
        self.pooling = pooling
        self.image_shape = image_shape
        self.channel_axis = channel_axis
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, X_val=None):
        """Learn what is common in X, and compute the threshold of outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images. `estimator` must accept them.
        y : Ignored
            Not used, present for API consistency by convention.
        X_val : array-like of shape (n_val, n_features) or (n_val, ...), default=None
            Images without outliers that are not in X, for `outlier_p_values`.

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
            interrupt = self._fit(X, X_val, interrupts)
        if interrupt is not None:
            raise interrupt
        return self

    def _fit(self, X, X_val, interrupts):
        """Fit, and set the fitted attributes; return the KeyboardInterrupt that stopped it."""
        interrupts.allow()
        draft = clone(self)
        draft._check_images(X, X_val)
        estimator, interrupt = self._new_estimator(), None
        method = resolve_method(self.method, estimator)
        if method == "patches":
            estimator = None
            interrupts.defer()
        else:
            set_seeds(estimator, self.random_state)
            interrupt = fit_or_be_interrupted(estimator, X, interrupts)
        try:
            draft._learn_input(X, estimator)
            errors = plain(self.error), plain(self.pooling)
            reference = fit_reference(estimator, X, method, draft._layout, *errors)
            scores = outlier_scores(estimator, X, reference, draft._layout)
            offset = threshold(scores, self.contamination)
            calibration = None
            if X_val is not None:
                calibration = np.sort(outlier_scores(estimator, X_val, reference, draft._layout))
        except Exception:
            if interrupt is not None:  # the estimator may not be trained enough
                raise interrupt from None
            raise
        draft.estimator_, draft._reference = estimator, reference
        draft.offset_, draft.calibration_scores_ = offset, calibration
        self._set_fitted_state(draft)
        return interrupt

    def _new_estimator(self):
        if self.estimator is None:
            return ConvAutoencoder(image_shape=self.image_shape, channel_axis=self.channel_axis)
        return clone(self.estimator)
