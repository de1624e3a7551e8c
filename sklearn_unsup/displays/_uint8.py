"""Images of any units as 8-bit integers, for files and other libraries."""

import numpy as np


def to_uint8(images, limits=(0, 255)):
    """Convert images to 8-bit integers, which PIL and other libraries read.

    Estimators return float32, in the units of the X that `fit` saw: from about 0 to 255 if X was
    uint8. Values are clipped to the limits, scaled to 0 to 255 and rounded.

    Parameters
    ----------
    images : array-like of any shape
        The result of `reconstruct`, `inverse_transform` or `sample`, for example.
    limits : tuple of two float, default=(0, 255)
        Values that become 0 and 255. Use ``(0, 1)`` for images from 0 to 1.

    Returns
    -------
    images : ndarray of uint8
        Of the same shape.

    Raises
    ------
    ValueError
        If `limits` are not two ascending numbers, or `images` hold NaN.

    Examples
    --------
    Save the reconstruction of a picture:

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from sklearn_unsup import ConvAutoencoder
    >>> from sklearn_unsup.datasets import make_shapes
    >>> from sklearn_unsup.displays import to_uint8
    >>> X = to_uint8(make_shapes(100, 16, 3, random_state=0).images, limits=(0, 1))
    >>> autoencoder = ConvAutoencoder(max_epochs=2, random_state=0).fit(X)
    >>> pictures = to_uint8(autoencoder.reconstruct(X[:5]))
    >>> pictures.shape, pictures.dtype
    ((5, 16, 16, 3), dtype('uint8'))
    >>> with TemporaryDirectory() as folder:
    ...     Image.fromarray(pictures[0]).save(f"{folder}/reconstruction.png")
    ...     with Image.open(f"{folder}/reconstruction.png") as picture:
    ...         picture.size
    (16, 16)

    PIL expects images of shape (height, width) or (height, width, 3). Reshape rows, as in
    ``pictures.reshape(-1, 28, 28)``, and move channels to the end, as in
    ``pictures.transpose(0, 2, 3, 1)``.
    """
    images = np.asarray(images)
    low, high = (float(limit) for limit in limits)
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"limits={limits}: expected two finite numbers, the smaller one first.")
    if images.dtype == np.uint8 and (low, high) == (0, 255):
        return images.copy()
    images = images.astype(np.result_type(images.dtype, np.float32))
    if np.isnan(images).any():
        raise ValueError("images hold NaN: expected numbers. Fill them, as by np.nan_to_num.")
    return np.rint((np.clip(images, low, high) - low) * (255 / (high - low))).astype(np.uint8)
