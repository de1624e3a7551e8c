"""Users' own networks, in every role of every estimator."""

import copy
import pickle
from functools import partial

import example_networks as nets
import numpy as np
import pytest
import torch
from every_model import slow_unless
from example_networks import InPlace, OutOfPlace
from sklearn.base import clone

from sklearn_unsup import ConvAutoencoder, ConvGAN, ConvVAE

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"hidden_channels": (4,), "max_epochs": 1, "random_state": 0, "device": "cpu"}
ROLES = [
    (ConvAutoencoder, "encoder"),
    (ConvAutoencoder, "decoder"),
    (ConvVAE, "encoder"),
    (ConvVAE, "decoder"),
    (ConvGAN, "encoder"),
    (ConvGAN, "generator"),
    (ConvGAN, "discriminator"),
]
QUICK_ROLES = [(ConvAutoencoder, "encoder"), (ConvGAN, "generator")]
in_every_role = pytest.mark.parametrize(
    ("model", "role"),
    slow_unless(QUICK_ROLES.__contains__, ROLES),
    ids=[f"{model.__name__}-{role}" for model, role in ROLES],
)
ENCODERS = "encoder", "discriminator"
BODIES = [
    nets.without_bias,
    nets.lazy,
    nets.shared,
    nets.dropping,
    nets.half_frozen,
    nets.weight_normed,
    nets.spectral_normed,
    nets.Masked,
]


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((40, 8, 8), dtype=np.float32)


def with_body(model, role, body, **params):
    build = nets.flat_encoder if role in ENCODERS else nets.flat_decoder
    return model(2, **{role: partial(build, body=body)}, **SMALL, **params)


def outputs(fitted, images):
    codes = fitted.transform(images)
    return np.concatenate([codes, fitted.inverse_transform(codes).reshape(40, -1)], axis=1)


@in_every_role
@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_any_kind_of_layer_learns_and_is_saved(model, role, body, images, tmp_path):
    fitted = with_body(model, role, body).fit(images)
    expected = outputs(fitted, images)
    assert np.isfinite(expected).all()
    path = tmp_path / "weights.safetensors"
    loaded = with_body(model, role, body).load_weights(fitted.save_weights(path) and path)
    for other in (
        pickle.loads(pickle.dumps(fitted)),
        copy.deepcopy(fitted),
        loaded,
        clone(fitted).fit(images),
    ):
        np.testing.assert_array_equal(outputs(other, images), expected)
    assert not np.array_equal(outputs(fitted.partial_fit(images), images), expected)


@in_every_role
@pytest.mark.parametrize(
    "body", [nets.frozen, nets.without_parameters], ids=lambda body: body.__name__
)
def test_one_network_may_be_frozen_where_another_learns(model, role, body, images):
    estimator = with_body(model, role, body)
    if role == "discriminator":
        with pytest.raises(ValueError, match=r"discriminator=.*require a gradient"):
            estimator.fit(images)
        return
    fitted = estimator.fit(images)
    assert not any(p.requires_grad for p in getattr(fitted.network_, role).parameters())
    np.testing.assert_array_equal(
        outputs(pickle.loads(pickle.dumps(fitted)), images), outputs(fitted, images)
    )


@pytest.mark.parametrize("model", [ConvAutoencoder, ConvVAE])
def test_two_frozen_networks_have_nothing_to_learn(model, images):
    decoder = partial(nets.flat_decoder, body=nets.frozen)
    with pytest.raises(ValueError, match=r"encoder= and decoder=.*require a gradient"):
        with_body(model, "encoder", nets.frozen, decoder=decoder).fit(images)


def test_a_frozen_generator_without_an_encoder_has_nothing_to_learn(images):
    with pytest.raises(ValueError, match=r"generator=.*require a gradient"):
        with_body(ConvGAN, "generator", nets.frozen, code="discriminator").fit(images)


@pytest.mark.parametrize("body", [nets.shared, nets.lazy, nets.weight_normed, nets.spectral_normed])
def test_a_discriminator_of_any_kind_has_a_bounded_norm_with_a_hinge(body, images):
    fitted = with_body(ConvGAN, "discriminator", body, objective="hinge").fit(images)
    layers = [m for m in fitted.network_.discriminator.modules() if isinstance(m, torch.nn.Linear)]
    norms = [torch.linalg.matrix_norm(layer.weight.detach(), 2).item() for layer in layers]
    assert max(norms) < 1.3


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_a_hinge_names_the_layer_that_it_cannot_bound(images):
    with pytest.raises(ValueError, match=r"discriminator=.*parametrizations.weight_norm instead"):
        with_body(ConvGAN, "discriminator", nets.old_weight_norm, objective="hinge").fit(images)


def test_a_generator_learns_in_a_textbook_gan_without_biases(images):
    def weights(fitted):
        return torch.cat([p.flatten() for p in fitted.network_.average.parameters()])

    params = {"generator": partial(nets.flat_decoder, body=nets.without_bias), **SMALL}
    once = ConvGAN(2, **params).fit(images)
    twice = ConvGAN(2, **params, restore_best=False).set_params(max_epochs=3).fit(images)
    assert not torch.equal(weights(once), weights(twice))


VARIANTS = [
    (ConvAutoencoder, "encoder", {}),
    (ConvAutoencoder, "encoder", {"l1_activity": 0.1, "loss": "binary_cross_entropy"}),
    (ConvAutoencoder, "decoder", {"l1_activity": 0.1}),
    (ConvVAE, "encoder", {}),
    (ConvVAE, "encoder", {"likelihood": "bernoulli", "binarize": "dynamic"}),
    (ConvVAE, "decoder", {}),
    (ConvGAN, "encoder", {}),
    (ConvGAN, "encoder", {"code": "adversarial"}),
    (ConvGAN, "generator", {}),
    (ConvGAN, "generator", {"code": "adversarial"}),
    (ConvGAN, "discriminator", {}),
    (ConvGAN, "discriminator", {"r1_penalty": 0.0, "code": "adversarial"}),
    (ConvGAN, "discriminator", {"objective": "wasserstein_gp", "code": "adversarial"}),
]


@pytest.mark.parametrize(("model", "role", "params"), VARIANTS)
def test_a_network_that_works_in_place_changes_nothing_of_others(model, role, params, images):
    def fit(network):
        return model(2, **{role: network}, **SMALL, **params).fit(images)

    found, expected = fit(InPlace), fit(OutOfPlace)
    np.testing.assert_array_equal(outputs(found, images), outputs(expected, images))
    codes = found.transform(images)
    kept = codes.copy()
    found.inverse_transform(codes)
    found.score(images)
    np.testing.assert_array_equal(codes, kept)  # what the user gave
    assert np.array_equal(found.score(images), expected.score(images))


@in_every_role
def test_what_a_network_raises_is_said_with_its_parameter(model, role, images):
    with pytest.raises(ValueError, match=rf"^{role}=.*ZeroDivisionError") as info:
        with_body(model, role, nets.DividingByZero).fit(images)
    assert isinstance(info.value.__cause__, ZeroDivisionError)


@in_every_role
def test_the_default_dtype_of_the_user_is_not_obeyed(model, role, images):
    fitted = with_body(model, role, nets.lazy).fit(images)
    torch.set_default_dtype(torch.float64)
    try:
        other = pickle.loads(pickle.dumps(fitted))
        anew = clone(fitted).fit(images)
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(outputs(other, images), outputs(fitted, images))
    for parameter in anew.network_.parameters():
        assert parameter.dtype == torch.float32


@pytest.mark.parametrize(
    "params",
    [{"n_components": 10**18}, {"hidden_channels": (10**12,)}, {"hidden_layer_sizes": (10**15,)}],
)
@pytest.mark.parametrize("model", [ConvAutoencoder, ConvVAE, ConvGAN])
def test_networks_beyond_all_memory_are_refused_with_their_size(model, params, images):
    with pytest.raises(MemoryError, match=r"(,\d{3}){4} weights.*Lower n_components"):
        model(**{"n_components": 2, **SMALL, **params}).fit(images)
