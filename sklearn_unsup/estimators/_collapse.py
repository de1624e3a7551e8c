"""Warn of a dimensional collapse of self-supervised training.

Jing, Vincent, LeCun & Tian 2022, "Understanding Dimensional Collapse in Contrastive Self-Supervised
Learning"; Garrido, Balestriero, Najman & LeCun 2023, "RankMe: Assessing the Downstream Performance
of Pretrained Self-Supervised Representations by Their Rank".
"""

from dataclasses import replace

from sklearn.exceptions import ConvergenceWarning

from sklearn_unsup._persistence import number
from sklearn_unsup._warnings import warn
from sklearn_unsup.estimators._code_density import RowSample
from sklearn_unsup.metrics import effective_rank

SEED = 0  # of the rows: the random state of the training is left alone
LEAST_SHARE = 0.4  # of the rank of the codes that their projections have
MIN_ROWS = 20


class CollapseMixin:
    """Warn if the projections of codes use few dimensions.

    For an `ImageEstimator` with `EncoderMixin`. The network has `project` and `projection_width`.
    """

    def _conclude(self, *arguments):
        super()._conclude(*arguments)
        for name in ("effective_rank_", "_code_rank"):  # of another network
            vars(self).pop(name, None)

    def _examine(self, rows):
        if len(rows) < MIN_ROWS:
            return
        rows = RowSample(rows, SEED)
        projections = self._apply(
            lambda tensor: self.network_.project(self._to_images(tensor)),
            rows,
            self.network_.projection_width,
        )
        self.effective_rank_ = effective_rank(projections)
        self._code_rank = effective_rank(self._encode(rows))

    def _specs(self, state):
        rank = replace(number(0.0), required=False)
        return {**super()._specs(state), "effective_rank_": rank, "_code_rank": rank}

    def _warn_of_failure(self):
        super()._warn_of_failure()
        if not hasattr(self, "effective_rank_"):
            return
        if self.effective_rank_ < LEAST_SHARE * self._code_rank or self._code_rank < 1:
            warn(
                f"The training of {type(self).__name__} has collapsed: the effective rank of the "
                f"projections is {self.effective_rank_:.1f} of {self.network_.projection_width}, "
                f"and that of the codes is {self._code_rank:.1f} of {self._code_width}. Different "
                "images get almost the same projection, so little is learnt. Increase "
                f"regularization ({self.regularization}), or lower the temperature "
                f"({self.temperature}) of objective='simclr'.",
                ConvergenceWarning,
            )
