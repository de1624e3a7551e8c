"""Score of codes without labels: whether they tell how an image was turned.

Reed, Metzger, Srinivas, Darrell & Keutzer 2021, "SelfAugment: Automatic Augmentation Policies for
Self-Supervised Learning".
"""

import numpy as np
from scipy import linalg
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup._devices import isolated_settings
from sklearn_unsup.networks.views import n_turns, turn

MAX_ROWS = 2000  # that are scored; each is encoded four times
MIN_ROWS_OF_EPOCH, MAX_ROWS_OF_EPOCH = 20, 500
N_FOLDS = 2
RIDGE = 1e-2  # of standardised codes
SEED = 0  # of the choice of rows and of the folds


def n_scored(n_rows):
    """Return of how many rows each epoch of a training is scored: it must take little time."""
    return max(min(n_rows // 5, MAX_ROWS_OF_EPOCH), min(n_rows, MIN_ROWS_OF_EPOCH))


class TurnScoreMixin:
    """`score` by the rotations that codes tell apart, for an `ImageEstimator` that encodes."""

    @isolated_settings()
    def score(self, X, y=None):
        """Return how well a linear classifier of codes tells by how much images were rotated.

        Each image is turned by 0, 90, 180 and 270 degrees; a ridge classifier of the codes is
        trained on half of the images and tested on the others, and the reverse. This needs no
        labels, and ranks settings much like a linear classifier of the true labels does [1]_. It
        misleads where orientations mean nothing, or where the views rotate by 90 degrees or more:
        codes that ignore rotations score low. Images that are not square are turned by 0 and 180
        degrees; signals are reversed in time and mirrored at their mean.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            At least 2 samples. Of more than 2,000, 2,000 are drawn with a fixed seed.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        accuracy : float
            Between 0 and 1; larger is better. Chance is 0.25, or 0.5 if images are not square.

        References
        ----------
        .. [1] Reed, Metzger, Srinivas, Darrell & Keutzer (2021). "SelfAugment: Automatic
           Augmentation Policies for Self-Supervised Learning". CVPR. Section 4.
        """
        check_is_fitted(self)
        rows = self._validate(X)
        if len(rows) < N_FOLDS:
            raise ValueError(
                f"X has n_samples={len(rows)}, but {type(self).__name__}.score trains and tests a "
                f"classifier on different images, and expects at least {N_FOLDS} samples."
            )
        return self._turn_accuracy(rows)

    def _turn_accuracy(self, rows, max_rows=MAX_ROWS):
        """Return the accuracy of a linear classifier of turns, of at most `max_rows` rows."""
        order = np.random.RandomState(SEED).permutation(len(rows))[:max_rows]
        rows = rows[np.sort(order)]
        turns = range(n_turns(self.image_shape_))
        codes = np.stack([self._encode_turned(rows, k) for k in turns])  # (t, n, k)
        fold = np.random.RandomState(SEED).permutation(len(rows)) % N_FOLDS
        return float(
            np.mean([_accuracy(codes[:, fold != i], codes[:, fold == i]) for i in range(N_FOLDS)])
        )

    def _encode_turned(self, rows, k):
        return self._apply(
            lambda tensor: self.network_.encode(turn(self._to_images(tensor), k)),
            rows,
            self._code_width,
        ).astype(np.float64)


def _accuracy(train, test):
    """Return the share of codes (t, n, k) whose turn a ridge classifier recognises."""
    n_turns, n, k = train.shape
    train, test = (codes.reshape(-1, k) for codes in (train, test))
    mean, scale = train.mean(axis=0), train.std(axis=0)
    scale = np.where(scale > 1e-6 * max(scale.max(), np.finfo(float).tiny), scale, np.inf)
    train, test = ((codes - mean) / scale for codes in (train, test))
    targets = np.repeat(np.eye(n_turns) - 1 / n_turns, n, axis=0)  # (t n, t)
    gram = train.T @ train + RIDGE * len(train) * np.eye(k)
    weights = linalg.solve(gram, train.T @ targets, assume_a="pos")
    turns = np.repeat(np.arange(n_turns), len(test) // n_turns)
    return (np.argmax(test @ weights, axis=1) == turns).mean()
