"""Memory between steps; what it saves is measured in benchmarks/pages.py."""

import pytest

from sklearn_unsup._devices import _memory


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
            accepted = option == _memory.M_TRIM_THRESHOLD or value <= most
            if accepted:
                thresholds[option] = value
            return int(accepted)

    monkeypatch.setattr(_memory.ctypes, "CDLL", OldGlibc)
    monkeypatch.setattr(_memory, "_is_glibc", lambda: True)
    for name in _memory.OF_THE_USER:
        monkeypatch.delenv(name, raising=False)
    _memory.keep_freed_memory()
    assert thresholds.get(_memory.M_MMAP_THRESHOLD) == mapped
    assert thresholds.get(_memory.M_TRIM_THRESHOLD) == trimmed


@pytest.mark.parametrize("name", _memory.OF_THE_USER)
def test_what_a_user_has_set_stays(name, monkeypatch):
    monkeypatch.setattr(_memory, "_is_glibc", lambda: True)
    monkeypatch.setattr(_memory.ctypes, "CDLL", lambda name: pytest.fail("thresholds are set"))
    monkeypatch.setenv(name, "0")
    _memory.keep_freed_memory()
