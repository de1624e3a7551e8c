"""Paths that are no regular file, or may not be read: an error at once, and nothing replaced."""

import multiprocessing
import os
import pickle
import socket
import stat
import tempfile
from pathlib import Path

import pytest
import torch
from every_model import EVERY_CLASS, with_methods
from sklearn.base import clone

from sklearn_unsup import TrainingCheckpoint

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files")


def a_fifo(path):
    os.mkfifo(path)


def a_socket(path):
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket may not be long
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


def a_folder(path):
    path.mkdir()


def a_loop(path):
    path.symlink_to(path.name)


def a_link_to_null(path):
    path.symlink_to("/dev/null")


def a_link_to_zero(path):
    path.symlink_to("/dev/zero")


def a_link_to_a_fifo(path):
    os.mkfifo(path.with_name("fifo"))
    path.symlink_to("fifo")


SPECIAL = [
    (a_fifo, ValueError, "a named pipe"),
    (a_socket, ValueError, "a socket"),
    (a_folder, IsADirectoryError, "directory"),
    (a_loop, OSError, "symbolic links"),
    (a_link_to_null, ValueError, "a device"),
    (a_link_to_zero, ValueError, "a device"),
    (a_link_to_a_fifo, ValueError, "a named pipe"),
]
special = pytest.mark.parametrize(
    ("make", "error", "text"), SPECIAL, ids=[make.__name__ for make, *_ in SPECIAL]
)


def kind(path):
    return stat.S_IFMT(os.lstat(path).st_mode), os.lstat(path).st_ino


@pytest.fixture(params=with_methods("save_weights", "load_weights", among=EVERY_CLASS))
def estimator(request, fitted_model):
    """A fitted estimator of each class, in turn."""
    return fitted_model(request.param)


@special
def test_a_special_file_is_neither_read_nor_replaced(estimator, tmp_path, make, error, text):
    path, before = tmp_path / "weights", pickle.dumps(estimator)
    make(path)
    was = kind(path)
    with pytest.raises(error, match=text):
        estimator.load_weights(path)
    with pytest.raises(error, match=text):
        estimator.save_weights(path)
    assert kind(path) == was
    assert pickle.dumps(estimator) == before


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
def test_a_device_is_not_replaced(fitted, device):
    was = kind(device)
    with pytest.raises(ValueError, match="a device"):
        fitted.save_weights(device)
    with pytest.raises(ValueError, match="a device"):
        fitted.load_weights(device)
    assert kind(device) == was


@special
def test_a_special_file_in_the_place_of_a_checkpoint(small, digits, tmp_path, make, error, text):
    estimator = small(callbacks=[TrainingCheckpoint(tmp_path)], max_epochs=1).fit(digits)
    before = pickle.dumps(estimator)
    (path,) = tmp_path.iterdir()
    path.unlink()
    make(path)
    was = kind(path)
    with pytest.raises(error, match=text):
        estimator.fit(digits)
    assert kind(path) == was
    assert pickle.dumps(estimator) == before


def a_file(path):
    path.write_text("mine")


@pytest.mark.parametrize("make", [a_file, a_fifo, a_socket, a_loop])
def test_something_else_in_the_place_of_the_folder_of_checkpoints(small, digits, tmp_path, make):
    make(tmp_path / "run")
    was = kind(tmp_path / "run")
    for folder, error in (("run", FileExistsError), ("run/deeper", OSError)):
        with pytest.raises(error, match="run"):
            small(callbacks=[TrainingCheckpoint(tmp_path / folder)]).fit(digits)
    assert kind(tmp_path / "run") == was


def test_special_files_beside_a_checkpoint_are_left_alone(small, digits, tmp_path):
    estimator = small(callbacks=[TrainingCheckpoint(tmp_path)], max_epochs=1).fit(digits)
    (path,) = tmp_path.iterdir()
    os.mkfifo(tmp_path / f".{path.name}.fifo")
    estimator.fit(digits)
    assert (tmp_path / f".{path.name}.fifo").is_fifo()


def test_a_link_to_nothing(fitted, digits, tmp_path):
    (tmp_path / "link").symlink_to("weights")
    with pytest.raises(FileNotFoundError):
        fitted.load_weights(tmp_path / "link")
    fitted.save_weights(tmp_path / "link").load_weights(tmp_path / "weights")
    assert (tmp_path / "link").is_symlink()
    (tmp_path / "other").symlink_to("missing/weights")
    with pytest.raises(FileNotFoundError):
        fitted.save_weights(tmp_path / "other")


def words(function):
    try:
        function()
    except Exception as error:
        return f"{type(error).__name__} {error}"


def what_a_stranger_is_told(fitted, digits, pipe):
    """Send what a user without rights, in the process of its own, is told by each attempt."""
    torch.set_num_threads(1)  # others do not work in a fork
    if os.getuid() == 0:
        os.setuid(65534)

    def fit(folder):
        return clone(fitted).set_params(callbacks=[TrainingCheckpoint(folder)]).fit(digits)

    attempts = (
        lambda: fitted.load_weights("weights"),
        lambda: fitted.load_weights("closed/weights"),
        lambda: fitted.save_weights("closed/weights"),
        lambda: fit("run"),
        lambda: fit("closed/run"),
        lambda: fit("closed"),
    )
    pipe.send([words(attempt) for attempt in attempts])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_what_may_not_be_read_is_not_missing(small, digits, monkeypatch):
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.chdir(folder)
        Path(folder).chmod(0o755)
        fitted = small(callbacks=[TrainingCheckpoint("run")], max_epochs=1).fit(digits)
        (checkpoint,) = Path("run").iterdir()
        Path("closed").mkdir()
        for path in ("weights", "closed/weights"):
            fitted.save_weights(path)
        for path in ("weights", checkpoint, "closed"):
            os.chmod(path, 0)
        here, there = multiprocessing.Pipe()
        stranger = multiprocessing.get_context("fork").Process(
            target=what_a_stranger_is_told, args=(fitted, digits, there)
        )
        stranger.start()
        told = here.recv() if here.poll(60) else []
        stranger.kill()
        stranger.join()
        monkeypatch.undo()
    assert len(told) == 6
    assert all(each.startswith("PermissionError [Errno 13]") for each in told), told
