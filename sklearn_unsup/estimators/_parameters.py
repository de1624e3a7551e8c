"""The parameters that every estimator has: what they may be, and what they mean."""

import inspect
import io
import pickle
import re
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_unsup._sklearn import Interval, StrOptions

SHARED_CONSTRAINTS = {
    "n_components": [Interval(Integral, 1, None, closed="left")],
    "image_shape": ["array-like", None],
    "channel_axis": [Interval(Integral, None, None, closed="neither"), None],
    "hidden_channels": ["array-like"],
    "hidden_layer_sizes": ["array-like"],
    "encoder": [callable, None],
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

# Those of them that shape the network: a trained one cannot follow when they change.
NETWORK_PARAMETERS = ("n_components", "hidden_channels", "hidden_layer_sizes", "encoder")

SHARED_PARAMETERS = """\
n_components : int, default={n_components}
        Width of the code: the number of columns that `transform` returns.

    image_shape : tuple of int, default=None
        Shape of one image: `(H, W)`, `(C, H, W)` or `(H, W, C)`. None takes it from n-d X; rows are
        taken as a square grey image if `n_features` is a perfect square, else as one row of pixels.

    channel_axis : int, default=None
        Which axis of `image_shape` holds the channels. None: two sides are a grey image; of three
        sides, an end of at most 4 holds the channels if the other end is longer. With two sides,
        `channel_axis` makes a signal of several channels: `image_shape=(3, 100), channel_axis=0`.

    hidden_channels : tuple of int, default={hidden_channels}
        Widths of the convolution stages. A stage halves each side that is still longer than 3;
        later stages that find nothing to halve are left out.

    hidden_layer_sizes : tuple of int, default={hidden_layer_sizes}
        Widths of fully connected layers between the convolution stages and {last_layers}.

    encoder : class or callable, default=None
        Builds a custom encoder, called as `encoder(image_shape=(C, H, W),
        n_outputs={encoder_outputs})`: a :class:`torch.nn.Module` that maps images `(b, C, H, W)`
        to `(b, n_outputs)`.

    {partners}

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

    learning_rate_schedule : {"one_cycle", "cosine", "constant"}, \
default={learning_rate_schedule}
        How the learning rate moves over the `max_epochs` of `fit`. `partial_fit` does not know how
        much is to come and uses "constant".

    early_stopping : bool, default=False
        {early_stopping}

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
        use `set_callbacks`."""

SHARED_ATTRIBUTES = """\
network_ : torch.nn.Module
        The trained network, with `encode(images)`, `decode(codes)` and `forward(images)`.

    history_ : list of dict
        One dict per epoch: "epoch", "duration" in seconds, {history}.

    n_iter_ : int
        Number of epochs trained.

    image_shape_ : tuple of int
        `(C, H, W)` of the images that the network sees.

    n_features_in_ : int
        Number of features seen during :term:`fit`: the product of the image's sides.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when X has feature names that are
        all strings.

    callbacks_ : list of callbacks
        Copies of `callbacks`, as the training has left them; they are not saved with the estimator.
        Defined only with `callbacks`."""


DECODER = """\
decoder : class or callable, default=None
        Builds a custom decoder, called as `decoder(image_shape=(C, H, W), n_inputs=n_components)`:
        a :class:`torch.nn.Module` that maps codes `(b, n_inputs)` to images `(b, C, H, W)`."""


def plain(value):
    """Return the plain value that a parameter stands for: grids are made of numpy's.

    Arrays of any library, lists and ranges become tuples, scalars of numpy become Python's.
    """
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "__array__") and not callable(value):
        return plain(np.asarray(value).tolist())
    return tuple(map(plain, value)) if isinstance(value, list | tuple | range) else value


def check_widths(hidden_channels, hidden_layer_sizes):
    """Raise a ValueError if one of the two is not a sequence of widths."""
    for name, widths in (
        ("hidden_channels", hidden_channels),
        ("hidden_layer_sizes", hidden_layer_sizes),
    ):
        is_sequence = isinstance(widths, list | tuple)  # scikit-learn takes a set, and array(4)
        if not is_sequence or not all(
            isinstance(width, Integral) and width >= 1 for width in widths
        ):
            raise ValueError(
                f"{name}={widths!r}: expected a tuple of integers of at least 1, such as (32, 64)."
            )
    if not len(hidden_channels):
        raise ValueError("hidden_channels=(): expected at least one width, such as (32, 64).")


WORDING = {
    "encoder_outputs": "n_components",  # what a custom encoder is asked for
    "last_layers": "the code",
    "partners": DECODER,  # the networks beside it
    "early_stopping": (
        "Hold out rows, stop when the loss on them no longer improves, and keep the weights of the"
        "\n        best epoch."
    ),
    "held_out": ". Only used with `early_stopping`",
    "watched": "the validation loss",
    "history": (
        '"train_loss", the parts of the loss,\n        and "valid_loss" with `early_stopping`'
    ),
}


PARAMETERS = "Parameters\n    ----------\n    "
ATTRIBUTES = "\n\n    Attributes\n    ----------\n"
HEADINGS = f"{PARAMETERS}|{ATTRIBUTES}"
NEXT_PARAMETER = r"\n\n {4}(?=\w)"  # deeper indented paragraphs belong to the one before


class _Pickler(pickle.Pickler):
    def reducer_override(self, value):
        """Take a class or function of the user's script as it is.

        A worker process has it from cloudpickle, and has no such script.
        """
        name = getattr(value, "__qualname__", "<")
        if getattr(value, "__module__", None) == "__main__" and "<" not in name:
            return str, (name,)
        return NotImplemented


def check_can_be_pickled(name, factory):
    """Raise an error before the training, not when its result is to be saved."""
    try:
        _Pickler(io.BytesIO()).dump(factory)
    except Exception as error:
        raise ValueError(
            f"{name}={factory!r} cannot be pickled ({error}), so the fitted estimator could not be "
            "saved. Give a class or function that is defined with a name at the top of a module."
        ) from error


def document(**wording):
    """Write the shared parameters, with the defaults of an estimator, into its docstring.

    Parameters
    ----------
    **wording : str
        What is to be said in place of `WORDING`.
    """

    def write(cls):
        words = {
            name: f'"{parameter.default}"'
            if isinstance(parameter.default, str)
            else str(parameter.default)
            for name, parameter in inspect.signature(cls).parameters.items()
        }
        words |= WORDING | wording
        shared = {
            "shared_parameters": SHARED_PARAMETERS,
            "shared_attributes": SHARED_ATTRIBUTES,
        }
        for name, word in (shared | words).items():
            cls.__doc__ = cls.__doc__.replace(f"{{{name}}}", word)
        head, parameters, tail = re.split(HEADINGS, cls.__doc__)
        blocks = re.split(NEXT_PARAMETER, parameters.strip())
        order = list(inspect.signature(cls).parameters)
        blocks.sort(key=lambda block: order.index(block.split(" : ")[0]))
        parameters = "\n\n    ".join(block.strip() for block in blocks)
        cls.__doc__ = f"{head}{PARAMETERS}{parameters}{ATTRIBUTES}{tail}"
        return cls

    return write


class SharedParameters(BaseEstimator):
    """Hold the shared parameters; the child gives the defaults, for its signature to show."""

    _parameter_constraints = SHARED_CONSTRAINTS

    def __init__(
        self,
        n_components,
        *,
        image_shape,
        channel_axis,
        hidden_channels,
        hidden_layer_sizes,
        encoder,
        max_epochs,
        batch_size,
        learning_rate,
        weight_decay,
        optimizer,
        learning_rate_schedule,
        early_stopping,
        validation_fraction,
        n_iter_no_change,
        tol,
        warm_start,
        verbose,
        random_state,
        device,
        precision,
        compile,
        callbacks,
    ):
        self.n_components = n_components
        self.image_shape = image_shape
        self.channel_axis = channel_axis
        self.hidden_channels = hidden_channels
        self.hidden_layer_sizes = hidden_layer_sizes
        self.encoder = encoder
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.optimizer = optimizer
        self.learning_rate_schedule = learning_rate_schedule
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.compile = compile
        self.callbacks = callbacks
