"""`fit` learns on a draft and commits at once."""

import torch
from sklearn.base import BaseEstimator

from sklearn_unsup.estimators._values import plain
from sklearn_unsup.networks import copy_module

SKLEARN_ATTRIBUTES = ("_skl", "_callback", "_parent_callback", "_propagated")  # not learnt


class Transaction(BaseEstimator):
    """Learn on a copy of the estimator, which has `_conclude`.

    `_commit` makes the draft the estimator, at the very end: whatever goes wrong before leaves the
    estimator as it was.
    """

    def _draft(self):
        """Return a copy whose parameters are plain values, whatever a grid has made them from."""
        draft = object.__new__(type(self))
        parameters = {name: plain(value) for name, value in self.get_params(deep=False).items()}
        vars(draft).update(vars(self), **parameters)
        return draft

    def _commit(self, draft):
        """Take over all of a draft but its parameters, which stay what the user has set."""
        self.__dict__ = {**vars(draft), **self.get_params(deep=False)}

    def _snapshot(self, network, data, phases, net):
        """Return the fitted attributes as if training had stopped now."""
        draft = self._draft()
        draft._conclude(copy_module(network), data, phases, torch.Generator().manual_seed(0))
        return draft._fitted_attributes()

    def _fitted_attributes(self):
        parameters = self._get_param_names()
        return {name: value for name, value in vars(self).items() if name not in parameters}

    def _fitted_state(self):
        """Return the fitted attributes, without what scikit-learn keeps beside them."""
        return {
            name: value
            for name, value in self._fitted_attributes().items()
            if not name.startswith(SKLEARN_ATTRIBUTES)
        }
