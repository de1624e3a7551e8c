"""Paths that a user gives: what is no regular file neither blocks nor is replaced."""

import os
import stat


def check_regular_file(path):
    """Raise an error if there is no file at a path that can be read.

    Raises
    ------
    OSError
        If there is nothing, it may not be read, or it is a folder.
    ValueError
        If it is a FIFO, a socket or a device.
    """
    # A FIFO, opened as usual, waits for somebody who writes.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        _check_mode(path, os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


def check_replaceable(path):
    """Raise an error if there is something at a path that is no regular file."""
    if os.path.exists(path):
        _check_mode(path, os.stat(path).st_mode)


def _check_mode(path, mode):
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{path} is a folder. Give the path of a file.")
    if not stat.S_ISREG(mode):
        raise ValueError(
            f"{path} is a FIFO, a socket or a device. Give the path of a regular file."
        )
