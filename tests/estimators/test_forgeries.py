"""Files that were forged, digests and all: refused, or harmless; never half taken over."""

import copy
import math
import pickle
import subprocess
import sys

import forging
import numpy as np
import pytest
from every_model import slow_unless

from sklearn_unsup import CorruptedModelError
from sklearn_unsup import _persistence as persistence

pytestmark = [
    pytest.mark.filterwarnings("ignore:The generator has collapsed"),
    pytest.mark.filterwarnings("ignore:A kind of image is missing"),
    pytest.mark.filterwarnings("ignore:Posterior collapse"),
    pytest.mark.filterwarnings("ignore:A kind of image is missing"),
    pytest.mark.filterwarnings("ignore:invalid value"),
]
N_FORGERIES = 600
BATCH = 60


@pytest.mark.parametrize(
    "first", slow_unless(lambda first: first == 0, range(0, N_FORGERIES, BATCH))
)
def test_random_forgeries_are_refused_or_harmless(first):
    """Each batch in a process of its own: a crash is seen."""
    seeds = [str(first), str(first + BATCH)]
    found = subprocess.run(
        [sys.executable, forging.__file__, *seeds], capture_output=True, text=True, timeout=600
    )
    assert found.returncode == 0, (
        f"python tests/forging.py {' '.join(seeds)} ended with {found.returncode} at seed "
        f"{found.stderr.split()[-1:]}: {found.stdout}"
    )
    n_refused = int(found.stdout.split()[0])
    assert n_refused > BATCH / 2  # the changes are such that matter


# Forgeries of one kind each.


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """Return what `forging.prepare` makes, once for each model."""
    found = {}

    def ready(kind, name):
        if (kind, name) not in found:
            folder = tmp_path_factory.mktemp(f"{kind}-{name}")
            _, path, before = forging.prepare(kind, name, folder)
            found[kind, name] = path, path.read_bytes(), before
        return found[kind, name]

    return ready


def setting(*names_and_value):
    """Return a change that sets a value, deep within a state."""
    *names, last, value = names_and_value

    def change(state):
        for name in names:
            state = state[name]
        new = value(state[last]) if callable(value) else value
        if isinstance(state, tuple):
            raise TypeError("set the whole tuple")
        state[last] = new

    change.__name__ = "/".join(map(str, [*names, last]))
    return change


def counters(left, following):
    """Return a change of a generator's state: where it is in its block of random words."""

    def change(state):
        state = state.copy()
        state[8:12].view(np.int32)[0] = left
        state[16:24].view(np.uint64)[0] = following
        return state

    return change


def renamed(before, after):
    def change(value):
        return {after if name == before else name: part for name, part in value.items()}

    return change


def each_row(**values):
    return lambda rows: [{**row, **values} for row in rows]


HUGE_INTEGER = 10**400
OF_WEIGHTS = [
    ("autoencoder", setting("image_shape_", (True, 8, 8))),
    ("autoencoder", setting("image_shape_", (1, 8.0, 8))),
    ("autoencoder", setting("image_shape_", [1, 8, 8])),
    ("autoencoder", setting("_output_shape", (64.0,))),
    ("autoencoder", setting("_output_shape", [64])),
    ("autoencoder", setting("_layout", ((8.0, 8), None))),
    ("autoencoder", setting("_layout", ([8, 8], None))),
    ("autoencoder", setting("_range", (0, HUGE_INTEGER, True))),
    ("autoencoder", setting("_range", (-math.inf, math.inf, False))),
    ("autoencoder", setting("_range", (0.0, 1.0, "yes"))),
    ("autoencoder", setting("_shift", HUGE_INTEGER)),
    ("autoencoder", setting("_shift", True)),
    ("autoencoder", setting("n_features_in_", 64.0)),
    ("autoencoder", setting("n_features_in_", HUGE_INTEGER)),
    ("autoencoder", setting("history_", each_row(train_loss=HUGE_INTEGER))),
    ("autoencoder", setting("history_", each_row(epoch=7))),
    ("autoencoder", setting("_fitted_params", "loss", np.array([[1], "a"], dtype=object))),
    ("autoencoder", setting("_code_mixture", "weights", np.zeros_like)),
    ("autoencoder", setting("_code_mixture", "covariances", lambda value: -value)),
    ("autoencoder", setting("_code_mixture", 3)),
    ("autoencoder", setting("_code_mixture", {"weights": 3, "means": 3, "covariances": 3})),
    ("autoencoder", setting("feature_names_in_", np.array(range(64), dtype=object))),
    ("warm", setting("_training_state", "generator", counters(624, 624))),
    ("warm", setting("_training_state", "generator", counters(1, 1))),
    ("warm", setting("_training_state", "generator", counters(0, 0))),
    ("warm", setting("_training_state", "moments", 0, "step", np.float32(3))),
    ("warm", setting("_training_state", "moments", 0, "step", np.zeros(1, np.float32))),
    ("warm", setting("_training_state", "moments", 0, "exp_avg", None)),
    ("warm", setting("_training_state", "moments", 0, "exp_avg", np.zeros(1, np.float32))),
    ("warm", setting("_training_state", "moments", renamed(0, True))),
    ("warm", setting("_training_state", "moments", renamed(0, 0.0))),
    ("warm", setting("_training_state", "moments", renamed(0, 99))),
    ("sgd", setting("_training_state", "moments", 0, "momentum_buffer", None)),
    ("vae", setting("_row_seed", 2**32)),
    ("vae", setting("noise_variance_", math.inf)),
    ("vae", setting("_weights", "likelihood.spectrum", lambda value: -value)),
    ("vae", setting("kl_per_component_", lambda value: value[:1])),
    ("gan", setting("best_epoch_", 99)),
    ("gan", setting("_score_seed", -1)),
    ("custom", setting("_weights", "encoder.forward", 1)),
    ("custom", setting("_weights", "encoder._buffers", {})),
    ("custom", setting("_weights", "encoder.linear", 1)),
    ("custom", setting("_weights", "decoder.new", 1)),
    ("custom", setting("_weights", "encoder.v", ("float32", (1, 8, 8)))),
    ("custom", setting("_weights", "encoder.v", lambda v: np.zeros((9, 9, 9), np.float32))),
    ("custom", setting("_weights", "encoder.v", lambda v: np.zeros((1, 1, 1, 8, 8), np.float32))),
    ("custom", setting("_weights", "encoder.w", None)),
    ("custom", setting("_weights", "encoder.n_calls", "many")),
    ("custom", setting("_weights", "encoder.gain", [1.0])),
    ("custom", setting("_weights", "encoder.last", "text")),
    ("custom", setting("_weights", "encoder._extra_state", None)),
    ("custom", setting("_weights", "encoder._extra_state", {"extra": 3})),
    ("detector", setting("_reference", "spread", np.zeros_like)),
    ("detector", setting("_reference", "scale", np.zeros_like)),
    ("detector", setting("_reference", "precision", lambda value: value[:1])),
    ("detector", setting("_reference", "more", 1)),
    ("detector", setting("offset_", math.nan)),
    ("detector", setting("estimator_", 3)),
    ("detector", setting("predict", 1)),
]


def forged(path, content, kind, change, target):
    """Write a file whose state is changed and whose digests are right."""
    path.write_bytes(content)
    file = persistence.SavedFile(path, kind)
    state = file.read()
    change(state)
    header = {name: file.header[name] for name in ("estimator",) if name in file.header}
    persistence.save_file(target, kind, state, **header)


@pytest.mark.parametrize(
    ("name", "change"),
    OF_WEIGHTS,
    ids=[f"{i}-{name}-{change.__name__}" for i, (name, change) in enumerate(OF_WEIGHTS)],
)
def test_forged_weights_are_refused(ready, tmp_path, name, change):
    path, content, before = ready("weights", name)
    estimator = pickle.loads(before)
    before = pickle.dumps(estimator)
    if "_fitted_params" not in change.__name__:
        forged(path, content, type(estimator).__name__, lambda state: None, tmp_path / "same")
        copy.deepcopy(estimator).load_weights(tmp_path / "same")
    forged(path, content, type(estimator).__name__, change, tmp_path / "forged")
    with pytest.raises(CorruptedModelError):
        estimator.load_weights(tmp_path / "forged")
    assert pickle.dumps(estimator) == before


OF_PICKLES = [
    *(each for each in OF_WEIGHTS if "detector" not in each[0] and "_layout" not in str(each[1])),
    ("autoencoder", setting("network_", "a network")),
    ("autoencoder", setting("callbacks_", [])),
    ("autoencoder", setting("transform", str.upper.__name__)),
    ("autoencoder", setting("__class__", 1)),
    ("autoencoder", setting("_parameter_constraints", {})),
    ("autoencoder", setting("_weights", None)),
    ("detector", setting("_reference", "spread", np.zeros_like)),
    ("detector", setting("_reference", 3)),
    ("detector", setting("offset_", "low")),
    ("detector", setting("predict", 1)),
]


@pytest.mark.parametrize(
    ("name", "change"),
    OF_PICKLES,
    ids=[f"{i}-{name}-{change.__name__}" for i, (name, change) in enumerate(OF_PICKLES)],
)
def test_forged_states_in_pickles_are_refused(ready, name, change):
    estimator = pickle.loads(ready("weights", name)[2])
    state = estimator.__getstate__()
    del state["_seal"]
    state = copy.deepcopy(state)
    change(state)
    opened = type(estimator).__new__(type(estimator))
    with pytest.raises(CorruptedModelError):
        opened.__setstate__(persistence.seal(state))
    assert not vars(opened)


def best(change):
    def changed(best):
        assert best is not None
        return tuple(change(*best))

    return changed


def schedule(**values):
    return lambda found: [(batch, {**state, **values}) for batch, state in found]


OF_CHECKPOINTS = [
    ("adam", setting("optimizer", "param_groups", each_row(lr=math.inf))),
    ("adam", setting("optimizer", "param_groups", each_row(lr=-1.0))),
    ("adam", setting("optimizer", "param_groups", each_row(lr=HUGE_INTEGER))),
    ("adam", setting("optimizer", "param_groups", each_row(betas=(0.9,)))),
    ("adam", setting("optimizer", "param_groups", each_row(fused=False))),
    ("adam", setting("optimizer", "param_groups", each_row(more=1))),
    ("adam", setting("optimizer", "state", 0, "exp_avg_sq", np.zeros(1, np.float32))),
    ("adam", setting("optimizer", "state", 0, "step", np.float32(1))),
    ("adam", setting("optimizer", "state", renamed(0, True))),
    ("adam", setting("schedules", schedule(total_steps=0))),
    ("adam", setting("schedules", schedule(last_epoch=-5))),
    ("adam", setting("schedules", schedule(last_epoch=0.5))),
    ("adam", setting("schedules", schedule(step=1))),
    ("adam", setting("schedules", lambda found: [(-1, state) for _, state in found])),
    ("adam", setting("schedules", [])),
    ("sgd", setting("schedules", schedule(T_max=0))),
    ("sgd", setting("optimizer", "state", 0, "momentum_buffer", None)),
    ("class", setting("optimizer", "state", 0, "exp_avg", None)),
    ("adam", setting("history", each_row(train_loss="low"))),
    ("adam", setting("history", each_row(train_loss=None))),
    ("adam", setting("history", each_row(dur=math.inf))),
    ("adam", setting("history", each_row(epoch=True))),
    ("adam", setting("history", lambda rows: [{"epoch": 1, "dur": 1.0} for _ in rows])),
    ("gan", setting("history", lambda rows: [{"epoch": 1, "dur": 1.0} for _ in rows])),
    ("adam", setting("history", [])),
    ("adam", setting("history", lambda rows: rows * 5)),
    ("adam", setting("random_states", 0, counters(624, 624))),
    ("custom", setting("random_states", 2, counters(600, 624))),
    ("adam", setting("random_states", 0, lambda state: state[:-1])),
    ("adam", setting("trainer", "improved_", 99)),
    ("adam", setting("trainer", "patient_until_", HUGE_INTEGER)),
    ("adam", setting("trainer", "stop_", 1)),
    ("adam", setting("trainer", "module_", 1)),
    ("gan", setting("trainer", "n_turns_", -1)),
    ("gan", setting("trainer", "parts_", {"a": np.zeros(3)})),
    ("gan", setting("trainer", "parts_", {"a": np.zeros((), np.uint16)})),
    ("early", setting("trainer", "best_", best(lambda loss, epoch, w: (loss, 99, w)))),
    ("early", setting("trainer", "best_", best(lambda loss, epoch, w: (loss, True, w)))),
    ("early", setting("trainer", "best_", best(lambda loss, epoch, w: (math.nan, epoch, w)))),
    ("early", setting("trainer", "best_", best(lambda loss, epoch, w: (loss, epoch, {})))),
    ("gan", setting("trainer", "best_", best(lambda loss, epoch, w: (loss, 99, w)))),
    ("custom", setting("network", "encoder.forward", 1)),
    ("custom", setting("network", "encoder._extra_state", None)),
    ("adam", setting("network", "encoder.new", 1)),
]


@pytest.mark.parametrize(
    ("name", "change"),
    OF_CHECKPOINTS,
    ids=[f"{i}-{name}-{change.__name__}" for i, (name, change) in enumerate(OF_CHECKPOINTS)],
)
def test_forged_checkpoints_are_refused(ready, name, change):
    path, content, before = ready("checkpoint", name)
    estimator = pickle.loads(before)
    before = pickle.dumps(estimator)
    forged(path, content, "TrainingCheckpoint", change, path)
    with pytest.raises(CorruptedModelError):
        estimator.fit(forging.X)
    assert pickle.dumps(estimator) == before
