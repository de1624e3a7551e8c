"""Device, precision, and seeds; torch's global random state for custom networks."""

import contextlib
import threading

import numpy as np
import torch
from sklearn.utils import check_random_state

from sklearn_unsup._devices._workers import FORKED, ForkSafeLock
from sklearn_unsup._warnings import warn

_GLOBAL_RNG_LOCK = ForkSafeLock(threading.RLock)


def resolve_device(name):
    """Return the torch.device of the parameter `device`.

    Parameters
    ----------
    name : str
        "auto" (cuda, else mps, else cpu) or a torch device such as "cpu", "cuda", "cuda:1", "mps".

    Raises
    ------
    ValueError
        If the device is unknown or not available.
    RuntimeError
        In a process that was forked from one that had used the GPU.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device).cpu()  # reading fails on "meta"
    except (RuntimeError, AssertionError, NotImplementedError, ModuleNotFoundError) as error:
        if "forked" in str(error):
            raise RuntimeError(FORKED) from error
        raise ValueError(
            f"device={name!r} cannot be used on this machine ({str(error).splitlines()[0]}). Use "
            "device='auto' for the best one there is, or device='cpu'."
        ) from error
    return device


def device_after_loading(name):
    """Return the torch.device for a model that may have been saved on another machine.

    If the device is not available, the best available one is returned with a warning.
    """
    try:
        return resolve_device(name)
    except ValueError:
        device = resolve_device("auto")
        warn(
            f"The model was fitted with device={name!r}, which this machine does not have; it was "
            f"loaded to {device}."
        )
        return device


def resolve_precision(name, device):
    """Return the autocast dtype of the parameter `precision`, or None for float32.

    "auto" is bfloat16 on CUDA devices with hardware support for it, and float32 elsewhere.
    """
    if name == "auto":
        fast = device.type == "cuda" and _computes_in_bfloat16(device)
        name = "bfloat16" if fast else "float32"
    return torch.bfloat16 if name == "bfloat16" else None


def _computes_in_bfloat16(device):
    with contextlib.nullcontext() if device.index is None else torch.cuda.device(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)


@contextlib.contextmanager
def isolated_torch_rng(seed, device):
    """Seed torch's global random state inside the block, and restore it afterwards.

    For custom networks, which take no generator. Only one thread at a time can be in the block.

    Parameters
    ----------
    seed : int
    device : torch.device
    """
    on_cuda = device.type == "cuda"
    with _GLOBAL_RNG_LOCK.lock, torch.random.fork_rng(devices=[device] if on_cuda else []):
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def draw_seed(random_state):
    """Draw a seed from scikit-learn's `random_state`; None uses entropy of the system."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    return int(check_random_state(random_state).randint(2**31 - 1))


def seed_from(generator):
    """Draw a seed from a torch generator."""
    return int(torch.randint(2**31 - 1, (), generator=generator))
