"""What must hold on a GPU: functions of a device that assert, and need no pytest.

`benchmarks/gpu.py` runs all of them on a GPU, and `test_gpu.py` on whatever there is. On a CPU,
graphs are imitated: a mistake in a check itself is found there.
"""

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ClassVar
from unittest import mock

import numpy as np
import torch
from imitated_graphs import Counted, Imitation
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from skorch.callbacks import Callback, LRScheduler
from torch import nn

import sklearn_unsup
from sklearn_unsup import (
    ConvAutoencoder,
    ConvGAN,
    ConvOutlierDetector,
    ConvVAE,
    TrainingCheckpoint,
)
from sklearn_unsup._data import LazyRows
from sklearn_unsup._devices import _inference as inference
from sklearn_unsup._devices import _transfer as transfer
from sklearn_unsup._devices import apply_in_chunks
from sklearn_unsup._training import TrainingData, _graphs, _trainer, split_batches
from sklearn_unsup.networks import Batch

TOO_MANY = 2**45  # numbers: no machine has memory for them
SMALL = {
    "n_components": 4,
    "hidden_channels": (8, 16),
    "hidden_layer_sizes": (),
    "max_epochs": 3,
    "batch_size": 16,
    "learning_rate": 5e-3,
    "random_state": 0,
}
MODELS = {"autoencoder": ConvAutoencoder, "vae": ConvVAE, "gan": ConvGAN}
VARIANTS = [
    partial(ConvAutoencoder, noise_level=0.1, l1_activity=0.01),
    partial(ConvAutoencoder, loss="binary_cross_entropy", learning_rate_schedule="cosine"),
    partial(ConvAutoencoder, optimizer="sgd"),
    partial(ConvVAE, likelihood="bernoulli", binarize="dynamic", beta_warmup_epochs=2),
    partial(ConvVAE, free_bits=0.1, prior="mixture", optimizer="adamw", weight_decay=0.01),
    partial(ConvGAN, objective="hinge", code="adversarial", n_critic=2),
    partial(ConvGAN, objective="wasserstein_gp", n_critic=2),
    partial(ConvGAN, objective="least_squares", code="discriminator"),
]


def digits(n=200):
    """Return rows (n, 64) from 0 to 1, float32."""
    return (load_digits().data[:n] / 16).astype(np.float32)


def fitted(kind, device, X=None, **parameters):
    """Return a small estimator that has learnt; the warning of a failed capture is an error."""
    estimator = kind(**{**SMALL, "device": device, **parameters})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is not trained far
        warnings.filterwarnings("error", ".*could not be captured")
        return estimator.fit(digits() if X is None else X)


@contextlib.contextmanager
def patched(*changes):
    """Set attributes, given as (target, name, value), inside the block."""
    with contextlib.ExitStack() as stack:
        for change in changes:
            stack.enter_context(mock.patch.object(*change))
        yield


@contextlib.contextmanager
def graphs(device):
    """Let short trainings use graphs; yield what counts their replays."""
    with contextlib.ExitStack() as stack:
        kind = Counted if is_cuda(device) else Imitation
        yield kind(lambda *change: stack.enter_context(mock.patch.object(*change)))


def is_cuda(device):
    return torch.device(device).type == "cuda"


@contextlib.contextmanager
def in_full_precision():
    """Do without TF32 inside the block, so that a GPU and a CPU can be compared."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def losses(estimator):
    """Return what was recorded of the training."""
    names = [name for name in estimator.history_[0] if name.startswith("train")]
    return np.array([[row[name] for name in names] for row in estimator.history_])


def weights(estimator):
    state = estimator.network_.state_dict()
    return {name: value.cpu().numpy().copy() for name, value in state.items()}


def assert_same_training(found, expected, tolerance=2e-2):
    np.testing.assert_allclose(losses(found), losses(expected), rtol=tolerance, atol=tolerance)


class Source:
    """Something with a shape, a dtype and slices."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, which):
        return self.array[which]


# Transfers.


def bytes_of(n=1000, width=12):
    return np.random.RandomState(0).randint(0, 256, size=(n, width)).astype(np.uint8)


def groups(rows):
    for start in range(0, len(rows), 64):
        yield rows[start : start + 64], rows[start : start + 64, :1].astype(np.float64)


def groups_arrive_in_order_and_filled_up(device):
    rows = bytes_of()
    expected = list(groups(rows))
    for n_rows in (None, 64):
        found = list(transfer.to_device(groups(rows), torch.device(device), n_rows))
        assert len(found) == len(expected)
        for tensors, arrays in zip(found, expected, strict=True):
            for tensor, array in zip(tensors, arrays, strict=True):
                assert tensor.device.type == torch.device(device).type
                values = tensor.cpu().numpy()
                assert values.dtype == (np.float32 if array.dtype == np.float64 else array.dtype)
                assert len(values) == (n_rows or len(array))
                np.testing.assert_array_equal(values[: len(array)], array)
                assert not values[len(array) :].any()


def what_fails_while_reading_is_raised(device):
    def fails():
        yield (np.zeros(3),)
        raise OSError("the disk is gone")

    try:
        list(transfer.to_device(fails(), torch.device(device)))
    except OSError as error:
        assert "the disk" in str(error)
    else:
        raise AssertionError("no error")


def assert_all_rows_are_seen(source, rows, device):
    generator = torch.Generator().manual_seed(0)
    data = TrainingData(source, given=np.arange(len(rows)))
    training, validation = split_batches(
        data, lambda x: x, 64, torch.device(device), generator, 0.2
    )
    batches = [*training, *validation]
    seen = torch.cat([batch.images for batch in batches])
    given = torch.cat([batch.given for batch in batches])
    assert {seen.device.type, given.device.type} == {torch.device(device).type}
    np.testing.assert_array_equal(seen.cpu().numpy(), rows[given.cpu().numpy()])
    assert sorted(given.tolist()) == list(range(len(rows)))
    return training, validation


def rows_that_fit_stay_on_the_device(device):
    rows = bytes_of()
    for source in (rows, LazyRows(Source(rows))):
        with patched((transfer, "PIECE_BYTES", 5000)):
            training, validation = assert_all_rows_are_seen(source, rows, device)
        if is_cuda(device):
            assert training.rows is validation.rows
            assert training.rows.dtype == torch.uint8


def rows_that_do_not_fit_are_copied_batch_by_batch(device):
    rows = bytes_of()
    for source in (rows, LazyRows(Source(rows))):
        with patched((transfer, "RESIDENT_SHARE", 0)):
            assert_all_rows_are_seen(source, rows, device)


def chunks_give_what_they_give_on_a_cpu(device):
    def noise(chunk):
        return chunk[:, :1].astype(np.float32)

    def function(tensor, extra):
        return tensor * 2 + extra

    rows = bytes_of()
    with patched((inference, "CHUNKS_ELSEWHERE", (96, 2**26, 1))):
        found = apply_in_chunks(function, rows, torch.device(device), 12, noise)
    np.testing.assert_array_equal(
        found, apply_in_chunks(function, rows, torch.device("cpu"), 12, noise)
    )


def a_full_device_gets_smaller_chunks(device):
    def function(tensor):
        if len(tensor) > 20:
            torch.empty(TOO_MANY, device=tensor.device)
        return tensor * 2

    rows = digits()
    found = apply_in_chunks(function, rows, torch.device(device), 64)
    np.testing.assert_array_equal(found, rows * 2)


# Using.


def codes_do_not_depend_on_neighbours(device):
    X = digits()
    for kind in MODELS.values():
        estimator = fitted(kind, device, max_epochs=1)
        codes = estimator.transform(X)
        for i in (0, 7, 199):
            np.testing.assert_array_equal(estimator.transform(X[i : i + 1])[0], codes[i])


def two_calls_give_the_same_bits(device):
    X = digits()
    for kind in MODELS.values():
        estimator = fitted(kind, device, max_epochs=1)
        np.testing.assert_array_equal(estimator.reconstruct(X), estimator.reconstruct(X))
        np.testing.assert_array_equal(estimator.sample(9, 0), estimator.sample(9, 0))


def scores_are_finite_whatever_the_dtype_of_X(device):
    for dtype, scale in ((np.uint8, 255), (np.float64, 1)):
        X = (digits() * scale).astype(dtype)
        for kind in MODELS.values():
            assert np.isfinite(fitted(kind, device, X, max_epochs=1).score(X))
    vae = fitted(ConvVAE, device)
    assert np.isfinite(vae.score_samples(digits(), 5)).all()


def outliers_are_found(device):
    detector = ConvOutlierDetector(ConvAutoencoder(**{**SMALL, "device": device}))
    assert set(detector.fit(digits()).predict(digits())) <= {-1, 1}


def images_of_any_shape_are_learnt(device):
    for shape in ((1, 1, 30), (3, 9, 7), (1, 2, 2)):
        X = np.random.RandomState(0).uniform(size=(40, *shape)).astype(np.float32)
        for kind in MODELS.values():
            estimator = fitted(kind, device, X, max_epochs=1, channel_axis=0)
            assert estimator.reconstruct(X).shape == X.shape


# Training.


def it_learns_what_a_cpu_learns(device):
    params = {"max_epochs": 8}
    for kind, tolerance in ((ConvAutoencoder, 0.05), (ConvVAE, 5), (ConvGAN, 1)):
        expected = fitted(kind, "cpu", **params).score(digits())
        for precision in ("float32", "bfloat16"):
            found = fitted(kind, device, **params, precision=precision).score(digits())
            assert abs(found - expected) < tolerance, (kind.__name__, precision, found, expected)


def every_variant_is_trained(device):
    for kind in VARIANTS:
        for context in (contextlib.nullcontext(), graphs(device)):
            with context:
                estimator = fitted(kind, device)
            assert np.isfinite(losses(estimator)).all()
            assert np.isfinite(estimator.sample(3, 0)).all()


def a_memory_map_is_learnt_as_an_array_is(device):
    X = digits()
    expected = fitted(ConvAutoencoder, device, X, precision="float32")
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/X.npy", X)
        found = fitted(
            ConvAutoencoder, device, np.load(f"{folder}/X.npy", mmap_mode="r"), precision="float32"
        )
        with patched((transfer, "RESIDENT_SHARE", 0)):
            copied = fitted(
                ConvAutoencoder,
                device,
                np.load(f"{folder}/X.npy", mmap_mode="r"),
                precision="float32",
            )
    assert_same_training(found, expected)
    assert_same_training(copied, expected)


def lazy_rows_are_learnt(device):
    for share in (0, 0.25):
        with patched((transfer, "RESIDENT_SHARE", share)):
            estimator = fitted(ConvAutoencoder, device, Source(digits()), max_epochs=5)
        assert losses(estimator)[-1, 0] < losses(estimator)[0, 0]


class Remember(Callback):
    """Keep the weights after each epoch."""

    kept: ClassVar[list] = []  # of the class: estimators may work with copies of callbacks

    def on_train_begin(self, net, **kwargs):
        self.kept.clear()

    def on_epoch_end(self, net, **kwargs):
        state = net.module_.state_dict()
        self.kept.append({name: value.cpu().numpy().copy() for name, value in state.items()})


def early_stopping_restores_the_best_weights(device):
    for context in (contextlib.nullcontext(), graphs(device)):
        with context:
            estimator = fitted(
                ConvAutoencoder,
                device,
                early_stopping=True,
                tol=0,
                n_iter_no_change=3,
                max_epochs=30,
                learning_rate=0.05,
                learning_rate_schedule="constant",
                callbacks=[Remember()],
            )
        best = int(np.argmin([row["valid_loss"] for row in estimator.history_]))
        assert best < len(estimator.history_) - 1 or len(estimator.history_) == 30
        for name, value in weights(estimator).items():
            np.testing.assert_array_equal(value, Remember.kept[best][name])


def training_goes_on_after_a_first_fit(device):
    for kind in MODELS.values():
        estimator = fitted(kind, device, warm_start=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator.fit(digits())
            estimator.partial_fit(digits()).partial_fit(digits())
        assert len(estimator.history_) == 8
        assert np.isfinite(losses(estimator)).all()


class DropoutEncoder(nn.Sequential):
    """A user's own, that draws from torch's global state."""

    def __init__(self, image_shape, n_outputs):
        super().__init__(
            nn.Flatten(),
            nn.LazyLinear(32),
            nn.BatchNorm1d(32),
            nn.Dropout(),
            nn.Linear(32, n_outputs),
        )


def own_networks_leave_the_global_state_alone(device):
    states = [torch.get_rng_state, *([torch.cuda.get_rng_state] if is_cuda(device) else [])]
    before = [state() for state in states]
    found = [fitted(ConvAutoencoder, device, encoder=DropoutEncoder) for _ in range(2)]
    for state, earlier in zip(states, before, strict=True):
        assert torch.equal(state(), earlier)
    assert_same_training(*found)


class GreedyEncoder(DropoutEncoder):
    """Wants more memory than there is, in training."""

    def forward(self, images):
        if self.training:
            torch.empty(TOO_MANY, device=images.device)
        return super().forward(images)


def a_full_device_says_what_to_do(device):
    estimator = fitted(ConvAutoencoder, device)
    codes = estimator.transform(digits())
    try:
        estimator.set_params(encoder=GreedyEncoder).fit(digits())
    except MemoryError as error:
        assert "batches of 16 images" in str(error)
        assert "Lower batch_size" in str(error)
    else:
        raise AssertionError("no error")
    np.testing.assert_array_equal(estimator.transform(digits()), codes)


def two_threads_learn_at_once(device):
    X = digits()
    # What a thread shares with others is warnings and patches: none inside.
    estimators = [ConvAutoencoder(**{**SMALL, "device": device, "random_state": i}) for i in (0, 1)]
    expected = [losses(estimator.fit(X)) for estimator in estimators]
    # Imitations know one optimiser at a time.
    context = graphs(device) if is_cuda(device) else contextlib.nullcontext()
    with context, ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda estimator: estimator.fit(X), estimators))
    for estimator, values in zip(estimators, expected, strict=True):
        np.testing.assert_allclose(losses(estimator), values, rtol=2e-2, atol=2e-2)


# Graphs.


def graphs_learn_what_single_steps_learn(device):
    X = digits(135)  # the last batch is smaller
    for kind, options in (
        (ConvAutoencoder, {"noise_level": 0.1}),
        (ConvAutoencoder, {"learning_rate_schedule": "constant"}),
        (ConvVAE, {"beta_warmup_epochs": 2}),
        (ConvGAN, {"objective": "hinge", "n_critic": 2}),
    ):
        options = {**options, "precision": "float32", "learning_rate": 1e-3}
        expected = fitted(kind, device, X, **options)
        with graphs(device) as counted:
            found = fitted(kind, device, X, **options)
        assert counted.n_replays > 8
        assert_same_training(found, expected, 1e-2)
        for name, value in weights(expected).items():
            np.testing.assert_allclose(
                weights(found)[name], value, rtol=1e-2, atol=1e-2, err_msg=f"{kind} {name}"
            )


def training_goes_on_after_a_capture_that_failed(device):
    with graphs(device):
        capture = _graphs.capture

        def invalid(function, generator, stream):
            def waits():
                function()
                if is_cuda(device):
                    torch.cuda.synchronize()
                raise RuntimeError("not permitted")

            replay, _ = capture(waits, generator, stream)
            replay()  # imitations call it only now

        with patched((_graphs, "capture", invalid)), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimator = ConvVAE(**{**SMALL, "device": device}).fit(digits())
    assert any("could not be captured" in str(warning.message) for warning in caught)
    assert losses(estimator)[-1, 0] < losses(estimator)[0, 0]
    assert torch.randn(3, device=device).isfinite().all()
    assert_memory_comes_back(device)


def assert_memory_comes_back(device):
    """See that torch's allocator waits for no capture: it would keep what other streams used."""
    if not is_cuda(device):
        return
    chunk = np.zeros((1024, 1024), dtype=np.float32)  # 4 MB
    before = torch.cuda.memory_reserved()
    for _ in transfer.to_device(((chunk,) for _ in range(100)), torch.device(device)):
        pass
    assert torch.cuda.memory_reserved() - before < 2e8


def each_replay_draws_anew_what_single_steps_draw(device):
    weight = torch.zeros(3, device=device, requires_grad=True)
    optimizer = torch.optim.Adam([weight], fused=True)

    def draws(graphed):
        generator = torch.Generator(device).manual_seed(0)

        def step(batch, variant):
            optimizer.zero_grad()
            noise = torch.empty(3, device=device).normal_(generator=generator)
            (weight * noise).sum().backward()
            optimizer.step()
            return {"noise": noise.clone()}

        steps = _trainer.GraphedSteps(step, optimizer, generator)
        steps.works = graphed
        batch = Batch(torch.zeros(2, device=device))
        return [steps(batch)["noise"].cpu().numpy().copy() for _ in range(10)]

    with graphs(device):
        replayed, single = draws(True), draws(False)
    assert len({tuple(noise) for noise in replayed}) == 10
    np.testing.assert_allclose(replayed, single, rtol=1e-5)


class NoWaiting(Callback):
    """Make an error of whatever lets the host wait for the GPU within a step."""

    def on_batch_begin(self, net, **kwargs):
        torch.cuda.set_sync_debug_mode("error")

    def on_batch_end(self, net, **kwargs):
        torch.cuda.set_sync_debug_mode("default")


def the_host_does_not_wait_for_the_device(device):
    captures = []
    imitated = [(torch.cuda, "set_sync_debug_mode", lambda mode: None)]
    with patched(*([] if is_cuda(device) else imitated)), graphs(device):
        capture = _graphs.capture

        def waiting(*arguments):  # a capture may wait, and does
            captures.append(arguments)
            torch.cuda.set_sync_debug_mode("default")
            try:
                return capture(*arguments)
            finally:
                torch.cuda.set_sync_debug_mode("error")

        with patched((_graphs, "capture", waiting)):
            try:
                for kind in MODELS.values():
                    fitted(kind, device, callbacks=[NoWaiting()])
            finally:
                torch.cuda.set_sync_debug_mode("default")
    assert len(captures) >= 3


# Saving.

OPEN = """
import pickle, sys, numpy as np
from pathlib import Path
folder = Path(sys.argv[1])
models = pickle.loads((folder / "models.pickle").read_bytes())
X = np.load(folder / "X.npy")
np.save(folder / "codes.npy", [model.transform(X) for model in models])
"""


def assert_open_without_a_gpu(estimators):
    """Compare the codes that estimators give here and, pickled, where no GPU is to be seen."""
    places = [Path(sklearn_unsup.__file__).parents[1], Path(__file__).parent]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    environment["PYTHONPATH"] = os.pathsep.join([*map(str, places), *filter(None, sys.path)])
    X = digits()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "models.pickle").write_bytes(pickle.dumps(estimators))
        np.save(f"{folder}/X.npy", X)
        command = [sys.executable, "-W", "ignore", "-c", OPEN, folder]
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        found = np.load(f"{folder}/codes.npy")
    with in_full_precision():
        for codes, estimator in zip(found, estimators, strict=True):
            np.testing.assert_allclose(codes, estimator.transform(X), rtol=1e-3, atol=1e-3)


def pickles_open_without_a_gpu(device):
    assert_open_without_a_gpu([fitted(kind, device) for kind in MODELS.values()])


def pickles_with_a_scheduler_open_without_a_gpu(device):
    callbacks = [LRScheduler("ExponentialLR", gamma=0.9)]
    options = {"callbacks": callbacks, "learning_rate_schedule": "constant"}
    assert_open_without_a_gpu([fitted(ConvAutoencoder, device, **options)])


def saved_weights_and_pickles_give_the_same_codes(device):
    X = digits()
    for kind in MODELS.values():
        estimator = fitted(kind, device)
        codes = estimator.transform(X)
        np.testing.assert_allclose(
            pickle.loads(pickle.dumps(estimator)).transform(X), codes, 1e-3, 1e-3
        )
        with tempfile.TemporaryDirectory() as folder:
            estimator.save_weights(f"{folder}/weights")
            loaded = kind(**{**SMALL, "device": device}).load_weights(f"{folder}/weights")
        np.testing.assert_allclose(loaded.transform(X), codes, 1e-3, 1e-3)


class Stop(Callback):
    """End a training with an error after some epochs."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def __getstate__(self):
        return {}  # it does not decide how a training ends

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) > self.n_epochs:
            raise InterruptedError


def assert_goes_on(kind, first, second):
    """Train on one device, stop, and go on; on another device the training starts anew."""
    is_another = torch.device(first).type != torch.device(second).type
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fitted(kind, first, callbacks=[TrainingCheckpoint(folder), Stop(1)])
        except InterruptedError:
            pass
        finished = fitted(kind, second, callbacks=[TrainingCheckpoint(folder), Stop(99)])
        assert len(list(Path(folder).iterdir())) == 1 + is_another
    assert any("starts anew" in str(each.message) for each in caught) == is_another
    assert len(finished.history_) == 3
    assert_same_training(finished, fitted(kind, second), 0.1)


def a_stopped_training_goes_on(device):
    for kind in MODELS.values():
        assert_goes_on(kind, device, device)
    with graphs(device):
        assert_goes_on(ConvGAN, device, device)


def a_training_that_was_stopped_on_a_cpu_goes_on(device):
    assert_goes_on(ConvAutoencoder, "cpu", device)


def a_training_that_was_stopped_on_the_device_goes_on_on_a_cpu(device):
    assert_goes_on(ConvAutoencoder, device, "cpu")


# On a GPU only.


def a_device_with_its_number_is_the_same(device):
    assert_same_training(
        fitted(ConvAutoencoder, f"{device}:0", precision="float32"),
        fitted(ConvAutoencoder, device, precision="float32"),
    )


def auto_is_the_gpu(device):
    estimator = fitted(ConvAutoencoder, "auto")
    assert estimator.network_.scaling.scale.device.type == device


def workers_share_a_gpu(device):
    model = ConvAutoencoder(**{**SMALL, "device": device, "precision": "float32"})
    one, two = (cross_val_score(model, digits(), cv=3, n_jobs=n) for n in (1, 3))
    np.testing.assert_allclose(two, one, rtol=1e-2)


def a_fork_after_using_a_gpu_is_refused(device):
    estimator = fitted(ConvAutoencoder, device)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            estimator.fit(digits())
            os.write(writing, b"no error")
        except BaseException:
            os.write(writing, traceback.format_exc().encode()[-4000:])
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as file:
        text = file.read()
    assert "RuntimeError: This process was forked" in text, text


CHECKS = (
    groups_arrive_in_order_and_filled_up,
    what_fails_while_reading_is_raised,
    rows_that_fit_stay_on_the_device,
    rows_that_do_not_fit_are_copied_batch_by_batch,
    chunks_give_what_they_give_on_a_cpu,
    graphs_learn_what_single_steps_learn,
    each_replay_draws_anew_what_single_steps_draw,
    training_goes_on_after_a_capture_that_failed,
    the_host_does_not_wait_for_the_device,
    codes_do_not_depend_on_neighbours,
    pickles_open_without_a_gpu,
    pickles_with_a_scheduler_open_without_a_gpu,
    saved_weights_and_pickles_give_the_same_codes,
    a_stopped_training_goes_on,
    a_training_that_was_stopped_on_a_cpu_goes_on,
    a_training_that_was_stopped_on_the_device_goes_on_on_a_cpu,
    every_variant_is_trained,
    it_learns_what_a_cpu_learns,
    early_stopping_restores_the_best_weights,
    training_goes_on_after_a_first_fit,
    a_full_device_gets_smaller_chunks,
    a_full_device_says_what_to_do,
    a_memory_map_is_learnt_as_an_array_is,
    lazy_rows_are_learnt,
    own_networks_leave_the_global_state_alone,
    two_calls_give_the_same_bits,
    scores_are_finite_whatever_the_dtype_of_X,
    outliers_are_found,
    images_of_any_shape_are_learnt,
    two_threads_learn_at_once,
)
ON_A_GPU = (
    auto_is_the_gpu,
    a_device_with_its_number_is_the_same,
    workers_share_a_gpu,
    a_fork_after_using_a_gpu_is_refused,
)
