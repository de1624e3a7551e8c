"""Apply the trained network to many rows."""

from sklearn_unsup._data import to_rows
from sklearn_unsup._devices import apply_in_chunks, translate_device_errors


class InferenceMixin:
    """Apply functions of tensors to rows in chunks, on the device of `network_`."""

    def _apply(self, function, rows, n_outputs, noise=None, out=None):
        """Apply a function of tensors to all rows, on the device of the network."""
        device = self.network_.scaling.scale.device
        with translate_device_errors(device):
            return apply_in_chunks(function, rows, device, n_outputs, noise, out)

    def _generate(self, function, inputs):
        """Apply a function that maps inputs (b, m) to images; return rows (n, n_features)."""
        return self._apply(
            lambda tensor: to_rows(function(tensor), self._layout), inputs, self.n_features_in_
        )
