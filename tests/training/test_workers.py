import multiprocessing
import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV

SECONDS = 60  # after which a worker is taken to hang


def in_a_fork(function):
    """Return what `function` does in a forked process: its result, or its error's words."""

    def run(pipe):
        try:
            pipe.send(function())
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")

    here, there = multiprocessing.Pipe()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork")
        process = multiprocessing.get_context("fork").Process(target=run, args=(there,))
        process.start()
    try:
        return here.recv() if here.poll(SECONDS) else "it hangs"
    finally:
        process.kill()
        process.join()


@pytest.fixture
def two_threads():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(n_threads)


@pytest.mark.parametrize("method", ["fit", "transform", "partial_fit"])
def test_a_fork_after_training_is_refused_where_torch_would_hang(
    method, small, digits, two_threads
):
    model = small(hidden_channels=(32, 64)).fit(digits)
    found = in_a_fork(lambda: str(getattr(model, method)(digits)))
    assert found.startswith("RuntimeError: This process was forked")
    assert "'loky'" in found


def test_a_fork_with_one_thread_computes_the_same(small, digits, two_threads):
    model = small().fit(digits)

    def fit():
        torch.set_num_threads(1)
        return model.transform(digits)

    np.testing.assert_allclose(in_a_fork(fit), model.transform(digits), rtol=1e-5, atol=1e-6)


class Greedy(torch.nn.Module):
    """An encoder that wants more memory than its device has."""

    def __init__(self, image_shape, n_outputs):
        super().__init__()
        self.n_outputs = n_outputs
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, images):
        if self.training:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 TiB.")
        return self.weight.expand(len(images), self.n_outputs)


def test_a_full_device_is_named_with_what_to_do(small, digits):
    model = small().fit(digits)
    codes = model.transform(digits)
    with pytest.raises(MemoryError, match=r"Tried to.*of 32 images.*Lower batch_size.*n_jobs"):
        model.set_params(encoder=Greedy).fit(digits)
    np.testing.assert_array_equal(model.transform(digits), codes)  # nothing is lost


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_a_search_goes_on_after_a_candidate_that_does_not_fit(small, digits):
    search = GridSearchCV(small(), {"encoder": [None, Greedy]}, cv=2)
    with pytest.warns(FitFailedWarning, match="MemoryError"):
        search.fit(digits)
    assert search.best_params_ == {"encoder": None}
