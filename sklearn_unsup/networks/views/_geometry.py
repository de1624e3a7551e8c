"""Random changes of position, size and shape, in one resampling."""

import math

import torch
from torch.nn import functional as F

from sklearn_unsup.networks.views._view import View, chance, check_ranges, normal, uniform

ASPECT = 4 / 3  # largest ratio of the sides of a crop: Szegedy et al. 2015, section 6
WARP_NODES = 4  # of the displacement field, along a side


class RandomGeometry(View):
    """Crop and resize, flip, rotate, scale, shear, translate and warp images at random.

    All changes are one map of coordinates, so that an image is resampled only once, bilinearly.
    Beyond the edges the nearest pixels are repeated. Signals, which are images of height 1, change
    along their width only: their crop is a window, and their warp changes the speed of time.

    Parameters
    ----------
    crop : tuple of float, default=None
        Least and largest area of a crop, as a share of the image's. The crop is resized to the
        size of the image. Its aspect ratio is between 3:4 and 4:3.
    horizontal_flip, vertical_flip : float, default=0.0
        Probability of a reflection.
    max_rotation, max_shear : float, default=0.0
        Largest angle, in degrees.
    max_scale : float, default=1.0
        Largest factor of the size; the least is its inverse.
    max_translation : float, default=0.0
        Largest translation along a side, as a share of its length.
    warp : float, default=0.0
        Standard deviation of a smooth random displacement, as a share of the sides [1]_.

    References
    ----------
    .. [1] Simard, Steinkraus & Platt (2003). "Best Practices for Convolutional Neural Networks
       Applied to Visual Document Analysis". ICDAR. Section 2.

    Examples
    --------
    >>> import torch
    >>> from sklearn_unsup.networks.views import RandomGeometry
    >>> view = RandomGeometry(crop=(0.5, 1.0), horizontal_flip=0.5)
    >>> view(torch.rand(4, 3, 16, 16), torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 16, 16])
    """

    def __init__(
        self,
        crop=None,
        horizontal_flip=0.0,
        vertical_flip=0.0,
        max_rotation=0.0,
        max_scale=1.0,
        max_shear=0.0,
        max_translation=0.0,
        warp=0.0,
    ):
        self.crop = crop
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.max_rotation, self.max_shear = max_rotation, max_shear
        self.max_scale, self.max_translation = max_scale, max_translation
        self.warp = warp
        shares = dict.fromkeys(("horizontal_flip", "vertical_flip", "max_translation"), (0, 1))
        angles = {"max_rotation": (0, 180), "max_shear": (0, 80)}
        check_ranges(self, **shares, **angles, max_scale=(1, 100), warp=(0, 1))
        if crop is not None:
            self.crop = (crop, 1.0) if not isinstance(crop, tuple | list) else tuple(crop)
            check_ranges(self, crop=(1e-6, 1))

    def draw(self, n, image_shape, generator):
        """Draw maps from the pixels of a view to those of the image.

        Returns
        -------
        parameters : dict
            "maps": affine maps, (n, 2, 3), of coordinates (x, y) from -1 to 1. "displacements":
            (n, 2, h, w), added to them; None without a warp.
        """
        _, h, w = image_shape
        is_signal = h == 1
        linear = torch.eye(2, dtype=torch.float32, device=generator.device).repeat(n, 1, 1)
        if not is_signal:  # matrices of (x, y), in pixels
            linear[:, 0, 1] = self._angles(n, self.max_shear, generator).tan()
            linear = rotations(self._angles(n, self.max_rotation, generator)) @ linear
        largest = math.log(self.max_scale)
        linear = linear * torch.exp(uniform(generator, -largest, largest, n))[:, None, None]
        sides, centres = self._crops(n, is_signal, generator)  # (n, 2): shares of the image's
        signs = torch.stack(
            [
                1 - 2 * chance(generator, probability, n).float()
                for probability in (self.horizontal_flip, 0 if is_signal else self.vertical_flip)
            ],
            dim=1,
        )
        # The matrix acts on pixels, the crop and the flip on shares of the sides.
        pixels = torch.tensor([w, h], dtype=torch.float32, device=generator.device)
        linear = linear * (pixels[:, None] ** -1 * pixels)  # (n, 2, 2)
        linear = linear * (sides * signs)[:, :, None]
        most = self.max_translation
        offsets = centres + 2 * uniform(generator, -most, most, n, 2)
        if is_signal:
            offsets[:, 1] = 0
        maps = torch.cat([linear, offsets[:, :, None]], dim=2)  # (n, 2, 3)
        return {"maps": maps, "displacements": self._displacements(n, h, w, generator)}

    def apply(self, images, maps, displacements=None):
        """Return resampled images (b, c, h, w)."""
        grid = F.affine_grid(maps, images.shape, align_corners=False)  # (b, h, w, 2)
        if displacements is not None:
            grid = grid + displacements.permute(0, 2, 3, 1)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    @staticmethod
    def _angles(n, most, generator):
        """Draw angles (n,) in radians, of at most `most` degrees."""
        return uniform(generator, -math.radians(most), math.radians(most), n)

    def _crops(self, n, is_signal, generator):
        """Draw the sides (n, 2) of crops, as shares, and their centres, from -1 to 1."""
        least, largest = self.crop or (1.0, 1.0)
        area = uniform(generator, least, largest, n)
        if is_signal:
            sides = torch.stack([area, torch.ones_like(area)], dim=1)
        else:
            ratio = math.log(ASPECT) / 2 if self.crop else 0.0
            aspect = torch.exp(uniform(generator, -ratio, ratio, n))
            sides = torch.stack([area.sqrt() * aspect, area.sqrt() / aspect], dim=1).clamp(max=1)
        return sides, uniform(generator, -1, 1, n, 2) * (1 - sides)

    def _displacements(self, n, h, w, generator):
        """Draw smooth displacements (n, 2, h, w), as shares of half a side; None without a warp."""
        if not self.warp:
            return None
        nodes = min(WARP_NODES, h), min(WARP_NODES, w)
        coarse = 2 * self.warp * normal(generator, n, 2, *nodes)
        if h == 1:
            coarse[:, 1] = 0
        return F.interpolate(coarse, (h, w), mode="bicubic", align_corners=False)


def rotations(angles):
    """Return the matrices (n, 2, 2) of rotations by angles (n,)."""
    cos, sin = angles.cos(), angles.sin()
    return torch.stack([cos, -sin, sin, cos], dim=1).unflatten(1, (2, 2))
