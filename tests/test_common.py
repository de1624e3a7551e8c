"""scikit-learn's own checks, with no expected failure."""

import pytest
from every_model import EVERY_CLASS, EVERY_MODEL, slow_unless, with_parameters
from example_networks import LinearDecoder, LinearEncoder
from sklearn.decomposition import PCA
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_unsup import ConvAutoencoder, ConvGAN, ConvOutlierDetector, ConvVAE
from sklearn_unsup.estimators import _input, _vae

# The checks' random data hold nothing to learn, and have few rows; models warn of that.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:n_neighbors=15 is more than:UserWarning"),
]

SMALL = {"hidden_channels": (8, 16), "max_epochs": 2, "device": "cpu"}


def at_defaults(name, **params):
    """Return an estimator of a class in the table, with its defaults but for these parameters."""
    estimator = type(EVERY_MODEL[name]())()
    known = estimator.get_params()
    return estimator.set_params(**{each: params[each] for each in params if each in known})


# The default training of an encoder takes a minute, and the checks fit a hundred times.
SHORTER = {
    name: {"max_epochs": 10} for name in ("ConvNeighborEmbedding", "ConvSelfSupervisedEncoder")
}
DEFAULTS = [at_defaults(name, device="cpu", **SHORTER.get(name, {})) for name in EVERY_CLASS]
BRIEFLY = [  # what wraps another takes no epochs itself: detectors are below
    at_defaults(name, device="cpu", max_epochs=2)
    for name in with_parameters("max_epochs", among=EVERY_CLASS)
]
VARIANTS = [
    ConvAutoencoder(**SMALL, early_stopping=True),
    # A check compares two fits in a row; with warm_start the second goes on learning. A rate that
    # learns nothing keeps the two alike, and all of the warm start's path is run.
    ConvAutoencoder(**SMALL, warm_start=True, learning_rate=1e-12),
    ConvAutoencoder(**SMALL, encoder=LinearEncoder, decoder=LinearDecoder),
    ConvAutoencoder(**SMALL, noise_level=0.3, l1_activity=0.1),
    ConvAutoencoder(**SMALL, loss="binary_cross_entropy", optimizer="sgd", learning_rate=0.01),
    ConvAutoencoder(**SMALL | {"max_epochs": 1}, batch_size=1, precision="bfloat16"),
    ConvGAN(**SMALL, code="discriminator", objective="hinge", early_stopping=True),
    ConvGAN(**SMALL, code="adversarial", objective="wasserstein_gp", n_critic=2),
    ConvGAN(
        **SMALL, objective="least_squares", generator=LinearDecoder, discriminator=LinearEncoder
    ),
    ConvVAE(**SMALL, early_stopping=True, beta=2.0, beta_warmup_epochs=1, free_bits=0.1),
    ConvVAE(**SMALL, prior="normal", encoder=LinearEncoder, decoder=LinearDecoder),
]
DETECTORS = [
    ConvOutlierDetector(ConvAutoencoder(device="cpu", max_epochs=2)),
    ConvOutlierDetector(ConvAutoencoder(**SMALL), method="reconstruction_error"),
    ConvOutlierDetector(ConvVAE(**SMALL)),
    ConvOutlierDetector(PCA(1)),
]

VARIED = {type(model) for model in [*VARIANTS, *DETECTORS]}
SMALL_ONES = [EVERY_MODEL[name]() for name in EVERY_CLASS]
VARIANTS += [model for model in SMALL_ONES if type(model) not in VARIED]
# Tables depend on the class and its networks: one of each class, and one with custom networks.
TRANSFORMERS = [
    model
    for model in VARIANTS
    if hasattr(model, "transform")
    and (type(model) not in VARIED or model.early_stopping or "Linear" in repr(model))
]

# scikit-learn runs these on its own estimators, but does not yield them to others.
CHECKS_OF_ALL = [
    "check_param_validation",
    "check_dataframe_column_names_consistency",
    "check_inplace_ensure_writeable",
]
CHECKS_OF_TRANSFORMERS = [
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_get_feature_names_out_error",
]


@parametrize_with_checks(
    [*BRIEFLY, *VARIANTS[::3], *DETECTORS[::3]], expected_failed_checks=lambda estimator: {}
)
def test_estimator_checks(estimator, check):
    check(estimator)  # asserts within


@pytest.mark.slow
@parametrize_with_checks(
    [*DEFAULTS, *VARIANTS, *DETECTORS], expected_failed_checks=lambda estimator: {}
)
def test_estimator_checks_of_all_defaults_and_variants(estimator, check):
    check(estimator)  # asserts within


@parametrize_with_checks([ConvAutoencoder(**SMALL)], expected_failed_checks=lambda estimator: {})
def test_estimator_checks_on_colour_images(estimator, check, monkeypatch):
    # The checks vary the width of X, so no image_shape fits all: every feature is made a channel.
    monkeypatch.setattr(_input, "find_layout", lambda n_features, *_: ((n_features, 1, 1), 0))
    check(estimator)  # asserts within


@parametrize_with_checks(
    [ConvVAE(**SMALL, likelihood="bernoulli", binarize="static")],
    expected_failed_checks=lambda estimator: {},
)
def test_estimator_checks_on_a_likelihood_of_binary_images(estimator, check, monkeypatch):
    # The checks draw X of any range, which this likelihood refuses: here it is let through.
    monkeypatch.setattr(_vae, "check_unit_interval", lambda rows: None)
    check(estimator)  # asserts within


@pytest.mark.parametrize("estimator", [*VARIANTS, *DETECTORS], ids=repr)
@pytest.mark.parametrize("name", CHECKS_OF_ALL)
def test_checks_that_are_not_yielded(estimator, name):
    getattr(estimator_checks, name)(type(estimator).__name__, estimator)  # asserts within


# Some of them fit a table and transform an array, or an array and a table.
@pytest.mark.filterwarnings(
    "ignore:X has feature names, but", "ignore:X does not have valid feature"
)
@pytest.mark.parametrize(
    "estimator", slow_unless(lambda model: model.early_stopping, TRANSFORMERS), ids=repr
)
@pytest.mark.parametrize("name", CHECKS_OF_TRANSFORMERS)
def test_checks_of_transformers_that_are_not_yielded(estimator, name):
    getattr(estimator_checks, name)(type(estimator).__name__, estimator)  # asserts within
