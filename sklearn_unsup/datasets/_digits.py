"""scikit-learn's bundled digits, as images."""

from sklearn.datasets import load_digits


def load_digit_images():
    """Load the 1,797 handwritten digits that come with scikit-learn.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (1797, 64), float64; rows of pixels, from 0 to 16.
        - images : ndarray of shape (1797, 8, 8), float64; the same pixels as images.
        - image_shape : tuple; (8, 8).
        - target : ndarray of shape (1797,), int; the digit.
        - DESCR : str; where the data comes from.

    Examples
    --------
    >>> from sklearn_unsup.datasets import load_digit_images
    >>> digits = load_digit_images()
    >>> digits.images.shape
    (1797, 8, 8)
    """
    digits = load_digits()
    digits["image_shape"] = digits.images.shape[1:]
    return digits
