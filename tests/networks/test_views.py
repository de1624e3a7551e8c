import math

import numpy as np
import pytest
import torch

from sklearn_unsup.networks.views import (
    PRESETS,
    Compose,
    RandomBlur,
    RandomChannelDrop,
    RandomColour,
    RandomErasing,
    RandomGaussianImages,
    RandomGeometry,
    RandomNoise,
    RandomTranslation,
    preset,
)

GEOMETRY = {
    "crop": (0.3, 1.0),
    "horizontal_flip": 0.5,
    "vertical_flip": 0.5,
    "max_rotation": 20,
    "max_scale": 1.2,
    "max_shear": 10,
    "max_translation": 0.1,
    "warp": 0.05,
}
EVERY_VIEW = {
    "translation": RandomTranslation(0.25),
    "Gaussian images": RandomGaussianImages(0.5),
    "geometry": RandomGeometry(**GEOMETRY),
    "colour": RandomColour(0.5, 0.5),
    "blur": RandomBlur(),
    "noise": RandomNoise(0.5),
    "erasing": RandomErasing(),
    "dropped channels": RandomChannelDrop(0.5),
    "composed": Compose([RandomNoise(), RandomErasing()]),
}
SHAPES = [(1, 28, 28), (3, 20, 33), (5, 9, 9), (1, 1, 40), (6, 1, 33), (1, 7, 1), (1, 1, 1)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images_of(n, *shape, seed=0):
    return torch.randn(n, *shape, generator=generator(seed)) * 20 + 100


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", EVERY_VIEW)
def test_a_view_keeps_shape_range_and_its_input_and_is_repeatable(name, shape):
    view, images = EVERY_VIEW[name], images_of(17, *shape)
    before = images.clone()
    seen = view(images, generator(3))
    assert seen.shape == images.shape and seen.dtype == torch.float32
    assert torch.isfinite(seen).all()
    assert seen.min() >= images.min() - 1e-3 and seen.max() <= images.max() + 1e-3
    assert torch.equal(images, before)
    assert torch.equal(seen, view(images, generator(3)))


@pytest.mark.parametrize("name", EVERY_VIEW)
def test_a_view_does_not_obey_the_default_dtype_or_the_global_seed(name):
    images = images_of(9, 2, 8, 8)
    expected, state = EVERY_VIEW[name](images, generator()), torch.get_rng_state()
    torch.set_default_dtype(torch.float64)
    try:
        found = EVERY_VIEW[name](images, generator())
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", [name for name in EVERY_VIEW if name != "composed"])
def test_what_was_drawn_can_be_applied_again(name):
    view, images = EVERY_VIEW[name], images_of(9, 3, 8, 8)
    drawn = view.draw(9, (3, 8, 8), generator(1))
    assert torch.equal(view.apply(images, **drawn), view(images, generator(1)))


@pytest.mark.parametrize(
    "name", ["translation", "geometry", "colour", "blur", "noise", "erasing", "dropped channels"]
)
def test_each_image_has_a_draw_of_its_own(name):
    image = images_of(1, 3, 16, 16)
    seen = EVERY_VIEW[name](image.expand(12, -1, -1, -1), generator())
    assert len(torch.unique(seen.flatten(1), dim=0)) > 3


@pytest.mark.parametrize("name", EVERY_VIEW)
def test_one_image_of_one_pixel_stays_finite(name):
    seen = EVERY_VIEW[name](torch.ones(1, 1, 1, 1), generator())
    torch.testing.assert_close(seen, torch.ones(1, 1, 1, 1))


def test_translations_move_whole_pixels_and_repeat_the_edges():
    images = images_of(3, 2, 5, 6)
    moved = RandomTranslation(0.5).apply(images, torch.tensor([[0, 0], [2, -1], [-1, 3]]))
    padded = np.pad(images.numpy(), [(0, 0), (0, 0), (3, 3), (3, 3)], mode="edge")
    assert torch.equal(moved[0], images[0])
    np.testing.assert_array_equal(moved[1], padded[1, :, 1:6, 4:10])
    np.testing.assert_array_equal(moved[2], padded[2, :, 4:9, 0:6])


def test_translations_are_uniform_over_whole_pixels_of_each_side():
    drawn = RandomTranslation(1 / 16).draw(20_000, (1, 48, 20), generator())["translations"]
    for steps, most in zip(drawn.T, (3, 1), strict=True):
        values, counts = np.unique(steps, return_counts=True)
        assert values.tolist() == list(range(-most, most + 1))
        assert counts.min() > 0.9 * len(steps) / len(values)


def test_small_sides_are_not_translated():
    images = images_of(4, 1, 15, 1)
    assert torch.equal(RandomTranslation(1 / 16)(images, generator()), images)


def test_gaussian_images_have_the_mean_and_the_covariance_of_the_batch():
    images = torch.randn(12, 2, 1, 3, generator=generator()) * 3 + 1
    view = RandomGaussianImages(1.0)
    draws = [view.draw(12, (2, 1, 3), generator(seed))["weights"] for seed in range(4000)]
    combined = (torch.cat(draws) @ images.flatten(1)).numpy()
    of_batch = images.flatten(1).numpy()
    np.testing.assert_allclose(combined.mean(axis=0), of_batch.mean(axis=0), atol=0.06)
    np.testing.assert_allclose(np.cov(combined.T), np.cov(of_batch.T), atol=0.3)


def test_a_fraction_of_the_images_becomes_gaussian_within_the_range():
    images = images_of(4000, 1, 3, 3)
    seen = RandomGaussianImages(0.3)(images, generator(1))
    replaced = (seen != images).flatten(1).any(1).float().mean()
    assert replaced == pytest.approx(0.3, abs=0.03)
    few = images[:5]
    seen = torch.cat([RandomGaussianImages(1.0)(few, generator(seed)) for seed in range(300)])
    assert (seen.min(), seen.max()) == (few.min(), few.max())


def test_a_single_image_has_no_gaussian_neighbours():
    image = images_of(1, 3, 4, 4)
    torch.testing.assert_close(RandomGaussianImages(0.99)(image, generator()), image)


def test_geometry_without_changes_returns_the_image():
    images = images_of(3, 2, 9, 14)
    torch.testing.assert_close(RandomGeometry()(images, generator()), images, atol=1e-3, rtol=0)


def test_flips_are_reflections():
    images = images_of(3, 2, 9, 14)
    for options, axis in (({"horizontal_flip": 1}, 3), ({"vertical_flip": 1}, 2)):
        seen = RandomGeometry(**options)(images, generator())
        torch.testing.assert_close(seen, images.flip(axis), atol=1e-3, rtol=0)


def test_half_of_the_images_are_reflected():
    images = torch.arange(16.0).view(1, 1, 4, 4).expand(2000, 1, 4, 4)
    seen = RandomGeometry(horizontal_flip=0.5)(images, generator())
    assert (seen[:, 0, 0, 0] > 1).float().mean() == pytest.approx(0.5, abs=0.05)


def disc(h, w, radius=6):
    y, x = torch.meshgrid(
        torch.arange(h) - h / 2 + 0.5, torch.arange(w) - w / 2 + 0.5, indexing="ij"
    )
    return ((y.square() + x.square()).sqrt() < radius).float()[None, None]


def moments(image):
    """Return the centre and the covariance matrix of the pixels (x, y) of an image (h, w)."""
    y, x = torch.meshgrid(*(torch.arange(side).float() for side in image.shape), indexing="ij")
    mass = image / image.sum()
    points = torch.stack([x, y], dim=-1).flatten(0, 1)  # (h * w, 2)
    centre = (points * mass.flatten()[:, None]).sum(0)
    centred = points - centre
    return centre, centred.T @ (centred * mass.flatten()[:, None])


def test_a_rotation_keeps_circles_round_in_images_that_are_not_square():
    image = disc(20, 40)
    seen = RandomGeometry(max_rotation=80)(image.expand(6, -1, -1, -1), generator())
    for each in seen[:, 0]:
        torch.testing.assert_close(moments(each)[1], moments(image[0, 0])[1], atol=0.3, rtol=0)


def test_a_rotation_turns_by_at_most_the_angle_and_uniformly():
    bar = torch.zeros(1, 1, 31, 31)
    bar[:, :, 14:17, 3:28] = 1
    seen = RandomGeometry(max_rotation=30)(bar.expand(400, -1, -1, -1), generator())
    angles = []
    for each in seen[:, 0]:
        covariance = moments(each)[1]
        angle = 0.5 * math.atan2(2 * covariance[0, 1], covariance[0, 0] - covariance[1, 1])
        angles.append(math.degrees(angle))
    assert max(np.abs(angles)) < 31
    assert np.quantile(angles, [0.25, 0.75]) == pytest.approx([-15, 15], abs=3)


def test_scales_and_translations_have_the_sizes_asked_for():
    image = disc(41, 41, radius=5)
    seen = RandomGeometry(max_scale=2)(image.expand(300, -1, -1, -1), generator())
    areas = seen.sum((1, 2, 3)) / image.sum()
    assert areas.min() > 0.22 and areas.max() < 4.3
    assert areas.log().std() > 0.6  # of uniform logarithms: 2 log(2) / sqrt(3) = 0.8
    seen = RandomGeometry(max_translation=0.2)(image.expand(300, -1, -1, -1), generator())
    moved = torch.stack([moments(each)[0] for each in seen[:, 0]]) - 20
    assert moved.abs().max() == pytest.approx(0.2 * 41, abs=0.3)


def test_a_crop_shows_a_part_of_the_image():
    ramp = torch.arange(64.0).expand(1, 1, 64, 64)  # a pixel is its column
    seen = RandomGeometry(crop=(0.25, 0.25))(ramp.expand(300, -1, -1, -1), generator())
    widths = seen[:, 0, 0, -1] - seen[:, 0, 0, 0] + 64 / 2 / 64
    assert widths.min() > 32 * (3 / 4) ** 0.5 - 2 and widths.max() < 32 * (4 / 3) ** 0.5 + 2
    assert seen[:, 0, 0, 0].max() > 25 and seen[:, 0, 0, -1].min() < 38


def test_signals_change_along_time_only():
    signals = images_of(40, 2, 1, 64)
    view = RandomGeometry(**GEOMETRY)
    maps = view.draw(40, (2, 1, 64), generator())["maps"]
    assert torch.equal(maps[:, 1, [0, 2]], torch.zeros(40, 2))  # time does not move the channels
    assert not torch.equal(view(signals, generator()), signals)


def test_a_warp_is_smooth_and_has_the_size_asked_for():
    drawn = RandomGeometry(warp=0.03).draw(400, (1, 32, 32), generator())["displacements"] / 2
    assert drawn.std().item() == pytest.approx(0.03, rel=0.3)
    assert drawn.diff(dim=3).std() < 0.2 * drawn.std()


def test_brightness_shifts_and_contrast_scales_around_the_mean():
    images = torch.rand(6, 1, 8, 8, generator=generator()) + 1
    images[0, 0, 0, :2] = torch.tensor([-50.0, 50.0])  # so that nothing is clipped
    view = RandomColour()
    shifted = view.apply(images, torch.full((6,), 0.1), torch.ones(6))
    torch.testing.assert_close(shifted[1:], images[1:] + 0.1 * images.std(correction=0))
    scaled = view.apply(images, torch.zeros(6), torch.full((6,), 0.5))[1:]
    torch.testing.assert_close(scaled.mean((1, 2, 3)), images[1:].mean((1, 2, 3)))
    torch.testing.assert_close(scaled.std((1, 2, 3)), 0.5 * images[1:].std((1, 2, 3)))


def luma(images):
    return (images * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1)


def test_hue_and_saturation_keep_the_luma_and_grey_has_one_channel():
    images = torch.rand(20, 3, 6, 6, generator=generator()) * 0.2 + 0.4
    images[0, :, 0, :2] = torch.tensor([[-9.0, 9.0]] * 3)
    seen = RandomColour(saturation=0.5, hue=0.3)(images, generator())
    assert not torch.allclose(seen, images)
    torch.testing.assert_close(luma(seen), luma(images), atol=2e-3, rtol=0)
    grey = RandomColour(grey=1)(images, generator())
    torch.testing.assert_close(grey[:, 0], grey[:, 1])
    torch.testing.assert_close(grey[:, 0], luma(images), atol=2e-3, rtol=0)


@pytest.mark.parametrize("name", ["saturation", "hue", "grey"])
def test_colours_of_images_without_colours_are_an_error(name):
    with pytest.raises(ValueError, match=r"1 channel.*3\. Set them to 0"):
        RandomColour(**{name: 0.5})(images_of(3, 1, 4, 4), generator())


def test_a_blur_keeps_the_mean_and_has_the_width_asked_for():
    point = torch.zeros(500, 1, 31, 31)
    point[:, :, 15, 15] = 1
    seen = RandomBlur(max_width=2, probability=0.6)(point, generator())
    torch.testing.assert_close(seen.sum((1, 2, 3)), torch.ones(500))
    widths = torch.stack([moments(each)[1][0, 0].sqrt() for each in seen[:, 0]])
    assert widths.max() == pytest.approx(2, abs=0.3)
    assert (widths < 0.05).float().mean() == pytest.approx(0.4, abs=0.08)


def test_noise_is_as_strong_as_asked_for():
    images = images_of(200, 1, 20, 20)
    noise = RandomNoise(0.5).draw(200, (1, 20, 20), generator())["noise"]
    levels = noise.std((1, 2, 3))
    assert levels.max() == pytest.approx(0.5, abs=0.05)
    assert levels.mean() == pytest.approx(0.25, abs=0.05)
    seen = RandomNoise(0.5)(images, generator())
    assert not torch.equal(seen, images)


def test_an_erased_rectangle_has_the_area_asked_for_and_the_mean():
    images = images_of(300, 2, 40, 40)
    view = RandomErasing(area=(0.1, 0.2), probability=0.5)
    mask = view.draw(300, (2, 40, 40), generator())["mask"]
    areas = mask.float().mean((1, 2, 3))
    assert (areas == 0).float().mean() == pytest.approx(0.5, abs=0.1)
    assert areas[areas > 0].min() > 0.08 and areas.max() < 0.22
    seen = view.apply(images, mask)
    means = images.mean((2, 3), keepdim=True).expand_as(images)
    erased = mask.expand_as(images)
    assert torch.equal(seen[erased], means[erased])
    assert torch.equal(seen[~erased], images[~erased])


def test_one_channel_at_least_is_kept():
    images = images_of(300, 4, 1, 8)
    dropped = RandomChannelDrop(0.9)(images, generator()).std((2, 3)) < 1e-3
    assert dropped.float().mean() > 0.6
    assert not dropped.all(1).any()


def test_views_are_applied_one_after_the_other():
    double, add = (lambda images, _: 2 * images), (lambda images, _: images + 1)
    assert Compose([double, add])(torch.ones(1, 1, 1, 1), None).item() == 3


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (4, 16, 16), (1, 1, 100), (3, 1, 60)])
def test_presets_suit_any_shape_and_drawings_and_signals_are_not_reflected(shape):
    images = images_of(20, *shape)
    for name in ("auto", *PRESETS):
        view = preset(name, shape)
        assert view(images, generator()).shape == images.shape
    chosen = preset("auto", shape).views[0]
    assert (chosen.horizontal_flip > 0) == (shape[0] == 3 and shape[1] > 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomGeometry(crop=(0.9, 0.1)), r"crop=\(0.9, 0.1\) of RandomGeometry: expected"),
        (lambda: RandomGeometry(max_scale=0), "max_scale=0"),
        (lambda: RandomGeometry(horizontal_flip=7), "horizontal_flip=7"),
        (lambda: RandomColour(contrast=2), "contrast=2"),
        (lambda: RandomBlur(-1), "max_width=-1"),
        (lambda: RandomNoise("much"), "max_level='much'"),
        (lambda: RandomErasing((0.5, 2)), r"area=\(0.5, 2\)"),
    ],
)
def test_parameters_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_view_shows_its_parameters():
    assert repr(Compose([RandomNoise(0.2)])) == "Compose(views=[RandomNoise(max_level=0.2)])"
    assert RandomGeometry(crop=0.5).crop == (0.5, 1.0)
