"""Evaluation of a generator on held-out rows, during training and afterwards."""

from dataclasses import replace

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup._devices import isolated_settings, seed_from
from sklearn_unsup._persistence import integer
from sklearn_unsup._training import split_batches
from sklearn_unsup._warnings import warn
from sklearn_unsup.estimators._generation import (
    MAX_HELD_OUT,
    MIN_COMPARED,
    MIN_ROWS,
    RealKinds,
    describe_failure,
    generation_quality,
    n_held_out,
)


def _enough(held_out, rows, indices, seed):
    """Return held-out rows; if they are few, with training rows, of which `indices` are used."""
    n = min(MIN_COMPARED - len(held_out), len(rows) if indices is None else len(indices))
    if n <= 0:
        return held_out
    drawn = np.random.RandomState(seed).choice(len(rows) if indices is None else indices, n, False)
    return np.concatenate([held_out[:], rows[np.sort(drawn)]])


class GenerationQualityMixin:
    """Compare generated images with held-out rows after each epoch, and keep the best epoch.

    For an `ImageEstimator` with `CodeSamplerMixin` and the parameters `restore_best` and
    `objective`.
    """

    _always_validates = True

    def _start(self, rows, generator):
        network = super()._start(rows, generator)
        self._score_seed = seed_from(generator)
        return network

    def _split(self, data, device, generator, is_chunk):
        held_out, n = data.held_out, 0
        too_few = len(data) < MIN_ROWS and is_chunk  # to hold some out
        if held_out is None and not too_few:
            n = n_held_out(len(data), self.validation_fraction)
        training, validation = split_batches(
            replace(data, held_out=None),
            self._to_images,
            self.batch_size,
            device,
            generator,
            n / len(data),
        )
        if held_out is None and too_few:
            return training, None
        rows = data.rows[validation.indices] if held_out is None else held_out.rows
        if len(rows) < 2:
            raise ValueError(
                "X_val has n_samples=1: ConvGAN compares two distributions, and expects at least 2."
            )
        if len(rows) > MAX_HELD_OUT:
            drawn = torch.randperm(len(rows), generator=generator)[:MAX_HELD_OUT]
            rows = rows[np.sort(drawn.numpy())]
        seed = seed_from(generator)
        compared = _enough(rows, data.rows, training.indices, seed)
        kinds = RealKinds(compared, self._to_images, self.image_shape_)

        def compare(network):
            missing = kinds.missing_share(network, self._draw_codes(len(compared), seed))
            return {**self._quality(network, rows, seed), "missing": missing}

        return training, compare

    def _specs(self, state):
        epoch = integer(1, len(state["history_"]))
        specs = {"best_epoch_": epoch, "_score_seed": integer(0, 2**31)}
        return {**super()._specs(state), **specs}

    def _conclude(self, network, data, phases, generator):
        n_before = len(self.history_)
        super()._conclude(network, data, phases, generator)
        self.best_epoch_, best = self.n_iter_, phases.trainer.best_
        if self.restore_best and best is not None:
            # Ctrl-C may have come before the best epoch was complete in the history.
            self.best_epoch_ = min(n_before + best[1], self.n_iter_)

    def _warn_of_failure(self):
        best, last = self.history_[self.best_epoch_ - 1], self.history_[-1]
        message = describe_failure(best, last, self.objective)
        if message is not None:
            warn(message, ConvergenceWarning)

    @isolated_settings()
    def score(self, X, y=None):
        """Return the negative distance between X and as many generated images.

        The distance is "valid_distance" of `history_`. It depends on the number of rows, and is
        larger for fewer: only compare scores of equal numbers of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            At least 2 samples.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        score : float
            At most 0; larger is better. Each call returns the same value, as the seed is fixed.
        """
        check_is_fitted(self)
        rows = self._validate(X)
        if len(rows) < 2:
            raise ValueError(
                f"X has n_samples={len(rows)}, but ConvGAN.score compares two distributions and "
                "expects at least 2 samples."
            )
        return -self._quality(self.network_, rows, self._score_seed)["distance"]

    def _quality(self, network, rows, seed):
        codes = self._draw_codes(len(rows), seed)
        return generation_quality(network, rows, codes, self._to_images, self.image_shape_)
