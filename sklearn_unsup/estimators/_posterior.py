"""Statistics of the posteriors of the training rows: active components, noise, density of codes."""

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from sklearn_unsup._data import row_blocks
from sklearn_unsup._persistence import Spec, array, integer, number
from sklearn_unsup._warnings import warn
from sklearn_unsup.estimators._code_density import CodeMixtureMixin, RowSample
from sklearn_unsup.metrics import active_units
from sklearn_unsup.networks import losses

BLOCK_SIZE = 2**22  # numbers, 32 MB in float64


class PosteriorMixin(CodeMixtureMixin):
    """Summarise the posteriors of the trained network, and draw codes from the prior.

    For an `ImageEstimator` with `EncoderMixin`, `DensityScoreMixin` and the parameters `likelihood`
    and `prior`. The network has `posterior` and `residuals`.
    """

    def _specs(self, state):
        k = state["_fitted_params"]["n_components"]
        specs = super()._specs(state)
        is_gaussian = state["_fitted_params"]["likelihood"] == "gaussian"
        return {
            **specs,
            "_code_mixture": specs["_code_mixture"] | Spec(lambda value: value is None, "None"),
            "_row_seed": integer(0, 2**31),
            "kl_per_component_": array(np.float64, (k,)),
            "n_active_units_": integer(0, k),
            **({"noise_variance_": number(0.0)} if is_gaussian else {}),
        }

    def _after_training(self, rows, seed):
        rows = RowSample(rows, seed, self._observed)
        k = self._code_width
        posteriors = self._apply(
            lambda tensor: torch.cat(self.network_.posterior(self._to_images(tensor)), 1),
            rows,
            2 * k,
        )
        means, log_variances = posteriors[:, :k], posteriors[:, k:]  # (n, k)
        kl = losses.kl_from_standard_normal(*map(torch.from_numpy, (means, log_variances)))
        self.kl_per_component_ = kl.numpy().mean(axis=0, dtype=np.float64)
        self.n_active_units_ = active_units(means)
        if self.likelihood == "gaussian":
            likelihood = self.network_.likelihood
            likelihood.calibrate(self._residual_moments(rows))
            scale = float(likelihood.scaling.scale)
            self.noise_variance_ = float(likelihood.variance) * scale**2
        self._code_mixture = None
        if self.prior == "mixture":
            draw = self._row_noise()
            noise = np.concatenate([draw(rows[block]) for block in row_blocks(rows)])  # (n, k)
            codes = means + np.exp(0.5 * log_variances) * noise
            self._code_mixture = codes, seed

    def _residual_moments(self, rows):
        """Return the mean products of the residuals of channels (c, c, h, w), float64."""
        c, h, w = self.image_shape_
        moments = torch.zeros(c, c, h, w, dtype=torch.float64)
        for block in row_blocks(rows, BLOCK_SIZE):
            residuals = self._apply(
                lambda tensor, noise: self.network_.residuals(
                    self._to_images(tensor), noise
                ).flatten(1),
                rows[block],
                c * h * w,
                self._row_noise(),
            )
            images = torch.from_numpy(residuals).double().unflatten(1, (c, h, w))
            moments += torch.einsum("bchw,behw->cehw", images, images)
        # One more row, of white noise: few rows would leave frequencies without variance.
        mean = moments.diagonal().mean() / len(rows)
        moments += mean * torch.eye(c, dtype=torch.float64)[:, :, None, None]
        return moments / (len(rows) + 1)

    def _draw_codes(self, n, seed):
        if self.prior == "normal":
            return np.random.RandomState(seed).standard_normal((n, self._code_width))
        if self._code_mixture is None:
            raise ValueError(
                "prior='mixture' was set after fit, which has fitted no mixture. Call fit again."
            )
        return super()._draw_codes(n, seed)

    def _warn_of_failure(self):
        if self.n_active_units_ == 0:
            warn(
                "Posterior collapse: no component says anything about X (n_active_units_ is 0), "
                "so all codes are alike. Lower beta, set beta_warmup_epochs or free_bits (to 0.1, "
                "for example), or train longer (max_epochs, learning_rate).",
                ConvergenceWarning,
            )
