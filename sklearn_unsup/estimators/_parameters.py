"""The parameters that estimators share: what they mean, and what they may be.

A model names those that it takes in the signature of its `__init__`, with its own defaults.
`with_shared_parameters` finds them here.
"""

import inspect
from numbers import Integral, Real
from typing import ClassVar

from sklearn_unsup._sklearn import Interval, StrOptions
from sklearn_unsup.estimators._documentation import unite_docstrings


class ImageParameters:
    """Shape of the images.

    Parameters
    ----------
    image_shape : tuple of int, default=None
        Shape of one image: `(H, W)`, `(C, H, W)` or `(H, W, C)`. None takes it from n-d X; rows are
        taken as a square grey image if `n_features` is a perfect square, else as one row of pixels.

    channel_axis : int, default=None
        Which axis of `image_shape` holds the channels. None: two sides are a grey image; of three
        sides, an end of at most 4 holds the channels if the other end is longer. With two sides,
        `channel_axis` makes a signal of several channels: `image_shape=(3, 100), channel_axis=0`.

    Attributes
    ----------
    image_shape_ : tuple of int
        `(C, H, W)` of the images that the network sees.

    n_features_in_ : int
        Number of features seen during :term:`fit`: the product of the image's sides.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when X has feature names that are
        all strings.
    """

    constraints: ClassVar[dict] = {
        "image_shape": ["array-like", None],
        "channel_axis": [Interval(Integral, None, None, closed="neither"), None],
    }


class NetworkParameters:
    """Shape of the network, which a trained one cannot change.

    Parameters
    ----------
    n_components : int, default={n_components}
        Width of the code: the number of columns that `transform` returns.

    hidden_channels : tuple of int, default={hidden_channels}
        Widths of the convolution stages. A stage halves each side that is still longer than 3;
        later stages that find nothing to halve are left out.

    hidden_layer_sizes : tuple of int, default={hidden_layer_sizes}
        Widths of fully connected layers between the convolution stages and {last_layers}.

    encoder : class or callable, default=None
        Builds a custom encoder, called as `encoder(image_shape=(C, H, W),
        n_outputs={encoder_outputs})`: a :class:`torch.nn.Module` that maps images `(b, C, H, W)`
        to `(b, n_outputs)`.

    decoder : class or callable, default=None
        Builds a custom decoder, called as `decoder(image_shape=(C, H, W), n_inputs=n_components)`:
        a :class:`torch.nn.Module` that maps codes `(b, n_inputs)` to images `(b, C, H, W)`.
    """

    constraints: ClassVar[dict] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden_channels": ["array-like"],
        "hidden_layer_sizes": ["array-like"],
        "encoder": [callable, None],
        "decoder": [callable, None],
    }
    factories: ClassVar[dict] = {
        "encoder": ("encoder",),
        "decoder": ("decoder",),
    }  # what they build


class TrainingParameters:
    """Training.

    Parameters
    ----------
    max_epochs : int, default={max_epochs}
        Passes over the training rows.

    batch_size : int or "auto", default={batch_size}
        Rows per step of the optimiser. "auto" is one fiftieth of the training rows, so that small
        data get enough steps; at least 16, and at most 64 on a CPU and 128 on other devices.

    learning_rate : float, default={learning_rate}
        Step size; the peak of a schedule.

    weight_decay : float, default=0.0
        Weight decay, handed to the optimiser.

    optimizer : {"adam", "adamw", "sgd"} or class, default="adam"
        The optimiser; a class is one of :mod:`torch.optim`, and is called with the parameters of
        the network, `lr`, and `weight_decay` if it takes one. "sgd" has a Nesterov momentum of 0.9,
        and starts slowly: raise `learning_rate` (a small network learnt at 0.3).

    learning_rate_schedule : {"one_cycle", "cosine", "constant"}, default={learning_rate_schedule}
        How the learning rate moves over the `max_epochs` of `fit`. `partial_fit` does not know how
        much is to come and uses "constant".

    early_stopping : bool, default=False
        {early_stopping_effect}

    validation_fraction : float, default=0.1
        Share of the rows to hold out{held_out}.

    n_iter_no_change : int, default=10
        Epochs without improvement after which to stop. Only used with `early_stopping`.

    tol : float, default=1e-4
        The least fall of {watched} that counts as improvement. It decides when to
        stop, not which epoch was best. Only used with `early_stopping`.

    warm_start : bool, default=False
        Go on from the weights of the last `fit`, and, if that had `warm_start` too, from the state
        of its optimiser. Each call trains for `max_epochs` more, with a schedule of its own.

    verbose : bool or int, default=False
        Print a line per epoch.

    random_state : int, RandomState instance or None, default=None
        Seeds the weights, the order of the rows and the noise. With None each fit is different.
        The global states of numpy and torch are neither read nor changed (but for torch's while a
        network of your own is trained; it is restored).

    device : str, default="auto"
        Where to compute: "auto" (cuda, else mps, else cpu), or a torch device such as "cpu" or
        "cuda:1".

    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of training. "auto" is bfloat16 autocast on a cuda device that computes in it, and float32
        elsewhere. `transform` is always float32; on a GPU its convolutions use TF32, unless
        ``torch.backends.cudnn.allow_tf32`` is set to False.

    compile : bool, default=False
        Compile the training step with :func:`torch.compile`.

    callbacks : list, default=None
        Callbacks of skorch for the training loop, such as `skorch.callbacks.TensorBoard`, and
        :class:`TrainingCheckpoint`, with which a training that was stopped goes on. `fit` works
        with copies, and leaves them in `callbacks_`. For scikit-learn's callbacks (progress bars)
        use `set_callbacks`.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained network, with `encode(images)`, `decode(codes)` and `forward(images)`.

    history_ : list of dict
        One dict per epoch: "epoch", "duration" in seconds, {history}.

    n_iter_ : int
        Number of epochs trained.

    callbacks_ : list of callbacks
        Copies of `callbacks`, as the training has left them; they are not saved with the estimator.
        Defined only with `callbacks`.
    """

    constraints: ClassVar[dict] = {
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "optimizer": [StrOptions({"adam", "adamw", "sgd"}), type],
        "learning_rate_schedule": [StrOptions({"constant", "cosine", "one_cycle"})],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "compile": ["boolean"],
        "callbacks": [list, tuple, None],
    }


PARAMETER_GROUPS = (TrainingParameters, NetworkParameters, ImageParameters)
DEFAULT_WORDING = {  # of the prose, where a model says nothing else
    "encoder_outputs": "n_components",  # what a custom encoder is asked for
    "last_layers": "the code",
    "early_stopping_effect": (
        "Hold out rows, stop when the loss on them no longer improves, and keep the weights of the"
        "\n    best epoch."
    ),
    "held_out": ". Only used with `early_stopping`",
    "watched": "the validation loss",
    "history": ('"train_loss", the parts of the loss,\n    and "valid_loss" with `early_stopping`'),
}


def with_shared_parameters(**wording):
    """Give an estimator the constraints and the prose of the shared parameters that it takes.

    Parameters
    ----------
    **wording : str
        What to say in place of `DEFAULT_WORDING`.
    """

    def unite(cls):
        defaults = {
            name: parameter.default for name, parameter in inspect.signature(cls).parameters.items()
        }
        shared = {
            name: constraint
            for group in PARAMETER_GROUPS
            for name, constraint in group.constraints.items()
            if name in defaults
        }
        cls._parameter_constraints = shared | vars(cls).get("_parameter_constraints", {})
        factories = NetworkParameters.factories | vars(cls).get("_factories", {})
        cls._factories = {name: parts for name, parts in factories.items() if name in defaults}
        shared_names = [name for name in shared if name in NetworkParameters.constraints]
        own_names = vars(cls).get("_network_parameters", ())
        cls._network_parameters = tuple(dict.fromkeys([*shared_names, *cls._factories, *own_names]))
        cls.__doc__ = unite_docstrings(cls, PARAMETER_GROUPS, defaults, DEFAULT_WORDING | wording)
        return cls

    return unite


def store(estimator, arguments):
    """Assign the arguments of `__init__`, its `locals()`, as they came."""
    vars(estimator).update(
        {name: value for name, value in arguments.items() if name not in ("self", "__class__")}
    )
