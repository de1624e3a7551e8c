import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_unsup.networks import (
    Batch,
    PooledEncoder,
    Projector,
    SelfSupervisedNetwork,
    initialise,
    losses,
)
from sklearn_unsup.networks._pooled import pooled_widths
from sklearn_unsup.networks.views import Compose, RandomNoise, TwoViews


def generator():
    return torch.Generator().manual_seed(0)


@settings(deadline=None, max_examples=30)
@given(
    image_shape=st.tuples(st.integers(1, 4), st.integers(1, 40), st.integers(1, 40)),
    hidden_channels=st.one_of(st.just("auto"), st.lists(st.integers(1, 12), max_size=5)),
)
def test_images_of_any_size_are_encoded(image_shape, hidden_channels):
    encoder = PooledEncoder(image_shape, 5, hidden_channels)
    initialise(encoder, generator())
    codes = encoder(torch.randn(2, *image_shape, generator=generator()))
    assert codes.shape == (2, 5)
    assert torch.isfinite(codes).all()


@pytest.mark.parametrize(
    ("image_shape", "n_outputs", "widths"),
    [
        ((1, 8, 8), 256, (128,)),
        ((1, 28, 28), 256, (32, 64, 128)),
        ((3, 32, 32), 256, (32, 64, 128)),
        ((3, 96, 96), 256, (16, 32, 64, 128)),
        ((1, 1, 2), 8, ()),
    ],
)
def test_widths_double_up_to_that_of_the_code(image_shape, n_outputs, widths):
    assert pooled_widths(image_shape, n_outputs) == widths


def test_a_codes_position_in_the_image_does_not_matter():
    """The mean over positions: an image that is moved by whole strides keeps its code."""
    encoder = PooledEncoder((1, 32, 32), 16, (8, 8))
    initialise(encoder, generator())
    images = torch.zeros(1, 1, 32, 32)
    images[..., 8:16, 8:16] = torch.randn(8, 8, generator=generator())
    codes = [encoder.eval()(images.roll(shift, 3)) for shift in (0, 8)]
    torch.testing.assert_close(*codes)


def test_the_halves_of_a_batch_are_different_views_of_the_same_images():
    images = torch.rand(5, 1, 8, 8, generator=generator())
    first, second = TwoViews(RandomNoise(0.1))(images, generator()).chunk(2)
    torch.testing.assert_close(first, RandomNoise(0.1)(images, generator()))
    for view in (first, second):
        assert torch.cdist(view.flatten(1), images.flatten(1)).argmin(1).tolist() == [*range(5)]
    assert not torch.equal(first, second)


def test_the_first_view_may_be_of_another_kind():
    images = torch.rand(4, 1, 8, 8, generator=generator())
    first, second = TwoViews(RandomNoise(0.1), first=Compose([]))(images, generator()).chunk(2)
    torch.testing.assert_close(first, images)
    assert not torch.equal(second, images)


@pytest.mark.parametrize("autocast", [False, True])
def test_the_loss_compares_the_views_of_each_image_in_float32(autocast):
    encoder = PooledEncoder((1, 8, 8), 6, (4,))
    seen = []

    def objective(first, second):
        seen.append((first, second))
        return losses.vicreg(first, second)

    network = SelfSupervisedNetwork(encoder, Projector(6, 5, 7), (1, 8, 8), objective)
    for part in (network.encoder, network.projector):
        initialise(part, generator())
    network.eval()
    images = torch.randn(3, 1, 8, 8, generator=generator())
    pair = TwoViews(RandomNoise())(images, generator())
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        network.training_loss(Batch(pair))["loss"].backward()
    (first, second) = seen[0]
    assert first.dtype == second.dtype == torch.float32
    tolerance = {"rtol": 0.1, "atol": 0.05} if autocast else {}
    torch.testing.assert_close(first, network.project(pair[:3]), **tolerance)
    torch.testing.assert_close(second, network.project(pair[3:]), **tolerance)
    assert all(p.grad is not None for p in network.parameters())
