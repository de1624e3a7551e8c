import pytest
import torch

from sklearn_unsup._devices import draw_seed, isolated_torch_rng, resolve_device, resolve_precision


def test_auto_is_the_best_device_there_is():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto").type in (expected, "mps")
    assert resolve_device("cpu").type == "cpu"


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "meta:x"])
def test_devices_that_are_not_there_are_named(name):
    with pytest.raises(ValueError, match=f"device='{name}'.*device='auto'"):
        resolve_device(name)


def test_precision_is_bfloat16_on_cuda_only_unless_asked_for(monkeypatch):
    for has, expected in ((True, torch.bfloat16), (False, None)):
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation, has=has: has
        )
        assert resolve_precision("auto", torch.device("cuda")) is expected
    assert resolve_precision("auto", torch.device("cpu")) is None
    assert resolve_precision("bfloat16", torch.device("cpu")) is torch.bfloat16
    assert resolve_precision("float32", torch.device("cuda")) is None


def test_the_global_state_is_seeded_inside_and_restored_after_even_an_error():
    cpu, before = torch.device("cpu"), torch.get_rng_state()
    with isolated_torch_rng(3, cpu):
        first = torch.rand(2)
    with pytest.raises(KeyError), isolated_torch_rng(3, cpu):
        assert torch.equal(torch.rand(2), first)
        raise KeyError
    assert torch.equal(torch.get_rng_state(), before)


def test_seeds_are_drawn_as_scikit_learn_draws_them():
    assert draw_seed(0) == draw_seed(0) != draw_seed(1)
    assert draw_seed(None) != draw_seed(None)
