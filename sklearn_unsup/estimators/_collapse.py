"""Warn of a collapse of self-supervised training.

Jing, Vincent, LeCun & Tian 2022, "Understanding Dimensional Collapse in Contrastive Self-Supervised
Learning"; Garrido, Balestriero, Najman & LeCun 2023, "RankMe: Assessing the Downstream Performance
of Pretrained Self-Supervised Representations by Their Rank".
"""

from dataclasses import replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_unsup._persistence import number
from sklearn_unsup._warnings import warn
from sklearn_unsup.estimators._code_density import RowSample
from sklearn_unsup.metrics import effective_rank

SEED = 0  # of the rows: the random state of the training is left alone
MIN_ROWS = 20
LEAST_SHARE = 0.3  # of the rank of the codes that projections have
LEAST_DEVIATION = 0.1  # of projections; "vicreg" aims at 1
MIN_STEPS = 100  # before which projections need not vary yet
CONSTANT = 1e-4  # deviation of codes, relative to their size


class CollapseMixin:
    """Warn if different images have almost the same code or projection.

    For an `ImageEstimator` with `EncoderMixin` and the parameters `objective`, `regularization` and
    `temperature`. The network has `project` and `projection_width`.
    """

    def _conclude(self, *arguments):
        super()._conclude(*arguments)
        vars(self).pop("effective_rank_", None)  # of another network

    def _examine(self, rows):
        if len(rows) < MIN_ROWS:
            return
        device, batch_size = self.network_.scaling.scale.device, self.batch_size
        if batch_size == "auto":
            batch_size = self._batch_sizes.auto(*rows.shape, device)
        n_steps = -(-len(rows) // batch_size)  # of an epoch
        rows = RowSample(rows, SEED)
        projections = self._apply(
            lambda tensor: self.network_.project(self._to_images(tensor)),
            rows,
            self.network_.projection_width,
        )
        self.effective_rank_ = effective_rank(projections)
        self._collapse = self._describe_collapse(self._encode(rows), projections, n_steps)

    def _describe_collapse(self, codes, projections, n_steps):
        """Return what has collapsed, or an empty text."""
        size = np.sqrt(np.square(codes, dtype=np.float64).mean())
        if codes.std(axis=0, dtype=np.float64).max() <= CONSTANT * size:
            return "the codes of all images are the same"
        deviation = projections.std(axis=0, dtype=np.float64).mean()
        is_trained = self.n_iter_ * n_steps >= MIN_STEPS
        if self.objective == "vicreg" and is_trained and deviation < LEAST_DEVIATION:
            return f"the standard deviation of projections is {deviation:.2g}; it should be about 1"
        rank, width = effective_rank(codes), projections.shape[1]
        if self.effective_rank_ < LEAST_SHARE * min(rank, width):
            found = f"{self.effective_rank_:.1f} of {width}, and that of codes is {rank:.1f}"
            return f"the effective rank of projections is {found}"
        return ""

    def _specs(self, state):
        return {**super()._specs(state), "effective_rank_": replace(number(0.0), required=False)}

    def _warn_of_failure(self):
        super()._warn_of_failure()
        collapse = vars(self).pop("_collapse", "")
        if collapse:
            advice = f"Increase regularization ({self.regularization})"
            if self.objective == "simclr":
                advice = f"Lower temperature ({self.temperature})"
            warn(
                f"The training of {type(self).__name__} has collapsed: {collapse}. Little is "
                f"learnt where different images look the same. {advice}, or lower learning_rate "
                f"({self.learning_rate}).",
                ConvergenceWarning,
            )
