"""Groups of parameters that estimators share: documentation and constraints."""

from numbers import Integral, Real
from typing import ClassVar

from sklearn_unsup._sklearn import Interval, StrOptions


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

    hidden_channels : tuple of int or "auto", default={hidden_channels}
        Number of channels of each convolution stage. More channels learn more detail and take
        longer. A stage halves each side that is longer than 3; if there is none, it is left out.
        "auto" halves the longer side until it is at most 4 pixels long, or 8 for images of more
        than 64 pixels, and doubles the channels to 128: (32, 64, 128) for 28 x 28 or 32 x 32
        pixels, (16, 32, 64, 128) for 64 x 64 to 128 x 128.

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
        "hidden_channels": ["array-like", StrOptions({"auto"})],
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
    max_translation : float or "auto", default="auto"
        Largest random translation of a training image, as a share of its sides; edges are
        repeated. It keeps the network from overfitting a few rows, and takes capacity where rows
        are many. "auto" is 1/16, and 0 for 20,000 rows or more and in `partial_fit`. It is rounded
        down to pixels: images of less than 16 pixels are not translated by 1/16.

    gaussian_fraction : float or "auto", default="auto"
        Fraction of the training images that are replaced by Gaussian ones: random linear
        combinations of the images of a batch, with their mean and covariance. PCA is the best
        autoencoder of such images, which keeps the network from being worse than PCA where rows are
        few. Larger values regularise more; 0 is better where a network learns much from few rows,
        such as periodic signals. "auto" is ``300 / (n_samples + 300)``, and 0 for 20,000
        rows or more and in `partial_fit`.

    max_epochs : int or "auto", default={max_epochs}
        Maximum number of passes over the training rows. More epochs fit better and take longer.
        "auto" takes about {auto_steps} steps of ``batch_size="auto"`` on a CPU, and at least 10
        epochs. A larger `batch_size` takes fewer steps.

    batch_size : int or "auto", default={batch_size}
        Number of rows per step of the optimiser. "auto" is one fiftieth of the training rows, which
        gives small data sets enough steps; {batch_limits}.
        For large images it is smaller, and {large_batch}

    learning_rate : float, default={learning_rate}
        Step size of the optimiser; the maximum of a schedule. Lower it if training diverges, or
        for trainings of many epochs.

    weight_decay : float, default=0.0
        Weight decay of the optimiser. Larger values regularise more.

    optimizer : {"muon", "adam", "adamw", "sgd"} or class, default={optimizer}
        The optimiser, by name or as a class of :mod:`torch.optim`. "muon" orthogonalises the
        momentum of kernels and matrices; a step takes longer than Adam's, and fewer are needed. A
        class is called with the parameters of the network, `lr`, and `weight_decay` if it accepts
        one. "sgd" has a Nesterov momentum of 0.9 and needs a higher `learning_rate`, such as 0.3.

    learning_rate_schedule : {"linear", "cosine", "one_cycle", "constant"}, \
default={learning_rate_schedule}
        Schedule of the learning rate over the `max_epochs` of `fit`. "linear" rises in the first
        twentieth of the steps and falls to 0 in a straight line. `partial_fit` always uses
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
        Print an estimate of the training time, and a line per epoch.

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
        "max_translation": [Interval(Real, 0, 0.5, closed="left"), StrOptions({"auto"})],
        "gaussian_fraction": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"})],
        "max_epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "optimizer": [StrOptions({"muon", "adam", "adamw", "sgd"}), type],
        "learning_rate_schedule": [StrOptions({"constant", "linear", "cosine", "one_cycle"})],
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
