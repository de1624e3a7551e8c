"""Random changes of brightness, contrast and colour, in one map of the channels."""

import math

import torch

from sklearn_unsup.networks.views._view import (
    View,
    chance,
    check_ranges,
    per_image,
    uniform,
    within,
)

YIQ = [[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]]  # of RGB, NTSC 1953


class RandomColour(View):
    """Change brightness, contrast, saturation and hue of images at random.

    All changes are one linear map of an image's channels (Howard 2013, "Some Improvements on Deep
    Convolutional Neural Network Based Image Classification", has the same for each change). The
    result is clipped to the range of the batch.

    Parameters
    ----------
    brightness : float, default=0.0
        Largest shift of all pixels, in standard deviations of the batch.
    contrast : float, default=0.0
        Largest relative change of the differences from the mean of an image.
    saturation : float, default=0.0
        Largest relative change of the colourfulness. Images need 3 channels.
    hue : float, default=0.0
        Largest rotation of the colours, as a share of the circle. Images need 3 channels.
    probability : float, default=1.0
        Probability that an image is changed in these four ways.
    grey : float, default=0.0
        Probability that an image becomes grey. Images need 3 channels.

    Raises
    ------
    ValueError
        If saturation, hue or grey is asked for, and images do not have 3 channels.

    Examples
    --------
    >>> import torch
    >>> from sklearn_unsup.networks.views import RandomColour
    >>> view = RandomColour(0.4, 0.4, saturation=0.4, hue=0.1)
    >>> view(torch.rand(4, 3, 16, 16), torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 16, 16])
    """

    def __init__(
        self, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0, probability=1.0, grey=0.0
    ):
        self.brightness, self.contrast = brightness, contrast
        self.saturation, self.hue = saturation, hue
        self.probability, self.grey = probability, grey
        shares = dict.fromkeys(("contrast", "saturation", "hue", "probability", "grey"), (0, 1))
        check_ranges(self, brightness=(0, 100), **shares)

    def draw(self, n, image_shape, generator):
        """Draw linear maps of the channels.

        Returns
        -------
        parameters : dict of Tensor
            "shifts" (n,), in standard deviations of the batch; "contrasts" (n,), factors;
            "colours", matrices (n, 3, 3) of the channels, or None if colours do not change.
        """
        changed = chance(generator, self.probability, n).float()

        def draw(most):
            return changed * uniform(generator, -most, most, n)

        parameters = {
            "shifts": draw(self.brightness),
            "contrasts": 1 + draw(self.contrast),
            "colours": None,
        }
        if self.saturation or self.hue or self.grey:
            if image_shape[0] != 3:
                raise ValueError(
                    f"The images have {image_shape[0]} channel(s), and saturation, hue and grey "
                    "change colours of 3. Set them to 0."
                )
            saturation = 1 + draw(self.saturation)
            hue = 2 * math.pi * draw(self.hue)
            saturation = saturation * ~chance(generator, self.grey, n)
            parameters["colours"] = colour_maps(saturation, hue)
        return parameters

    def apply(self, images, shifts, contrasts, colours=None):
        """Return images (b, c, h, w) with other brightness, contrast and colours."""
        changed = images
        if colours is not None:
            b, c, h, w = images.shape
            changed = (colours @ images.flatten(2)).view(b, c, h, w)
        means = changed.mean((1, 2, 3))  # (b,)
        offsets = means * (1 - contrasts) + shifts * images.std(correction=0)
        return within(changed * per_image(contrasts) + per_image(offsets), images)


def colour_maps(saturation, hue):
    """Return matrices (n, 3, 3) that scale and rotate the chroma of RGB, and keep the luma.

    Parameters
    ----------
    saturation : Tensor of shape (n,)
        Factors; 0 gives grey.
    hue : Tensor of shape (n,)
        Angles in radians.
    """
    yiq = torch.tensor(YIQ, dtype=torch.float32, device=hue.device)
    chroma = torch.zeros(len(hue), 3, 3, dtype=torch.float32, device=hue.device)
    chroma[:, 0, 0] = 1
    chroma[:, 1, 1] = chroma[:, 2, 2] = saturation * hue.cos()
    chroma[:, 2, 1] = saturation * hue.sin()
    chroma[:, 1, 2] = -chroma[:, 2, 1]
    return torch.linalg.inv(yiq) @ chroma @ yiq
