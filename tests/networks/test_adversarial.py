import numpy as np
import pytest
import torch
from torch import nn

from sklearn_unsup.networks import (
    Batch,
    ConvEncoder,
    GenerativeAdversarialNetwork,
    Generator,
    RandomFeatures,
    initialise,
)
from sklearn_unsup.networks._initialisation import smooth_upsampling

SHAPE = (2, 9, 6)


def build(objective="non_saturating", n_outputs=1, **params):
    network = GenerativeAdversarialNetwork(
        Generator(SHAPE, 3, (4, 8)),
        ConvEncoder(SHAPE, n_outputs, (4, 8)),
        SHAPE,
        3,
        objective=objective,
        **params,
    )
    for part in network.children():
        initialise(part, torch.Generator().manual_seed(0))
    network.average.load_state_dict(network.generator.state_dict())
    return network


@pytest.fixture
def images():
    return torch.rand(8, *SHAPE, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 7), (1, 28, 28), (2, 5, 33), (1, 2, 3)])
def test_any_shape_is_generated_in_its_own_size(shape):
    generator = Generator(shape, 3, (4, 8, 12))
    initialise(generator, torch.Generator().manual_seed(0))
    outputs = generator(torch.randn(2, 3, generator=torch.Generator().manual_seed(1)))
    assert outputs.shape == (2, *shape)
    assert outputs.abs().max() <= 1


@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 1, 32), (1, 28, 12)])
def test_a_new_generator_draws_no_checkerboard(shape):
    """Neighbouring pixels of a flat map differ by chance, and not by whether they are odd."""
    generator = Generator(shape, 3, (4, 8))
    initialise(generator, torch.Generator().manual_seed(0))
    scale = generator.stages[-1].weight.std()
    smooth_upsampling(generator)
    layer = generator.stages[-1]
    assert 0.5 < layer.weight.std() / scale < 2
    maps = layer(torch.ones(1, layer.in_channels, 8, 8)[:, :, : shape[1]])[..., 2:-2]
    maps = maps[..., 2:-2, :] if shape[1] > 1 else maps
    torch.testing.assert_close(maps, maps[..., :1, :1].expand_as(maps))


@torch.no_grad()
def spectral_norms(module):
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    return [float(torch.linalg.matrix_norm(layer.weight.flatten(1), 2)) for layer in layers]


def test_a_hinge_bounds_the_spectral_norms_of_the_discriminator(images):
    network = build("hinge")
    optimizer = torch.optim.Adam(network.discriminator.parameters(), 1e-2)
    for step in range(50):
        codes, generated = network.generate(8, torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        network.discriminator_losses(Batch(images), codes, generated.detach())[
            "discriminator_loss"
        ].backward()
        optimizer.step()
    norms = spectral_norms(network.discriminator.eval())
    assert len(norms) == 3
    assert max(norms) <= 1.05
    assert min(norms) > 0.5  # normalised, not shrunk away


def test_torchs_own_spectral_norm_is_left_as_it_is():
    layer = nn.utils.spectral_norm(nn.Linear(6, 1))
    discriminator = nn.Sequential(nn.Flatten(), layer)
    generator = Generator((1, 2, 3), 2, (4,))
    GenerativeAdversarialNetwork(generator, discriminator, (1, 2, 3), 2, objective="hinge")
    assert discriminator[1] is layer
    assert not nn.utils.parametrize.is_parametrized(layer)


def test_without_a_hinge_norms_are_free():
    assert max(spectral_norms(build().discriminator)) != pytest.approx(1, abs=0.05)


def test_the_average_follows_its_recurrence():
    network = build(ema_decay=0.5)
    weight, mean = network.generator.head[0].weight, network.average.head[0].weight.clone()
    statistics = network.average.stages[0].running_mean.clone()
    for n in range(1, 30):
        with torch.no_grad():
            weight += 0.1 * n
            network.generator.stages[0].running_mean += n
        network.after_step()
        decay = min(0.5, (1 + n) / (10 + n))
        mean = decay * mean + (1 - decay) * weight
        statistics = decay * statistics + (1 - decay) * network.generator.stages[0].running_mean
    torch.testing.assert_close(network.average.head[0].weight, mean)
    torch.testing.assert_close(network.average.stages[0].running_mean, statistics)


def test_a_weight_that_two_layers_share_is_averaged_once():
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    generator = nn.Sequential(first, second, nn.Unflatten(1, (1, 1, 3)))
    discriminator = ConvEncoder((1, 1, 3), 1, (4,))
    network = GenerativeAdversarialNetwork(
        generator, discriminator, (1, 1, 3), 3, objective="hinge", ema_decay=0.5
    )
    before = first.weight.detach().clone()
    with torch.no_grad():
        first.weight += 1
    network.n_averaged.fill_(1e6)
    network.after_step()
    torch.testing.assert_close(network.average[1].weight, before + 0.5)


def test_players_have_what_is_to_be_trained_and_one_without_is_named():
    network = build()
    network.generator.head.requires_grad_(False)
    frozen = set(network.generator.head.parameters())
    assert set(network.players()["generator"]) == set(network.generator.parameters()) - frozen
    network.discriminator.requires_grad_(False)
    with pytest.raises(ValueError, match=r"^discriminator=.*require a gradient"):
        network.players()


def test_the_encoder_learns_from_generated_images_without_moving_the_generator(images):
    network = build(encoder=ConvEncoder(SHAPE, 3, (4,)))
    initialise(network.encoder, torch.Generator().manual_seed(2))
    codes, generated = network.generate(8, torch.Generator().manual_seed(0))
    parts = network.generator_losses(
        Batch(images), codes, generated, torch.Generator().manual_seed(1)
    )
    error = parts["code_error"]
    noise = torch.empty_like(generated).normal_(0, 0.5, generator=torch.Generator().manual_seed(1))
    expected = (network.encoder(generated + noise) - codes).square().mean()
    torch.testing.assert_close(error, expected)
    error.backward()
    assert all(p.grad is None for p in network.generator.parameters())
    assert all(p.grad is not None for p in network.encoder.parameters())


@pytest.mark.parametrize("joint", [False, True])
def test_the_gradient_penalty_is_that_of_the_scores(images, joint):
    """R1 against finite differences of the discriminator's score of one image."""
    encoder = ConvEncoder(SHAPE, 3, (4,))
    network = build(n_outputs=256 if joint else 1, encoder=encoder, joint=joint, r1_penalty=0.5)
    network = network.double()
    image = images[:1].double()
    codes = torch.zeros(1, 3, dtype=torch.float64)
    generated = network.generator(codes)
    with torch.no_grad():
        code = network.encode(image) if joint else None
        steps = torch.eye(image.numel(), dtype=torch.float64).reshape(-1, *SHAPE) * 1e-5

        def score(batch):
            pairs = None if code is None else code.expand(len(batch), -1)
            return network._scores(batch, pairs)

        slopes = (score(image + steps) - score(image - steps)) / 2e-5
    parts = network.discriminator_losses(Batch(image), codes, generated.detach())
    assert parts["gradient_penalty"].item() == pytest.approx(
        0.5 * 0.5 * float(slopes.square().sum()), rel=1e-4
    )


def test_a_wasserstein_critic_pays_for_gradients_between_real_and_generated(images):
    """Gulrajani et al. 2017, weight 10; generated images that are the real ones leave one point."""
    network = build("wasserstein_gp")
    points = images.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(network.discriminator(points).sum(), points)
    expected = 10 * (slopes.flatten(1).norm(dim=1) - 1).square().mean()
    parts = network.discriminator_losses(Batch(images), None, images)
    torch.testing.assert_close(parts["gradient_penalty"], expected)


def test_features_are_the_pooled_stages(images):
    network = build()
    maps = nn.functional.silu(network.discriminator.stages[0](images))  # (8, 4, 5, 3)
    features = network.features(images)
    assert network.n_features == features.shape[1] == 4 * (4 * 3) + 8 * (3 * 3)
    expected = torch.stack(
        [maps[..., :2, :].amax(2), maps[..., -2:, :].amax(2)], 2
    )  # ends of the grid
    torch.testing.assert_close(features[:, :48].reshape(8, 4, 4, 3)[:, :, [0, -1]], expected)


def test_the_fixed_feature_space_is_the_same_for_everyone(images):
    state = torch.get_rng_state()
    first = RandomFeatures(SHAPE)(images)
    torch.manual_seed(5)
    torch.testing.assert_close(RandomFeatures(SHAPE)(images), first, rtol=0, atol=0)
    torch.set_rng_state(state)
    assert RandomFeatures(SHAPE).n_outputs == first.shape[1]
    assert np.linalg.matrix_rank(first.numpy()) == len(images)  # tells the images apart


def test_building_one_leaves_the_global_state_alone():
    state = torch.get_rng_state()
    build("hinge", 256, joint=True, encoder=ConvEncoder(SHAPE, 3, (4,)))
    assert torch.equal(torch.get_rng_state(), state)
