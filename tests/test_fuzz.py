"""Whatever X is: finite output of the right shape, or an error of ours that says why not."""

import linecache
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from every_model import (
    EVERY_CLASS,
    EVERY_MODEL,
    accepted_params,
    fit_model,
    method_outputs,
    set_params,
    with_methods,
)
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

import sklearn_unsup

DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 float16 float32 float64 >f4 >i2".split()
SIDES = st.integers(1, 9)
SHAPES = st.one_of(  # of a sample, and which axis of it holds the channels
    st.tuples(st.tuples(st.integers(1, 40)), st.none()),
    st.tuples(st.tuples(SIDES, SIDES), st.none()),
    st.tuples(st.tuples(st.integers(1, 4), SIDES, SIDES), st.sampled_from([None, 0])),
    st.tuples(st.tuples(SIDES, SIDES, st.integers(1, 4)), st.sampled_from([None, -1])),
)


def spaced(X):
    wide = np.zeros((2 * len(X), *X.shape[1:]), X.dtype)
    wide[::2] = X
    return wide[::2]


def read_only(X):
    X.flags.writeable = False
    return X


def memory_mapped(X):
    path = Path(tempfile.mkdtemp()) / "X.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


def as_frame(make):
    return lambda X: make(X.reshape(len(X), -1).astype(X.dtype.newbyteorder("=")))


LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "spaced": spaced,
    "reversed": lambda X: X[::-1],
    "read-only": read_only,
    "memory map": memory_mapped,
    "list": lambda X: X.tolist(),
    "pandas": as_frame(pd.DataFrame),
    "polars": as_frame(pl.DataFrame),
    "torch": lambda X: torch.from_numpy(X.astype(X.dtype.newbyteorder("="))),
}
VALUES = {
    "uniform": lambda rng, shape: rng.uniform(-1, 1, shape),
    "positive": lambda rng, shape: rng.uniform(0, 1, shape),
    "constant": lambda rng, shape: np.full(shape, rng.uniform(-1, 1)),
    "zero": lambda rng, shape: np.zeros(shape),
    "rows alike": lambda rng, shape: np.broadcast_to(rng.uniform(-1, 1, shape[1:]), shape).copy(),
    "outlier": lambda rng, shape: np.where(
        np.arange(np.prod(shape)).reshape(shape) == 0, 10.0 ** rng.integers(30), rng.random(shape)
    ),
    "missing": lambda rng, shape: np.where(rng.random(shape) < 0.1, np.nan, rng.random(shape)),
}


@st.composite
def inputs(draw):
    """An X, the axis of its channels, and how it came about."""
    kind = draw(st.sampled_from(sorted(VALUES)))
    exponent = draw(st.one_of(st.just(0), st.integers(-20, 20)))
    dtype, layout = draw(st.sampled_from(DTYPES)), draw(st.sampled_from(sorted(LAYOUTS)))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    shape, channel_axis = draw(SHAPES)
    X = VALUES[kind](rng, (draw(st.integers(1, 12)), *shape)) * 10.0**exponent
    if np.dtype(dtype).kind in "iu":  # casts beyond the range are undefined
        X = np.clip(np.nan_to_num(X) * 100, *(np.iinfo(dtype).min, np.iinfo(dtype).max))
    with np.errstate(all="ignore"):
        X = X.astype(dtype)
    if layout in ("pandas", "polars"):
        channel_axis = None
    return LAYOUTS[layout](X), channel_axis, f"{kind} 1e{exponent} {dtype} {layout} {X.shape}"


OPTIONS = {  # of all estimators, or of some
    "n_components": st.integers(1, 3),
    "hidden_channels": st.sampled_from([(2,), (2, 3)]),
    "hidden_layer_sizes": st.sampled_from([(), (4,)]),
    "max_epochs": st.integers(1, 2),
    "batch_size": st.sampled_from([1, 2, 5, "auto"]),
    "early_stopping": st.booleans(),
    "learning_rate_schedule": st.sampled_from(["constant", "one_cycle"]),
    "loss": st.sampled_from(["squared_error", "absolute_error", "binary_cross_entropy"]),
    "likelihood": st.sampled_from(["gaussian", "bernoulli"]),
    "objective": st.sampled_from(["non_saturating", "hinge", "wasserstein_gp", "least_squares"]),
    "code": st.sampled_from(["regression", "adversarial", "discriminator"]),
    "method": st.sampled_from(["combined", "reconstruction_error"]),
}
WRAPPED = with_methods("transform", "inverse_transform", among=EVERY_CLASS)  # by a detector
METHODS = ("transform", "sample", "score_samples")


@st.composite
def estimators(draw):
    name = draw(st.sampled_from(EVERY_CLASS))
    params = {each: draw(values) for each, values in accepted_params(name, OPTIONS).items()}
    if "estimator" in EVERY_MODEL[name]().get_params():
        wrapped = draw(st.sampled_from(WRAPPED))
        own = {each: draw(values) for each, values in accepted_params(wrapped, OPTIONS).items()}
        params["estimator"] = EVERY_MODEL[wrapped](**own)
    return EVERY_MODEL[name](**params)


def is_spoken(error):
    """Tell whether an error was raised by us or by scikit-learn, and not deeper down."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    ours = str(Path(sklearn_unsup.__file__).parent)
    by_us = frame.filename.startswith(ours) or "/sklearn/utils/" in frame.filename
    return by_us and linecache.getline(frame.filename, frame.lineno).strip().startswith("raise")


def check(estimator, given):
    X, channel_axis, description = given
    set_params(estimator, channel_axis=channel_axis)
    try:
        fit_model(estimator, X)
        outputs = method_outputs(estimator, X, METHODS)
        if "transform" in outputs:
            assert outputs["transform"].ndim == 2
        if hasattr(estimator, "inverse_transform"):
            outputs["inverse_transform"] = estimator.inverse_transform(outputs["transform"])
    except (ValueError, TypeError) as error:
        assert is_spoken(error), f"{description}: {error!r}"
        event(f"{type(error).__name__}: {str(error)[:40]}")
        return
    event("works")
    assert outputs
    for name, output in outputs.items():
        assert len(output) == (3 if name == "sample" else len(X))
        assert output.dtype in (np.float32, np.float64)
        assert np.isfinite(output).all(), description


def fuzz(n_examples, **options):
    @settings(
        max_examples=n_examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        **options,
    )
    @given(estimators(), inputs())
    def run(estimator, given):
        with warnings.catch_warnings():
            # numpy's, of overflow and the like
            warnings.filterwarnings("error", category=RuntimeWarning, module="sklearn_unsup")
            warnings.simplefilter("ignore", ConvergenceWarning)
            check(estimator, given)

    return run


def test_fifty_kinds_of_x():
    fuzz(50, derandomize=True)()


@pytest.mark.slow
def test_two_thousand_kinds_of_x():
    fuzz(2000, print_blob=True)()
