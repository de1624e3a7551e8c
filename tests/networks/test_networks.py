import pytest
import torch
from example_networks import lazy_encoder, no_module, wrong_encoder
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sklearn_unsup.networks import (
    Autoencoder,
    Batch,
    ConvDecoder,
    ConvEncoder,
    build_decoder,
    build_encoder,
    copy_module,
    initialise,
)
from sklearn_unsup.networks._convolutional import auto_widths


@settings(deadline=None, max_examples=40)
@given(
    image_shape=st.tuples(st.integers(1, 4), st.integers(1, 33), st.integers(1, 33)),
    hidden_channels=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    n=st.integers(1, 2),
)
def test_any_image_comes_back_in_its_own_size(image_shape, hidden_channels, n):
    encoder = ConvEncoder(image_shape, 3, hidden_channels)
    decoder = ConvDecoder(image_shape, 3, hidden_channels)
    for part in (encoder, decoder):
        initialise(part, torch.Generator().manual_seed(0))
    images = torch.randn(n, *image_shape, generator=torch.Generator().manual_seed(1))
    codes = encoder(images)
    assert codes.shape == (n, 3)
    outputs = decoder(codes)
    assert outputs.shape == images.shape
    assert torch.isfinite(outputs).all()
    outputs.square().mean().backward()  # a batch of one trains


@pytest.mark.parametrize(
    ("image_shape", "widths"),
    [
        ((1, 8, 8), (64, 128)),
        ((1, 28, 28), (32, 64, 128)),
        ((3, 32, 20), (32, 64, 128)),
        ((3, 64, 64), (16, 32, 64, 128)),
        ((3, 96, 96), (16, 32, 64, 128)),
        ((1, 128, 96), (16, 32, 64, 128)),
        ((3, 224, 224), (16, 32, 64, 128, 128)),
        ((1, 1, 512), (16, 32, 64, 128, 128, 128, 128)),
        ((1, 1, 5), (64, 128)),
    ],
)
def test_auto_widths_suit_the_longer_side(image_shape, widths):
    assert auto_widths(image_shape) == widths
    stages = ConvEncoder(image_shape, 3, "auto").stages
    found = [layer.out_channels for layer in stages if isinstance(layer, nn.Conv2d)]
    assert found == list(widths)[: len(found)]


@pytest.mark.parametrize("kernel_size", [3, 4])
@pytest.mark.parametrize("image_shape", [(2, 7, 7), (2, 7, 8), (2, 8, 7), (2, 5, 1), (2, 9, 3)])
def test_what_is_cut_from_even_sides_is_what_torch_gives_for_odd_ones(kernel_size, image_shape):
    decoder = ConvDecoder(image_shape, 3, (4, 6), kernel_size=kernel_size)
    initialise(decoder, torch.Generator().manual_seed(0))
    for ours in decoder.stages[1::2]:
        names = "stride", "padding", "output_padding"
        options = {name: getattr(ours, name) for name in names}
        torchs = nn.ConvTranspose2d(
            ours.in_channels, ours.out_channels, ours.kernel_size, **options
        )
        torchs.load_state_dict(ours.state_dict())
        maps = torch.randn(3, ours.in_channels, 2, 4, generator=torch.Generator().manual_seed(1))
        maps.requires_grad_()
        results = ours(maps), torchs(maps)
        torch.testing.assert_close(*results)
        gradients = [torch.autograd.grad(result.square().sum(), maps) for result in results]
        torch.testing.assert_close(*gradients)


def test_a_stage_halves_the_sides_that_are_longer_than_three():
    encoder = ConvEncoder((1, 28, 3), 5, (4, 6, 8))
    assert encoder.stages(torch.zeros(1, 1, 28, 3)).shape == (1, 8, 4, 3)


def test_stages_that_find_nothing_to_halve_are_left_out():
    encoder = ConvEncoder((1, 8, 8), 5, (4, 6, 8, 10))
    assert encoder.stages(torch.zeros(1, 1, 8, 8)).shape == (1, 6, 2, 2)
    assert ConvEncoder((1, 2, 2), 5, (4, 6)).stages(torch.zeros(1, 1, 2, 2)).shape == (1, 4, 2, 2)


def test_different_images_have_different_codes_on_the_smallest_image():
    encoder = ConvEncoder((1, 1, 1), 2)
    initialise(encoder, torch.Generator().manual_seed(0))
    codes = encoder(torch.tensor([-1.0, 1.0]).reshape(2, 1, 1, 1))
    assert not torch.allclose(codes[0], codes[1])


def test_initial_weights_come_from_the_generator_alone():
    def weights(seed):
        before = torch.get_rng_state()
        encoder = ConvEncoder((1, 8, 8), 4)
        initialise(encoder, torch.Generator().manual_seed(seed))
        assert torch.equal(torch.get_rng_state(), before)
        return torch.cat([p.flatten() for p in encoder.parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_layers_of_a_user_keep_their_weights():
    module = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.Flatten(), nn.LazyLinear(2))
    module(torch.ones(1, 1, 4, 4))
    before = [p.clone() for p in module.parameters()]
    initialise(module, torch.Generator().manual_seed(0))
    assert all(map(torch.equal, module.parameters(), before))


def linear_autoencoder(**options):
    identity = nn.PReLU(init=1.0)  # there must be something to train
    encoder, decoder = nn.Sequential(nn.Flatten(), identity), nn.Unflatten(1, (1, 2, 2))
    return Autoencoder(encoder, decoder, (1, 2, 2), loss=nn.functional.mse_loss, **options)


def test_encode_and_decode_undo_each_others_scaling():
    network = linear_autoencoder()
    network.scaling.offset.fill_(100.0)
    network.scaling.scale.fill_(7.0)
    images = 100 + 7 * torch.randn(3, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network.encode(images), ((images - 100) / 7).flatten(1))
    torch.testing.assert_close(network(images), images)


def test_noise_is_for_training_only_and_has_the_given_level():
    network = linear_autoencoder(noise_level=0.5)
    images = torch.zeros(5000, 1, 2, 2)
    loss = network.train().training_loss(Batch(images), torch.Generator().manual_seed(0))["loss"]
    assert loss.item() == pytest.approx(0.25, rel=0.05)  # of an identity: the variance of the noise
    assert network.eval().training_loss(Batch(images))["loss"].item() == 0.0


def test_the_loss_is_the_sum_of_its_parts():
    network = linear_autoencoder(penalty=lambda codes: 0.1 * codes.abs().mean(), noise_level=1.0)
    images = torch.ones(4, 1, 2, 2)
    parts = network.train().training_loss(Batch(images), torch.Generator().manual_seed(0))
    torch.testing.assert_close(parts["loss"], parts["reconstruction"] + parts["penalty"])


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_a_module_is_copied_with_what_its_last_pass_has_left():
    module = nn.Sequential(nn.utils.weight_norm(nn.Linear(2, 2)), nn.Linear(2, 2))
    inputs = torch.ones(1, 2)
    outputs = module(inputs)  # leaves a weight that holds a graph
    other = copy_module(module)
    assert torch.equal(other(inputs), outputs)
    outputs.sum().backward()
    assert all(p.grad is None for p in other.parameters())
    assert not set(map(id, module.parameters())) & set(map(id, other.parameters()))


def test_lazy_layers_get_their_shape():
    encoder = build_encoder(lazy_encoder, (1, 4, 4), 3)
    assert encoder(torch.zeros(2, 1, 4, 4)).shape == (2, 3)


@pytest.mark.parametrize(
    ("factory", "error", "message"),
    [
        (nn.Linear(4, 4), TypeError, "built Linear"),
        (no_module, TypeError, "built a Tensor"),
        (wrong_encoder, ValueError, r"shape \(1, 4\).*expected.*\(1, 3\)"),
    ],
)
def test_custom_encoders_that_cannot_work_are_named(factory, error, message):
    with pytest.raises(error, match=message):
        build_encoder(factory, (1, 4, 4), 3)


def test_a_built_decoder_is_named():
    with pytest.raises(TypeError, match="decoder= is a built Linear"):
        build_decoder(nn.Linear(3, 16), (1, 4, 4), 3)


@pytest.mark.parametrize("image_shape", [(1, 28, 28), (3, 20, 12), (2, 1, 30)])
def test_activations_and_their_gradients_have_one_layout(image_shape):
    # In two layouts, the gradient of an activation takes several times as long.
    encoder = ConvEncoder(image_shape, 4, (8, 16))
    decoder = ConvDecoder(image_shape, 4, (8, 16))
    layouts = []

    def keep(module, inputs, outputs):
        outputs.register_hook(lambda gradient: layouts.append((outputs, gradient)))

    for part in (encoder, decoder):
        initialise(part, torch.Generator().manual_seed(0))
        for module in part.stages:
            if isinstance(module, torch.nn.SiLU):
                module.register_forward_hook(keep)
    images = torch.randn(5, *image_shape)
    (decoder(encoder(images)) - images).square().mean().backward()
    assert len(layouts) == 4
    for maps, gradient in layouts:
        assert maps.is_contiguous(memory_format=torch.channels_last)
        assert gradient.stride() == maps.stride()
