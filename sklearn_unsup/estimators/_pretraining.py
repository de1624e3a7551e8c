"""The network that a clusterer starts from: trained in the same fit, or handed in."""

from sklearn_unsup._persistence import Spec, fingerprint
from sklearn_unsup.estimators._decoding import OptionalDecoderMixin
from sklearn_unsup.networks import Autoencoder, ClusterHeadMixin, SelfSupervisedNetwork

SELF_SUPERVISED, AUTOENCODER = "self_supervised", "autoencoder"
SHARED = "n_components", "hidden_channels", "encoder"  # parameters of both networks
EXPECTED = {"hidden_layer_sizes": (), "decoder": None, "loss": "squared_error"}  # of autoencoders
PARTS = "encoder", "decoder", "scaling"  # that are copied
MAX_RATIO = 4  # of the spreads of X and of the images that an encoder was fitted to


class PretrainingMixin(OptionalDecoderMixin):
    """The parameter `pretrain`, for an `ImageEstimator` with `EncoderMixin`."""

    _why_not_decoded = (
        "decodes only with pretrain='autoencoder', or a fitted ConvAutoencoder: self-supervised "
        "features cannot be mapped back to images."
    )

    def _decodes(self):
        if hasattr(self, "network_"):
            return hasattr(self.network_, "decode")
        if isinstance(self.pretrain, str):
            return self.pretrain == AUTOENCODER
        return isinstance(getattr(self.pretrain, "network_", None), Autoencoder)

    def _pretraining(self):
        """Return the name of what the features are learnt by."""
        if isinstance(self.pretrain, str):
            return self.pretrain
        network = getattr(self.pretrain, "network_", None)
        kinds = {Autoencoder: AUTOENCODER, SelfSupervisedNetwork: SELF_SUPERVISED}
        for kind, name in kinds.items():
            if isinstance(network, kind) and not isinstance(network, ClusterHeadMixin):
                return name
        message = (
            f"pretrain is {type(self.pretrain).__name__}: expected 'self_supervised', "
            "'autoencoder', or a fitted ConvSelfSupervisedEncoder or ConvAutoencoder."
        )
        if network is None and hasattr(self.pretrain, "_fit_scaling"):
            message = (
                f"pretrain is a {type(self.pretrain).__name__} that is not fitted. Fit it first. "
                "sklearn.base.clone, and so GridSearchCV, forgets what an estimator has learnt: "
                "wrap it in sklearn.frozen.FrozenEstimator."
            )
        raise ValueError(message)

    def _network_params(self):
        return {**super()._network_params(), "pretrain": self._pretraining()}

    def _start(self, rows, generator):
        network = super()._start(rows, generator)
        self._pretrained = self._digest()
        if not isinstance(self.pretrain, str):
            self._check_pretrained(network.scaling)
            for name in PARTS:
                if hasattr(network, name):
                    part = getattr(self.pretrain.network_, name)
                    getattr(network, name).load_state_dict(part.state_dict())
        return network

    def _resume(self, rows):
        network = super()._resume(rows)
        if self._digest() != self._pretrained:
            raise ValueError(
                "pretrain is not what the fitted network started from. Call fit with "
                "warm_start=False to start from it."
            )
        return network

    def _digest(self):
        """Return a digest of the encoder that was handed in, or ""."""
        if isinstance(self.pretrain, str):
            return ""
        return fingerprint(dict(self.pretrain.network_.state_dict()))

    def _specs(self, state):
        digest = Spec(lambda value: isinstance(value, str), "a digest")
        return {**super()._specs(state), "_pretrained": digest}

    def _check_pretrained(self, scaling):
        """Raise a ValueError if the encoder has another network, or saw other units than X."""
        theirs, own = self.pretrain._fitted_params, self._fitted_params
        pairs = [(name, theirs[name], own[name], f"set {name}") for name in SHARED]
        pairs += [
            (name, theirs[name], expected, "fit it so")
            for name, expected in EXPECTED.items()
            if name in theirs
        ]
        shapes = self.pretrain.image_shape_, self.image_shape_
        pairs.append(("image_shape_", *shapes, "fit both to images of one shape"))
        for name, their, ours, remedy in pairs:
            is_same = their is ours or fingerprint(their) == fingerprint(ours)
            if not is_same:
                raise ValueError(
                    f"pretrain was fitted with {name}={their!r}, but {type(self).__name__} has "
                    f"{ours!r}: {remedy}."
                )
        own, fitted = (float(each.scale) for each in (scaling, self.pretrain.network_.scaling))
        if not fitted / MAX_RATIO <= own <= fitted * MAX_RATIO:
            raise ValueError(
                f"X has a standard deviation of {own:.3g}, but pretrain was fitted to images of "
                f"{fitted:.3g}: give X in the same units."
            )

    def _identify(self, network, data, phase):
        """Leave an encoder that was handed in out: its weights are those of the network."""
        identity = super()._identify(network, data, phase)
        identity[1] = {**identity[1], "pretrain": self._pretraining()}
        return identity
