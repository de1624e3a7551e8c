"""Outlier detection by an autoencoder.

Denouden et al. 2018, "Improving Reconstruction Autoencoder Out-of-distribution Detection with
Mahalanobis Distance".
"""

from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, MetaEstimatorMixin, OutlierMixin, clone
from sklearn.covariance import LedoitWolf
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup._data import LazyRows, as_rows, is_lazy, row_blocks
from sklearn_unsup._devices import draw_seed, own_settings
from sklearn_unsup._persistence import SavedFile, Spec, array, check, number, save_file
from sklearn_unsup._sklearn import HasMethods, Interval, StrOptions, _fit_context
from sklearn_unsup._training import Interrupts
from sklearn_unsup.estimators._autoencoder import ConvAutoencoder
from sklearn_unsup.estimators._documentation import DocumentationLink
from sklearn_unsup.estimators._saving import Saving, Sealed

BLOCK_SIZE = 2**22  # numbers, 32 MB in float64
N_ROUNDINGS = 8  # differences of so many roundings are no differences


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
        squared error, each from its median, in units of its interquartile range over X. Where that
        is 0, as with many identical rows, it is taken over the values that differ from the median.

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
    >>> X = load_digits().data[:300]
    >>> X[:5] = np.random.default_rng(0).uniform(0, 16, size=(5, 64))
    >>> detector = ConvOutlierDetector(contamination=0.02, random_state=0)
    >>> detector.fit_predict(X)[:5]
    array([-1, -1, -1, -1, -1])
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

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C; if `estimator` keeps what it has learnt until then, so does the detector.
        """
        with Interrupts() as interrupts, own_settings():  # Ctrl-C must not keep these from ending
            interrupt = self._fit(X, interrupts)
        if interrupt is not None:
            raise interrupt
        return self

    def _fit(self, X, interrupts):
        """Learn all, and take it over; return the KeyboardInterrupt that ended it early."""
        interrupts.open()
        estimator = ConvAutoencoder() if self.estimator is None else clone(self.estimator)
        seeds = {
            name: draw_seed(self.random_state)
            for name, value in estimator.get_params().items()
            if name.split("__")[-1] == "random_state" and value is None
        }
        estimator.set_params(**seeds)
        interrupt = _fit_or_be_interrupted(estimator, X, interrupts)
        try:
            measured = _measured(estimator, X)
            reference = _fit_reference(*measured) if self.method == "combined" else None
        except Exception:
            if interrupt is not None:  # it was interrupted before it could be used
                raise interrupt from None
            raise
        scores = _scores(*measured[:2], reference)
        offset = float(np.percentile(scores, 100 * self.contamination))
        self._take_over(estimator, reference, offset)
        return interrupt

    def _take_over(self, estimator, reference, offset):
        self.estimator_, self._reference, self.offset_ = estimator, reference, offset
        for name in ("n_features_in_", "feature_names_in_"):
            vars(self).pop(name, None)
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))

    def _unpack(self, state):
        if "estimator_" in state:
            reference = state["_reference"]
            width = np.size(reference["mean"]) if isinstance(reference, dict) else 0
            _check_learnt({name: state[name] for name in ("_reference", "offset_")}, width)
        return state

    def save_weights(self, path):
        """Save what was learnt to a file that holds no code.

        Parameters
        ----------
        path : str or path-like
            Of a file in the safetensors format; it is replaced as a whole, or not at all.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError
            If `estimator` has no `save_weights`, as a Pipeline or PCA has none.
        OSError
            If the file cannot be written. What was at `path` is still there.
        """
        check_is_fitted(self)
        estimator = _with_weights(self.estimator_)
        state = {
            "estimator_": estimator._pack(estimator._learnt()),
            "_reference": self._reference,
            "offset_": self.offset_,
        }
        parameters = {name: repr(value) for name, value in self.get_params().items()}
        save_file(
            path,
            type(self).__name__,
            state,
            parameters=parameters,
            estimator=type(estimator).__name__,
        )
        return self

    def load_weights(self, path):
        """Load what a detector with the same network has learnt.

        No code in the file can run, and nothing changes if it is damaged or does not fit.

        Parameters
        ----------
        path : str or path-like
            Of a file that `save_weights` wrote.

        Returns
        -------
        self : object
            The estimator, fitted.

        Raises
        ------
        CorruptedModelError
            If the file is damaged, of another class, or of a newer version of sklearn_unsup.
        ValueError
            If `estimator` is of another class, or has other parameters of the network, than the one
            that was saved; or if `method` is another.
        OSError
            If the file cannot be read.
        """
        estimator = ConvAutoencoder() if self.estimator is None else clone(self.estimator)
        estimator = _with_weights(estimator)
        file = SavedFile(path, type(self).__name__)
        with file:
            saved, method = file.header["estimator"], "combined"
            if file.outline["_reference"] is None:
                method = "reconstruction_error"
        for name, own, found in (
            ("estimator", type(estimator).__name__, saved),
            ("method", self.method, method),
        ):
            if own != found:
                raise ValueError(
                    f"{name} is {own!r}, but that of the detector in {file.path} was {found!r}. "
                    f"Set {name} to that first."
                )
        state = estimator._load(file, lambda whole: whole["estimator_"])
        with file:
            del state["estimator_"]
            _check_learnt(state, estimator._n_features_out)
        self._take_over(estimator, state["_reference"], state["offset_"])
        return self

    @own_settings()
    def score_samples(self, X):
        """Return how much each sample is like most of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Images.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Smaller for outliers. Mean squared errors are in the squared units of X; combined
            deviations have no unit, and are about 0 for common samples.
        """
        check_is_fitted(self)
        return _scores(*_measured(self.estimator_, X)[:2], self._reference)

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

    @own_settings()
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
        errors = np.empty(rows.shape)
        for block in row_blocks(rows, BLOCK_SIZE):
            errors[block] = _squared_errors(self.estimator_, codes[block], rows[block])[0]
        return errors.reshape(-1, *sample_shape)


def _fit_or_be_interrupted(estimator, X, interrupts):
    """Fit; return the KeyboardInterrupt that ended it early, if something was learnt, or None."""
    try:
        estimator.fit(X, None)  # FrozenEstimator wants a y
        interrupts.close()
    except KeyboardInterrupt as interrupt:
        interrupts.close()
        try:
            check_is_fitted(estimator)
        except NotFittedError:
            raise interrupt from None
        return interrupt
    return None


def _check_learnt(state, width):
    """Raise an error if a detector of codes of a width cannot have learnt a state."""
    is_reference = Spec(lambda value: value is None or isinstance(value, dict), "a dict")
    check({"_reference": is_reference, "offset_": number()}, state)
    if state["_reference"] is None:
        return
    shapes = {"precision": (width, width), "median": (2,), "spread": (2,)}
    shapes |= dict.fromkeys(("mean", "scale", "location"), (width,))
    least = dict.fromkeys(("scale", "spread"), np.finfo(np.float64).tiny)  # they are divisors
    check(
        {
            name: array(np.float64, shape, least.get(name, -np.inf))
            for name, shape in shapes.items()
        },
        state["_reference"],
    )


def _with_weights(estimator):
    """Return an estimator, if its weights can be saved in a file."""
    if not isinstance(estimator, Saving):
        raise TypeError(
            f"Files of weights are for estimators that have save_weights, and estimator is "
            f"{estimator!r}. Save the detector with joblib or skops."
        )
    return estimator


def _encode(estimator, X):
    """Return codes (n, k), X as rows (n, n_features), and the shape of a sample of X."""
    # A DataFrame, if the user has asked for it; polars' has its columns one by one in memory, and
    # sums over it are rounded otherwise.
    codes = np.ascontiguousarray(estimator.transform(X))
    if is_lazy(X):
        return codes, LazyRows(X), tuple(X.shape[1:])
    rows, sample_shape = as_rows(X)
    return codes, check_array(rows), sample_shape


def _squared_errors(estimator, codes, rows):
    """Return the squared error of each pixel (n, n_features), float64, and its resolution."""
    reconstructed = np.asarray(estimator.inverse_transform(codes)).reshape(rows.shape)
    return np.square(rows.astype(np.float64) - reconstructed), _resolution(reconstructed)


def _resolution(array):
    """Return the relative size of what may be rounding."""
    is_float = np.issubdtype(array.dtype, np.floating)
    return N_ROUNDINGS * float(np.finfo(array.dtype if is_float else np.float64).eps)


def _measured(estimator, X):
    """Encode and decode X.

    Returns
    -------
    codes : ndarray of shape (n, k), float64
    errors : ndarray of shape (n,), float64
        Root mean squared.
    resolutions : tuple of float
        Below which codes, relative to the largest, and errors do not differ.
    width : float
        Of the range of X.
    """
    codes, rows, _ = _encode(estimator, X)
    errors, extremes, resolution = [], [], 0.0
    for block in row_blocks(rows, BLOCK_SIZE):
        given = rows[block]
        squares, resolution = _squared_errors(estimator, codes[block], given)
        errors.append(np.sqrt(squares.mean(axis=1)))
        extremes += [float(given.min()), float(given.max())]
    low, high = min(extremes), max(extremes)
    resolutions = _resolution(codes), resolution * max(abs(low), abs(high))
    return codes.astype(np.float64), np.concatenate(errors), resolutions, high - low


def _fit_reference(codes, errors, resolutions, width):
    """Return how the codes and errors of X are distributed, as arrays.

    The units of X cancel out of the scores: what is the same in all of X has a scale of its own
    kind, and 1 only if X is constant.
    """
    code_resolution, error_resolution = resolutions
    mean, scale = codes.mean(axis=0), codes.std(axis=0)
    is_constant = scale <= code_resolution * np.abs(codes).max()
    typical = float(np.sqrt(np.square(scale).mean()))
    scale = np.where(is_constant, 1.0 if is_constant.all() else typical, scale)
    standardised = np.where(is_constant, 0.0, (codes - mean) / scale)
    # Arrays, whatever the user wants of his own transformers. Shrunk: of few samples a covariance
    # is singular.
    with config_context(transform_output="default", array_api_dispatch=False):
        covariance = LedoitWolf().fit(standardised)
    reference = {
        "mean": mean,
        "scale": scale,
        "location": covariance.location_,
        "precision": covariance.precision_,
    }
    measures = _measures(codes, errors, reference)
    reference["median"] = np.median(measures, axis=0)
    distances = measures[:, 0]
    reference["spread"] = np.array(
        [
            _spread(distances, code_resolution * distances.max(), 1.0),
            _spread(errors, error_resolution, width),
        ]
    )
    return reference


def _spread(values, resolution, default):
    """Return the interquartile range of values, or the next best if that is 0 up to rounding."""
    others = values[np.abs(values - np.median(values)) > resolution]
    low, high = np.percentile(values, [25, 75])
    for spread in (
        high - low,
        np.subtract(*np.percentile(others, [75, 25])) if len(others) else 0.0,
        values.std(),
        default,
    ):
        if spread > resolution:
            return spread
    return 1.0


def _measures(codes, errors, reference):
    """Return the codes' Mahalanobis distances, and the errors (n, 2)."""
    deviations = (codes - reference["mean"]) / reference["scale"] - reference["location"]
    squares = np.einsum("ij,ij->i", deviations @ reference["precision"], deviations)
    return np.column_stack([np.sqrt(np.maximum(squares, 0.0)), errors])


def _scores(codes, errors, reference):
    """Return scores (n,), float64; `reference` is None for those of the error alone."""
    if reference is None:
        return -np.square(errors)
    deviations = _measures(codes, errors, reference) - reference["median"]
    return -(deviations / reference["spread"]).max(axis=1)
