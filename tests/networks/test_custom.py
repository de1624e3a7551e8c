"""What becomes of a user's factory: a module that works, or an error that names the parameter."""

import copy
from functools import partial

import pytest
import torch
from example_networks import LinearDecoder, LinearEncoder, Masked, flat_encoder
from torch import nn

from sklearn_unsup.networks import (
    Autoencoder,
    ConvEncoder,
    GenerativeAdversarialNetwork,
    VariationalAutoencoder,
    build_decoder,
    build_encoder,
)

SHAPE = (1, 4, 4)


class Changing(LinearEncoder):
    """Does something to its output, or in training only."""

    def __init__(self, image_shape, n_outputs, change, in_training):
        super().__init__(image_shape, n_outputs)
        self.change, self.in_training = change, in_training

    def forward(self, images):
        outputs = super().forward(images)
        return self.change(outputs) if self.training or not self.in_training else outputs


def fails(outputs):
    raise LookupError("no such thing")


@pytest.mark.parametrize("in_training", [False, True])
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (fails, ValueError, "LookupError: no such thing"),
        (lambda codes: (codes, codes), TypeError, "a tuple"),
        (lambda codes: {"codes": codes}, TypeError, "a dict"),
        (lambda codes: [codes], TypeError, "a list"),
        (lambda codes: None, TypeError, "None"),
        (lambda codes: codes.detach().numpy(), TypeError, "a ndarray"),
        (lambda codes: codes.double(), ValueError, "float64"),
        (lambda codes: codes.bfloat16(), ValueError, "bfloat16"),
        (lambda codes: codes.to(torch.complex64), ValueError, "complex64"),
        (lambda codes: codes.long(), ValueError, "int64"),
        (lambda codes: codes.to("meta"), ValueError, "'meta'"),
        (lambda codes: codes[:, :2], ValueError, r"shape \(\d, 2\)"),
        (lambda codes: codes[0], ValueError, r"shape \(3,\)"),
        (lambda codes: codes.mean(), ValueError, r"shape \(\)"),
    ],
)
def test_what_comes_out_is_checked_in_both_modes(change, error, message, in_training):
    mode = "training" if in_training else "evaluation"
    factory = partial(Changing, change=change, in_training=in_training)
    with pytest.raises(error, match=rf"^partner= .*{message}.*xpected") as info:
        build_encoder(factory, SHAPE, 3, "partner")
    assert f"in {mode} mode" in str(info.value)


def test_rows_that_are_mixed_up_are_found():
    factory = partial(Changing, change=lambda codes: codes.reshape(1, -1), in_training=False)
    with pytest.raises(ValueError, match=r"shape \(1, 6\).*\(2, 3\)"):
        build_encoder(factory, SHAPE, 3)


@pytest.mark.parametrize("change", [torch.detach, lambda codes: codes.data])
def test_an_output_that_nothing_can_be_learnt_from_is_an_error(change):
    with pytest.raises(ValueError, match=r"encoder=.*no gradient"):
        build_encoder(partial(Changing, change=change, in_training=False), SHAPE, 3)


@pytest.mark.parametrize("error", [MemoryError("full"), torch.OutOfMemoryError("full")])
def test_a_full_memory_is_no_fault_of_the_network(error):
    def fill(outputs):
        raise error

    with pytest.raises(type(error), match=r"^full$"):
        build_encoder(partial(Changing, change=fill, in_training=False), SHAPE, 3)


def other_arguments(shape, n):
    return LinearEncoder(shape, n)


def failing(image_shape, n_outputs):
    raise KeyError("weights.pt")


def on_meta(image_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(16, n_outputs, device="meta"))


def not_copied(image_shape, n_outputs):
    module = LinearEncoder(image_shape, n_outputs)
    module.rows = (row for row in ())
    return module


class LazyInTraining(LinearEncoder):
    def __init__(self, image_shape, n_outputs):
        super().__init__(image_shape, n_outputs)
        self.lazy = nn.LazyLinear(n_outputs)

    def forward(self, images):
        codes = super().forward(images)
        return self.lazy(codes) if self.training else codes


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (other_arguments, r"image_shape=\(1, 4, 4\), n_outputs=3: TypeError.*two and returns"),
        (failing, "KeyError: 'weights.pt'"),
        (on_meta, "1.weight on the device 'meta'.*'cpu'"),
        (not_copied, "deepcopy.*TypeError"),
        (LazyInTraining, "lazy.* lazy.weight got no shape"),
    ],
)
def test_factories_that_fail_are_named(factory, message):
    with pytest.raises(ValueError, match=rf"^encoder= .*{message}"):
        build_encoder(factory, SHAPE, 3)


ONE = LinearEncoder(SHAPE, 3)


def the_same(image_shape, n_outputs):
    return ONE


def on_one_backbone(image_shape, n_outputs):
    return nn.Sequential(ONE, nn.Linear(3, n_outputs))


class Keeper:
    def __init__(self, module):
        self.module = module

    def __call__(self, image_shape, n_outputs):
        return self.module


@pytest.mark.parametrize(
    "factory",
    [the_same, partial(the_same), Keeper(ONE), on_one_backbone],
    ids=["function", "partial", "object", "backbone"],
)
def test_a_module_that_is_returned_twice_is_an_error(factory):
    with pytest.raises(ValueError, match=r"^encoder= returns .*every fit and every clone"):
        build_encoder(factory, SHAPE, 3)


def test_frozen_layers_may_be_shared_by_all_builds():
    backbone = nn.Linear(16, 5).requires_grad_(False)

    def factory(image_shape, n_outputs):
        return nn.Sequential(nn.Flatten(), backbone, nn.Linear(5, n_outputs))

    assert build_encoder(factory, SHAPE, 3)(torch.zeros(2, *SHAPE)).shape == (2, 3)


def test_one_module_has_one_role():
    both = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="encoder= and decoder= have built one and the same"):
        Autoencoder(both, both, SHAPE, loss=None)
    with pytest.raises(ValueError, match="encoder= and decoder="):
        VariationalAutoencoder(both, both, None)
    with pytest.raises(ValueError, match="generator= and discriminator="):
        GenerativeAdversarialNetwork(both, both, SHAPE, 2, objective="hinge")


def test_trying_out_leaves_no_trace():
    def norm_of(build):
        torch.manual_seed(0)
        module = build()
        return module, torch.rand(3)

    def factory(image_shape, n_outputs):
        return nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(16, 3), nn.BatchNorm1d(3))

    plain, after_plain = norm_of(lambda: factory(SHAPE, 3))
    found, after = norm_of(lambda: build_encoder(factory, SHAPE, 3))
    torch.testing.assert_close(found.state_dict(), plain.state_dict(), rtol=0, atol=0)
    torch.testing.assert_close(after, after_plain, rtol=0, atol=0)
    assert not found.training


def scripted(image_shape, n_outputs):
    return torch.jit.script(nn.Sequential(nn.Flatten(), nn.ReLU(True), nn.Linear(16, n_outputs)))


def compiled(image_shape, n_outputs):
    module = nn.Sequential(nn.ReLU(True), nn.Flatten(), nn.Linear(16, n_outputs))
    return torch.compile(module, backend="eager")


def parametrized(image_shape, n_outputs):
    linear = nn.utils.parametrizations.weight_norm(nn.Linear(16, n_outputs))
    return nn.Sequential(nn.ReLU(True), nn.Flatten(), linear)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("factory", [scripted, compiled, parametrized])
def test_inputs_are_kept_whole_by_a_module_and_its_copies(factory):
    module = build_encoder(factory, SHAPE, 3)
    for part in (module, copy.deepcopy(module), torch.compile(module, backend="eager")):
        images = -torch.ones(2, *SHAPE)
        part(images)
        assert (images == -1).all()
        part(images.requires_grad_()).sum().backward()  # a leaf, in place
        assert (images.grad == 0).all()


def test_networks_of_the_package_can_be_given():
    torch.manual_seed(0)
    encoders = [build_encoder(partial(ConvEncoder, hidden_channels=(4,)), SHAPE, 3)] * 2
    codes = [encoder(torch.ones(2, *SHAPE)) for encoder in encoders]
    assert torch.isfinite(codes[0]).all()
    assert codes[0].std() > 0


DEFAULTS = [(torch.float64, "cpu"), (torch.bfloat16, "cpu"), (torch.float32, "meta")]


@pytest.mark.parametrize(("dtype", "device"), DEFAULTS)
def test_modules_do_not_depend_on_torchs_defaults(dtype, device):
    torch.set_default_dtype(dtype)
    torch.set_default_device(device)
    try:
        module = build_encoder(partial(flat_encoder, body=Masked), SHAPE, 3)
        decoder = build_decoder(LinearDecoder, SHAPE, 3)
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    for tensor in (*module.parameters(), *module.buffers(), *decoder.parameters()):
        assert tensor.device.type == "cpu"
        assert not tensor.is_floating_point() or tensor.dtype == torch.float32


def test_what_was_set_around_the_call_does_not_reach_a_module():
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        module = build_encoder(LinearEncoder, SHAPE, 3)
    module(torch.ones(2, *SHAPE)).sum().backward()
    assert module.linear.weight.grad is not None
