"""What is no file at a path that the user hands in."""

import os
import socket
import stat

import numpy as np
import pytest

from sklearn_unsup._paths import check_regular_file, check_replaceable
from sklearn_unsup.datasets import NpyFiles, fetch_fashion_mnist, fetch_mnist
from sklearn_unsup.datasets import _mnist as mnist_module
from sklearn_unsup.displays import explore

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
as_root = getattr(os, "geteuid", lambda: 1)() == 0
X = np.random.default_rng(0).random((5, 16))


def read_npy(path):
    return NpyFiles([path])


def read_second_npy(path):
    np.save(path.with_name("first.npy"), X)
    return NpyFiles([path.with_name("first.npy"), path])


def load_mnist(path):
    return fetch_mnist(path.parent)


def load_fashion(path):
    return fetch_fashion_mnist(path.parent)


def write_page(path):
    pytest.importorskip("bokeh")
    return explore(X, X[:, :2], path=path)


READERS = {
    "part.npy": read_npy,
    "second.npy": read_second_npy,
    "mnist.npz": load_mnist,
    "fashion_mnist.npz": load_fashion,
}
ALL = {**READERS, "page.html": write_page}
of_all = pytest.mark.parametrize(("name", "use"), ALL.items(), ids=list(ALL))


@pytest.fixture(autouse=True)
def no_download(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("OpenML was asked")

    monkeypatch.setattr(mnist_module, "fetch_openml", fail)


@of_all
@pytest.mark.parametrize("linked", [False, True])
def test_a_named_pipe_neither_blocks_nor_is_replaced(name, use, linked, tmp_path):
    path = pipe = tmp_path / name
    if linked:
        pipe = tmp_path / "pipe"
        path.symlink_to(pipe)
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match="is not a regular file but a named pipe"):
        use(path)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert path.is_symlink() == linked


@of_all
@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
def test_a_device_is_named_as_such(name, use, device, tmp_path):
    (tmp_path / name).symlink_to(device)
    with pytest.raises(ValueError, match=r"is not a regular file but a device. Give the path"):
        use(tmp_path / name)


@of_all
def test_a_socket_is_named_as_such(name, use, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        with pytest.raises(ValueError, match="is not a regular file but a socket"):
            use(tmp_path / name)


@of_all
def test_a_folder_is_named_as_such(name, use, tmp_path):
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError, match=name):
        use(tmp_path / name)


@of_all
@pytest.mark.skipif(as_root, reason="root may read and write everything")
def test_a_file_without_permission_is_not_said_to_be_missing(name, use, tmp_path):
    (tmp_path / name).write_bytes(b"")
    (tmp_path / name).chmod(0)
    with pytest.raises(PermissionError, match=name):
        use(tmp_path / name)


@pytest.mark.parametrize(("name", "use"), READERS.items(), ids=list(READERS))
def test_a_link_to_nothing_is_not_replaced(name, use, tmp_path):
    (tmp_path / name).symlink_to(tmp_path / "unplugged")
    with pytest.raises(FileNotFoundError, match=name):
        use(tmp_path / name)
    assert (tmp_path / name).is_symlink()


def test_a_page_replaces_a_page_and_follows_a_link(tmp_path):
    (tmp_path / "link.html").symlink_to(tmp_path / "page.html")
    for _ in range(2):
        assert write_page(tmp_path / "link.html") == (tmp_path / "page.html").resolve()
    assert "<html" in (tmp_path / "page.html").read_text(encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="missing"):
        write_page(tmp_path / "missing" / "page.html")


def test_a_file_is_a_file(tmp_path):
    path = tmp_path / "file"
    check_replaceable(path)
    with pytest.raises(FileNotFoundError):
        check_regular_file(path)
    path.write_bytes(b"")
    check_regular_file(path)
    check_regular_file(str(path))
    check_replaceable(str(path))
