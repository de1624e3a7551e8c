import numpy as np
import torch

from sklearn_unsup.networks.views import RandomTranslation, draw_translations, translate


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
