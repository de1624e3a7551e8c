"""Several `.npy` files as one array."""

import os

import numpy as np

from sklearn_unsup._paths import check_regular_file


class NpyFiles:
    """Images in several `.npy` files, concatenated to one array that stays on disk.

    Estimators read the array in blocks, so that memory does not grow with its size. The next blocks
    are read during training. The order of blocks is shuffled, and so are the rows in a buffer of 16
    MB: see :ref:`scaling`.

    Parameters
    ----------
    paths : sequence of str or path-like
        Files that :func:`numpy.save` has written, at least one. All arrays have the same dtype, and
        the same shape except for the number of images.

    Attributes
    ----------
    shape : tuple of int
        Shape of the concatenated array, (n_samples, ...).
    dtype : dtype
        Dtype of the files.

    Raises
    ------
    ValueError
        If there is no file, one is not a regular file or not a complete `.npy` file, or the arrays
        have different dtypes or shapes.
    OSError
        If a file cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from sklearn_unsup import ConvAutoencoder
    >>> from sklearn_unsup.datasets import NpyFiles, load_digit_images
    >>> images = load_digit_images().images.astype(np.uint8)
    >>> with TemporaryDirectory() as folder:
    ...     for i in range(3):
    ...         np.save(Path(folder, f"part{i}.npy"), images[i::3])
    ...     X = NpyFiles(sorted(Path(folder).glob("*.npy")))
    ...     autoencoder = ConvAutoencoder(4, max_epochs=3, random_state=0).fit(X)
    >>> X.shape
    (1797, 8, 8)
    """

    def __init__(self, paths):
        if isinstance(paths, str | bytes | os.PathLike):
            raise TypeError(
                f"paths is one path, {os.fspath(paths)!r}: expected a list of paths, [path], or of "
                "a folder sorted(Path(folder).glob('*.npy'))."
            )
        self.paths = [os.fspath(path) for path in paths]
        if not self.paths:
            raise ValueError("paths is empty: expected at least one .npy file.")
        headers = [_read_header(path) for path in self.paths]
        first_shape, self.dtype = headers[0]
        for path, (shape, dtype) in zip(self.paths, headers, strict=True):
            if len(shape) < 2 or shape[1:] != first_shape[1:] or dtype != self.dtype:
                raise ValueError(
                    f"{path} holds an array of shape {shape} and dtype {dtype}, and "
                    f"{self.paths[0]} one of {first_shape} and {self.dtype}. Expected (n, ...) "
                    "with the same sides and dtype in each file."
                )
        self._ends = np.cumsum([shape[0] for shape, _ in headers])
        self.shape = (int(self._ends[-1]), *first_shape[1:])

    def __len__(self):
        """Return the number of images."""
        return self.shape[0]

    def __array__(self, dtype=None, copy=None):
        """Read all images into memory."""
        return np.asarray(self[:], dtype=dtype)

    def __getitem__(self, which):
        """Return images, read from their files.

        Parameters
        ----------
        which : int, slice, or array-like of int or bool
            Indices of the images, as for a NumPy array.

        Returns
        -------
        images : ndarray
            In memory.
        """
        if isinstance(which, slice):
            which = np.arange(*which.indices(len(self)))
        else:
            which = np.arange(len(self))[which]
        if which.ndim == 0:
            return self[which[np.newaxis]][0]
        images = np.empty((len(which), *self.shape[1:]), dtype=self.dtype)
        begin = 0
        for path, end in zip(self.paths, self._ends, strict=True):
            here = (begin <= which) & (which < end)
            if here.any():  # the file is opened for each access, so that no file stays open
                images[here] = np.load(path, mmap_mode="r")[which[here] - begin]
            begin = end
        return images


def _read_header(path):
    """Return the shape and the dtype of the array in a file, and close the file."""
    check_regular_file(path)
    try:
        array = np.load(path, mmap_mode="r")
        return array.shape, array.dtype
    except (ValueError, EOFError, AttributeError) as error:  # an .npz file has no shape
        raise ValueError(f"{path} is no whole .npy file of numbers: {error}") from error
