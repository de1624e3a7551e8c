"""Damaged, foreign and forged files: an error that says so, and an estimator as it was."""

import contextlib
import copy
import io
import multiprocessing
import os
import pickle
import signal
import time
import tracemalloc

import joblib
import numpy as np
import open_models
import pytest
import skops.io
from every_model import EVERY_CLASS, EVERY_MODEL, slow_unless, with_methods
from safetensors.numpy import save_file as save_foreign
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_unsup import ConvAutoencoder, ConvOutlierDetector
from sklearn_unsup import _persistence as persistence
from sklearn_unsup._persistence import CorruptedModelError

N_FLIPS = 250


@pytest.fixture
def saved(fitted, tmp_path):
    fitted.save_weights(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def refusing(estimator):
    """Return what tells whether a file is refused with its name, and the estimator stays."""
    before = pickle.dumps(estimator)

    def refuses(path, match=None):
        with pytest.raises(CorruptedModelError, match=match) as error:
            estimator.load_weights(path)
        assert str(path) in str(error.value)
        assert pickle.dumps(estimator) == before
        return True

    return refuses


@pytest.fixture
def refuses(small, digits):
    """Tell whether a file is refused by a small ConvAutoencoder."""
    return refusing(small(max_epochs=1, random_state=1).fit(digits))


SAVING = with_methods("save_weights", "load_weights", among=EVERY_CLASS)


def flips(content, seed=0):
    """Yield copies of a file's content, each with one bit flipped."""
    rng = np.random.default_rng(seed)
    places = np.concatenate(
        [
            rng.integers(min(4000, len(content)), size=N_FLIPS // 2),
            rng.integers(len(content), size=N_FLIPS // 2),
        ]
    )
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.integers(8)
        yield bytes(damaged)


@pytest.mark.parametrize("model", slow_unless(lambda name: name == "ConvAutoencoder", SAVING))
def test_a_flipped_bit_in_a_file_of_weights_is_found(fitted_model, tmp_path, model):
    fitted_model(model).save_weights(tmp_path / "model.safetensors")
    damaged = tmp_path / "damaged"
    refuses = refusing(copy.deepcopy(fitted_model(model)))
    for content in flips((tmp_path / "model.safetensors").read_bytes()):
        damaged.write_bytes(content)
        assert refuses(damaged)


FORMS = {
    "pickle": (lambda model, file: pickle.dump(model, file), pickle.loads),
    "joblib": (joblib.dump, lambda content: joblib.load(io.BytesIO(content))),
    "compressed": (
        lambda model, file: joblib.dump(model, file, compress=3),
        lambda content: joblib.load(io.BytesIO(content)),
    ),
    "skops": (
        skops.io.dump,
        lambda content: skops.io.loads(content, skops.io.get_untrusted_types(data=content)),
    ),
}


@pytest.fixture(scope="module")
def detector(digits):
    network = ConvAutoencoder(4, hidden_channels=(8, 16), max_epochs=2, random_state=0)
    return ConvOutlierDetector(make_pipeline(StandardScaler(), network)).fit(digits)


# Not with every model: Python's own pickle takes all memory for some bits of a small one.
@pytest.mark.parametrize("model", ["fitted", "detector"])
@pytest.mark.parametrize("form", FORMS)
def test_a_flipped_bit_never_changes_a_pickled_model(request, digits, model, form):
    model = request.getfixturevalue(model)
    dump, load = FORMS[form]
    file = io.BytesIO()
    dump(model, file)
    expected, n_found = open_models.answers(model, digits), 0
    for content in flips(file.getvalue()):
        try:
            opened = load(content)
        except Exception:
            n_found += 1
            continue
        # Not every bit of a pickle means something; what came back is the model, to the last bit.
        for method, found in open_models.answers(opened, digits).items():
            np.testing.assert_array_equal(found, expected[method])
    assert n_found > 0.9 * N_FLIPS


@pytest.mark.parametrize("share", [0, 0.0001, 0.01, 0.5, 0.999])
@pytest.mark.parametrize("model", SAVING)
def test_a_truncated_file_is_refused(fitted_model, tmp_path, model, share):
    fitted_model(model).save_weights(tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    (tmp_path / "damaged").write_bytes(content[: int(share * len(content))])
    refuses = refusing(copy.deepcopy(fitted_model(model)))
    assert refuses(tmp_path / "damaged", r"bytes\) cannot be loaded")


@pytest.mark.parametrize("model", SAVING)
def test_weights_of_other_models_and_foreign_files_are_refused(fitted_model, tmp_path, model):
    refuses = refusing(copy.deepcopy(fitted_model(model)))
    for other in SAVING:
        if other != model:
            fitted_model(other).save_weights(tmp_path / other)
            assert refuses(tmp_path / other, f"it is of {other}, expected {model}")
    save_foreign({"weight": np.zeros(3)}, tmp_path / "other")
    assert refuses(tmp_path / "other", "not written by sklearn_unsup")
    (tmp_path / "text").write_text("no model " * 100)
    assert refuses(tmp_path / "text")
    with pytest.raises(FileNotFoundError):
        EVERY_MODEL[model]().load_weights(tmp_path / "missing")


class Malicious:
    def __reduce__(self):
        return os.system, ("touch it_has_run",)


def test_a_pickle_in_a_file_of_weights_does_not_run(refuses, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Malicious()))
    assert refuses(path)
    joblib.dump(Malicious(), path)
    assert refuses(path)
    assert not (tmp_path / "it_has_run").exists()


def forge(saved, path, change):
    """Write a file whose content is changed and whose digest is right."""
    state = persistence.SavedFile(saved, "ConvAutoencoder").read()
    change(state)
    persistence.save_file(path, "ConvAutoencoder", state)


def setting(name, value):
    def change(state):
        state[name] = value

    return change


def without_a_bias(state):
    del state["_weights"]["encoder.stages.0.bias"]


def transposed(state):
    weights = state["_weights"]
    weights["encoder.head.0.weight"] = weights["encoder.head.0.weight"].T


def in_double(state):
    weights = state["_weights"]
    weights["encoder.head.0.weight"] = weights["encoder.head.0.weight"].astype(np.float64)


@pytest.mark.parametrize(
    "change",
    [
        setting("image_shape_", (1, 10**6, 10**6)),
        setting("image_shape_", "everything"),
        setting("_fitted_params", {"n_components": 4}),
        setting("_weights", None),
        setting("_weights", {"scaling.offset": np.zeros((1, 8, 8), np.float32)}),
        without_a_bias,
        transposed,
        in_double,
        lambda state: state.clear(),
    ],
)
def test_forged_states_are_refused_before_there_is_memory_for_them(
    saved, refuses, tmp_path, change
):
    forge(saved, tmp_path / "forged", change)
    tracemalloc.start()
    assert refuses(tmp_path / "forged")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


# Saving, interrupted.


@contextlib.contextmanager
def forked(function, *args):
    """Run a function in a fork of this process, which is killed at the end."""
    process = multiprocessing.get_context("fork").Process(target=function, args=args)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def save_on_a_full_disk(model, path, pipe):
    import resource  # which Windows has not

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    try:
        model.save_weights(path)
    except OSError as error:
        pipe.send(str(error))


def save_forever(model, path, pipe):
    pipe.send("saving")
    while True:
        model.save_weights(path)


forks = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@forks
def test_a_full_disk_is_an_error_and_leaves_the_old_file(saved, fitted):
    before = saved.read_bytes()
    here, there = multiprocessing.Pipe()
    with forked(save_on_a_full_disk, fitted, saved, there):
        assert here.poll(60) and "File too large" in here.recv()
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


@forks
def test_whoever_is_killed_while_saving_leaves_a_whole_file(saved, digits, fitted):
    rng = np.random.default_rng(0)
    for _ in range(10):
        here, there = multiprocessing.Pipe()
        with forked(save_forever, fitted, saved, there):
            assert here.poll(60) and here.recv() == "saving"
            time.sleep(rng.uniform(0, 0.2))
        model = ConvAutoencoder(4, hidden_channels=(8, 16)).load_weights(saved)
        np.testing.assert_array_equal(model.transform(digits), fitted.transform(digits))
