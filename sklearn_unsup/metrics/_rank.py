"""Effective rank of codes: how many dimensions they use."""

import numpy as np
from scipy import linalg
from sklearn.utils import check_array

TINY = 1e-7  # as in RankMe: singular values of rounding errors count for nothing


def effective_rank(X, *, center=False):
    """Effective rank of a matrix: the exponential of the entropy of its singular values.

    It is a smooth count of the dimensions that codes use. For the codes of a self-supervised model
    it is called RankMe [2]_; a low value means dimensional collapse.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Codes, one row for each image. Take more rows than features: the rank is at most the number
        of rows.
    center : bool, default=False
        Whether to subtract the mean of each column. A large mean counts as one dimension, and
        hides the others.

    Returns
    -------
    rank : float
        Between 1 and the smaller of `n_samples` and `n_features`; 0.0 if all values are 0.

    References
    ----------
    .. [1] Roy & Vetterli (2007). "The Effective Rank: A Measure of Effective Dimensionality".
       EUSIPCO. Section 2.
    .. [2] Garrido, Balestriero, Najman & LeCun (2023). "RankMe: Assessing the Downstream
       Performance of Pretrained Self-Supervised Representations by Their Rank". ICML. Eq. 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_unsup.metrics import effective_rank
    >>> round(effective_rank(np.eye(4)), 3)
    4.0
    >>> round(effective_rank(np.outer([1, 2, 3], [1, 0, -1])), 3)
    1.0
    """
    X = check_array(X, dtype=np.float64)
    rounding = TINY * linalg.norm(X)
    if center:
        X = X - X.mean(axis=0)
    values = linalg.svdvals(X)
    values = values[values > rounding]
    if not len(values):
        return 0.0
    shares = values / values.sum()
    return float(np.exp(-np.sum(shares * np.log(shares))))
