"""`fit` works on a draft of the estimator, and commits all attributes at once."""

import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklearn_unsup.estimators._values import plain
from sklearn_unsup.networks import copy_module

SKLEARN_ATTRIBUTES = ("_skl", "_callback", "_parent_callback", "_propagated")  # prefixes


class Transaction(BaseEstimator):
    """Fit a draft, a copy of the estimator, and commit it at the end.

    Any error before `_commit` leaves the estimator unchanged. The estimator has `_conclude`.
    """

    def _draft(self):
        """Return a copy whose parameters are plain values, also if a grid sets numpy's."""
        draft = object.__new__(type(self))
        parameters = {name: plain(value) for name, value in self.get_params(deep=False).items()}
        vars(draft).update(vars(self), **parameters)
        return draft

    def _commit(self, draft):
        """Copy all attributes of a draft except its parameters, which the user has set."""
        self.__dict__ = {**vars(draft), **self.get_params(deep=False)}

    def _snapshot(self, network, data, phases, net):
        """Return the fitted attributes that the estimator would have if training stopped now."""
        draft = self._draft()
        draft._conclude(copy_module(network), data, phases, torch.Generator().manual_seed(0))
        return draft._fitted_attributes()

    def _fitted_attributes(self):
        parameters = self._get_param_names()
        return {name: value for name, value in vars(self).items() if name not in parameters}

    def _fitted_state(self):
        """Return the fitted attributes without those that scikit-learn adds."""
        return {
            name: value
            for name, value in self._fitted_attributes().items()
            if not name.startswith(SKLEARN_ATTRIBUTES)
        }


def fit_or_be_interrupted(estimator, X, interrupts):
    """Fit; return the KeyboardInterrupt that stopped it after something was learnt, or None."""
    try:
        estimator.fit(X, None)  # FrozenEstimator requires a y
        interrupts.defer()
    except KeyboardInterrupt as interrupt:
        interrupts.defer()
        try:
            check_is_fitted(estimator)
        except NotFittedError:
            raise interrupt from None
        return interrupt
    return None
