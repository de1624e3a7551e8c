"""Several files of an array, as one."""

import os

import numpy as np


class NpyFiles:
    """Images in `.npy` files, one after the other, as an array that stays on disk.

    Estimators read it in blocks; the next ones are read while those before are learnt from, so that
    the memory that is needed does not grow with X. Rows are shuffled in the order of blocks, and
    among those of a buffer (16 MB): see :ref:`scaling`.

    Parameters
    ----------
    paths : sequence of str or path-like
        Files as :func:`numpy.save` writes them, at least one. Arrays are of one dtype, and of one
        shape but for the number of images.

    Attributes
    ----------
    shape : tuple of int
        Of all images together, (n_samples, ...).
    dtype : dtype
        That of the files.

    Raises
    ------
    ValueError
        If there is no file, or the arrays do not fit together.

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
        self.paths = [os.fspath(path) for path in paths]
        if not self.paths:
            raise ValueError("paths is empty: expected at least one .npy file.")
        arrays = [np.load(path, mmap_mode="r") for path in self.paths]
        first = arrays[0]
        for path, array in zip(self.paths, arrays, strict=True):
            if array.ndim < 2 or array.shape[1:] != first.shape[1:] or array.dtype != first.dtype:
                raise ValueError(
                    f"{path} holds an array of shape {array.shape} and dtype {array.dtype}, and "
                    f"{self.paths[0]} one of {first.shape} and {first.dtype}. Expected (n, ...) "
                    "with the same sides and dtype in each file."
                )
        self._ends = np.cumsum([len(array) for array in arrays])
        self.shape = (int(self._ends[-1]), *first.shape[1:])
        self.dtype = first.dtype

    def __len__(self):
        """Return the number of images."""
        return self.shape[0]

    def __array__(self, dtype=None, copy=None):
        """Read all images into memory, for what takes nothing else."""
        return np.asarray(self[:], dtype=dtype)

    def __getitem__(self, which):
        """Return images, read from their files.

        Parameters
        ----------
        which : int, slice, or array-like of int or bool
            An array is that of a fold of a search, say: it is read into memory.

        Returns
        -------
        images : ndarray
            In memory.
        """
        which = np.arange(len(self))[which]
        if which.ndim == 0:
            return self[which[np.newaxis]][0]
        images = np.empty((len(which), *self.shape[1:]), dtype=self.dtype)
        begin = 0
        for path, end in zip(self.paths, self._ends, strict=True):
            here = (begin <= which) & (which < end)
            if here.any():  # opened anew, so that no file stays open
                images[here] = np.load(path, mmap_mode="r")[which[here] - begin]
            begin = end
        return images
