"""Memory between steps; what it saves is measured in benchmarks/pages.py."""

import pytest
import torch

from sklearn_unsup._devices import _process
from sklearn_unsup._training import _graphs


@pytest.mark.parametrize(
    ("most", "mapped", "trimmed"), [(2**40, 2**30, 2**30), (2**25, 2**25, 2**30), (0, None, None)]
)
def test_trimming_is_put_off_only_if_large_blocks_come_from_the_heap(
    most, mapped, trimmed, monkeypatch
):
    """Older glibc refuses more than 32 MB; whatever it accepts ends its own adapting."""
    thresholds = {}

    class OldGlibc:
        def __init__(self, name):
            pass

        def mallopt(self, option, value):
            accepted = option == _process.M_TRIM_THRESHOLD or value <= most
            if accepted:
                thresholds[option] = value
            return int(accepted)

    monkeypatch.setattr(_process.ctypes, "CDLL", OldGlibc)
    monkeypatch.setattr(_process, "_is_glibc", lambda: True)
    for name in _process.USER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    _process.retain_freed_memory.__wrapped__()
    assert thresholds.get(_process.M_MMAP_THRESHOLD) == mapped
    assert thresholds.get(_process.M_TRIM_THRESHOLD) == trimmed


@pytest.mark.parametrize("name", _process.USER_VARIABLES)
def test_what_a_user_has_set_stays(name, monkeypatch):
    monkeypatch.setattr(_process, "_is_glibc", lambda: True)
    calls = []
    monkeypatch.setattr(_process.ctypes, "CDLL", calls.append)
    monkeypatch.setenv(name, "0")
    _process.retain_freed_memory.__wrapped__()
    assert not calls


def test_a_user_can_have_the_process_left_alone(monkeypatch):
    def touched(name):
        raise AssertionError("the C library was called")

    monkeypatch.setattr(_process.ctypes, "CDLL", touched)
    monkeypatch.setattr(_process, "_is_glibc", lambda: True)
    for name in _process.USER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(AssertionError, match="C library"):
        _process.release_memory()
    monkeypatch.setenv("SKLEARN_UNSUP_TUNE_PROCESS", "0")
    _process.retain_freed_memory.__wrapped__()
    _process.release_memory()
    assert not _graphs.supports_cuda_graphs(torch.device("cuda"))
    monkeypatch.delenv("SKLEARN_UNSUP_TUNE_PROCESS")
    assert _graphs.supports_cuda_graphs(torch.device("cuda"))
