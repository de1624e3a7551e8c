"""Paths that a user hands in: whether a file can be read from, or written to, before it is opened.

A named pipe blocks who opens it, a device may be read for ever, and neither can be replaced.
"""

import errno
import os
import stat

KINDS = (  # stat's names of what is no regular file
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def check_regular_file(path):
    """Raise an error if `path` is no file that can be opened and read.

    Links are followed.

    Parameters
    ----------
    path : str or path-like
        What the user handed in.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError, OSError
        As opening the file would raise.
    ValueError
        If it is something else than a regular file, which might block or never end.
    """
    _check_path(path)
    _check_kind(path, os.stat(path).st_mode)
    # Not to wait for a pipe's writer, should one have taken the file's place in between.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        _check_kind(path, os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


def check_replaceable(path):
    """Raise an error if there is something at `path` that is no regular file.

    Whether the file may be written is left to who writes it. Links are followed.

    Parameters
    ----------
    path : str or path-like
        Where a file is to be written. There need not be one.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError
        If the folder does not exist, or may not be entered.
    IsADirectoryError
        If it is a folder.
    ValueError
        If it is something else than a regular file.
    """
    _check_path(path)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        os.stat(os.path.dirname(os.path.abspath(os.fspath(path))))  # names the folder
        return
    _check_kind(path, mode)


def _check_path(path):
    if not isinstance(path, str | os.PathLike) or not os.fspath(path) or "\0" in str(path):
        raise TypeError(
            f"path={path!r} is no path of a file: expected a str or a pathlib.Path. To write to a "
            "buffer, use joblib.dump."
        )


def _check_kind(path, mode):
    if stat.S_ISREG(mode):
        return
    name = os.fspath(path)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    kind = next((name for is_kind, name in KINDS if is_kind(mode)), "something else")
    raise ValueError(f"{name} is not a regular file but {kind}. Give the path of a file.")
