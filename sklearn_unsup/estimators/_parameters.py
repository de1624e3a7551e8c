"""Shared parameters of estimators: documentation and constraints.

A model lists the parameters it takes in the signature of `__init__`, with its own defaults.
`with_shared_parameters` adds their documentation and constraints.
"""

import inspect
from numbers import Integral, Real
from typing import ClassVar

from sklearn_unsup._sklearn import Interval, StrOptions
from sklearn_unsup.estimators._documentation import unite_docstrings


class ImageParameters:
    """Parameters of the image shape.

    Parameters
    ----------
    image_shape : tuple of int, default=None
        Shape of one image: `(H, W)`, `(C, H, W)` or `(H, W, C)`. None takes it from X if X has more
        than two axes. Otherwise a row is a square grey image if `n_features` is a perfect square,
        else an image of height 1.

    channel_axis : int, default=None
        Index of the channels in `image_shape`. With None, a shape of two axes is a grey image. Of
        three axes, the first or the last holds the channels, if its length is at most 4 and the
        other is longer. With two axes, `channel_axis` describes a signal with several channels:
        `image_shape=(3, 100), channel_axis=0`.

    Attributes
    ----------
    image_shape_ : tuple of int
        `(C, H, W)` of the images that the network sees.

    n_features_in_ : int
        Number of features seen during :term:`fit`: the product of `image_shape_`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when X has feature names that are
        all strings.
    """

    constraints: ClassVar[dict] = {
        "image_shape": ["array-like", None],
        "channel_axis": [Interval(Integral, None, None, closed="neither"), None],
    }


class NetworkParameters:
    """Parameters of the network, which cannot change once it is trained.

    Parameters
    ----------
    n_components : int, default={n_components}
        Number of components of the latent code, which `transform` returns. More components keep
        more detail of an image; fewer give a more compact embedding. Typical values are 2 to 128.

    hidden_channels : tuple of int, default={hidden_channels}
        Number of channels of each convolution stage. More channels learn more detail and take
        longer. A stage halves each side that is longer than 3; if there is none, it is left out.

    hidden_layer_sizes : tuple of int, default={hidden_layer_sizes}
        Widths of the fully connected layers between the convolution stages and {last_layers}.

    encoder : class or callable, default=None
        Builds a custom encoder. It is called as `encoder(image_shape=(C, H, W),
        n_outputs={encoder_outputs})` and returns a :class:`torch.nn.Module` that maps images
        `(b, C, H, W)` to `(b, n_outputs)`.

    decoder : class or callable, default=None
        Builds a custom decoder. It is called as `decoder(image_shape=(C, H, W),
        n_inputs={decoder_inputs})` and returns a :class:`torch.nn.Module` that maps codes
        `(b, n_inputs)` to images `(b, C, H, W)`.
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
    }  # parts of the network that each parameter builds


class TrainingParameters:
    """Parameters of the training.

    Parameters
    ----------
    max_epochs : int, default={max_epochs}
        Maximum number of passes over the training rows. More epochs fit better and take longer.

    batch_size : int or "auto", default={batch_size}
        Number of rows per step of the optimiser. "auto" is one fiftieth of the training rows, which
        gives small data sets enough steps; at least 16, and at most 64 on a CPU or 128 elsewhere.

    learning_rate : float, default={learning_rate}
        Step size of the optimiser; the maximum of a schedule. Lower it if training diverges.

    weight_decay : float, default=0.0
        Weight decay of the optimiser. Larger values regularise more.

    optimizer : {"adam", "adamw", "sgd"} or class, default="adam"
        The optimiser, by name or as a class of :mod:`torch.optim`. A class is called with the
        parameters of the network, `lr`, and `weight_decay` if it accepts one. "sgd" has a Nesterov
        momentum of 0.9 and needs a higher `learning_rate`, such as 0.3.

    learning_rate_schedule : {"one_cycle", "cosine", "constant"}, default={learning_rate_schedule}
        Schedule of the learning rate over the `max_epochs` of `fit`. `partial_fit` always uses
        "constant".

    early_stopping : bool, default=False
        {early_stopping_effect}

    validation_fraction : float, default=0.1
        Share of the rows to hold out{held_out}.

    n_iter_no_change : int, default=10
        Epochs without improvement after which training stops. Only used with `early_stopping`.

    tol : float, default=1e-4
        Minimum decrease of {watched} that counts as improvement. It affects when
        training stops, not which epoch is best. Only used with `early_stopping`.

    warm_start : bool, default=False
        Continue from the weights of the previous `fit`. If that also had `warm_start`, the state of
        its optimiser is reused. Each call trains for `max_epochs` more, with a new schedule.

    verbose : bool or int, default=False
        Print a line per epoch.

    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of the rows and the noise. With None, each fit is
        different. The global random states of numpy and torch are not used. Custom networks are an
        exception: they use torch's, which is restored afterwards.

    device : str, default="auto"
        Device for all computations: "auto" (cuda, else mps, else cpu), or a torch device such as
        "cpu" or "cuda:1".

    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of training. "auto" is bfloat16 autocast on CUDA devices with hardware support for
        it, and float32 elsewhere. `transform` is always float32. On a GPU its convolutions use
        TF32, unless ``torch.backends.cudnn.allow_tf32`` is set to False.

    compile : bool, default=False
        Compile the training step with :func:`torch.compile`.

    callbacks : list, default=None
        Callbacks of skorch for the training loop, such as `skorch.callbacks.TensorBoard`. With
        :class:`TrainingCheckpoint`, interrupted training resumes. `fit` copies the callbacks, and
        stores the copies in `callbacks_`. For scikit-learn's callbacks (progress bars), use
        `set_callbacks`.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained network, with `encode(images)`, `decode(codes)` and `forward(images)`.

    history_ : list of dict
        One dict per epoch: "epoch", "duration" in seconds, {history}.

    n_iter_ : int
        Number of epochs trained.

    callbacks_ : list of callbacks
        Copies of `callbacks` after training; they are not saved with the estimator. Defined only
        with `callbacks`.
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
DEFAULT_WORDING = {  # of the placeholders above
    "encoder_outputs": "n_components",
    "decoder_inputs": "n_components",
    "last_layers": "the code",
    "early_stopping_effect": (
        "Hold out rows, stop training when the loss on them no longer improves, and keep the"
        "\n    weights of the best epoch."
    ),
    "held_out": ". Only used with `early_stopping`",
    "watched": "the validation loss",
    "history": ('"train_loss", the parts of the loss,\n    and "valid_loss" with `early_stopping`'),
}


def with_shared_parameters(**wording):
    """Add the constraints and the documentation of shared parameters to an estimator class.

    Parameters
    ----------
    **wording : str
        Texts that replace those of `DEFAULT_WORDING`.
    """
    if unknown := wording.keys() - DEFAULT_WORDING.keys():
        raise TypeError(
            f"There is no wording of {sorted(unknown)}: expected {sorted(DEFAULT_WORDING)}."
        )

    def decorate(cls):
        signature = inspect.signature(cls).parameters
        defaults = {name: parameter.default for name, parameter in signature.items()}
        shared = {
            name: constraint
            for group in PARAMETER_GROUPS
            for name, constraint in group.constraints.items()
            if name in defaults
        }
        cls._parameter_constraints = shared | getattr(cls, "_parameter_constraints", {})
        factories = NetworkParameters.factories | getattr(cls, "_factories", {})
        cls._factories = {name: parts for name, parts in factories.items() if name in defaults}
        shared_names = [name for name in shared if name in NetworkParameters.constraints]
        own_names = getattr(cls, "_network_parameters", ())
        cls._network_parameters = tuple(dict.fromkeys([*shared_names, *cls._factories, *own_names]))
        cls.__doc__ = unite_docstrings(cls, PARAMETER_GROUPS, defaults, DEFAULT_WORDING | wording)
        return cls

    return decorate


def store(estimator, arguments):
    """Set the arguments of `__init__`, its `locals()`, as attributes of an estimator."""
    for name, value in arguments.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)
