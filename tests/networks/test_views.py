import numpy as np
import pytest
import torch

from sklearn_unsup.networks.views import (
    Compose,
    RandomGaussianImages,
    RandomTranslation,
    combine,
    draw_combinations,
    draw_translations,
    translate,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_each_image_is_moved_by_its_own_translation_and_edges_are_repeated():
    images = torch.randn(3, 2, 5, 6, generator=generator())
    moved = translate(images, torch.tensor([[0, 0], [2, -1], [-1, 3]]))
    padded = np.pad(images.numpy(), [(0, 0), (0, 0), (3, 3), (3, 3)], mode="edge")
    assert torch.equal(moved[0], images[0])
    np.testing.assert_array_equal(moved[1], padded[1, :, 1:6, 4:10])
    np.testing.assert_array_equal(moved[2], padded[2, :, 4:9, 0:6])


def test_translations_are_uniform_over_whole_pixels_of_each_side():
    drawn = draw_translations(20_000, (1, 48, 20), 1 / 16, generator())
    for steps, most in zip(drawn.T, (3, 1), strict=True):
        values, counts = np.unique(steps, return_counts=True)
        assert values.tolist() == list(range(-most, most + 1))
        assert counts.min() > 0.9 * len(steps) / len(values)


def test_small_sides_are_not_moved():
    images = torch.randn(4, 1, 15, 1, generator=generator())
    assert torch.equal(RandomTranslation(1 / 16)(images, generator()), images)


def test_a_seed_moves_a_batch_as_before():
    images, view = torch.randn(9, 1, 32, 32, generator=generator()), RandomTranslation(0.25)
    first = view(images, generator(1))
    assert torch.equal(first, view(images, generator(1)))
    assert not torch.equal(first, view(images, generator(2)))


def test_combinations_have_the_mean_and_the_covariance_of_the_batch():
    images = torch.randn(12, 2, 1, 3, generator=generator()) * 3 + 1
    weights = draw_combinations(200_000, 12, generator())
    combined = (weights @ images.flatten(1)).numpy()
    of_batch = images.flatten(1).numpy()
    np.testing.assert_allclose(combined.mean(axis=0), of_batch.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(np.cov(combined.T), np.cov(of_batch.T), atol=0.15)


def test_combinations_stay_in_the_range_of_the_batch():
    images = torch.rand(8, 1, 5, 4, generator=generator())
    combined = combine(images, draw_combinations(500, 8, generator()))
    assert combined.shape == (500, 1, 5, 4)
    assert combined.min() == images.min()
    assert combined.max() == images.max()


def test_a_fraction_of_the_images_is_replaced_and_the_batch_is_left_alone():
    images = torch.randn(4000, 1, 3, 3, generator=generator())
    before = images.clone()
    seen = RandomGaussianImages(0.3)(images, generator(1))
    replaced = (seen != images).flatten(1).any(1).float().mean()
    assert replaced == pytest.approx(0.3, abs=0.03)
    assert torch.equal(images, before)
    assert torch.equal(seen, RandomGaussianImages(0.3)(images, generator(1)))


def test_a_single_image_stays_as_it_is():
    image = torch.randn(1, 3, 4, 4, generator=generator())
    seen = RandomGaussianImages(0.99)(image, generator())
    torch.testing.assert_close(seen, image)


def test_views_are_applied_one_after_the_other():
    double, add = (lambda images, _: 2 * images), (lambda images, _: images + 1)
    assert Compose([double, add])(torch.ones(1, 1, 1, 1), None).item() == 3
