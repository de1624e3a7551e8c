import copy
import io
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch
from example_networks import LinearDecoder, LinearEncoder
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from sklearn_unsup import ConvAutoencoder, CorruptedModelError


def through_joblib(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file, compress=3)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize(
    "copied", [lambda e: pickle.loads(pickle.dumps(e)), through_joblib, copy.deepcopy, copy.copy]
)
def test_a_copy_gives_the_same_bits(fitted, digits, copied):
    other = copied(fitted)
    np.testing.assert_array_equal(other.transform(digits), fitted.transform(digits))
    np.testing.assert_array_equal(other.sample(5, 0), fitted.sample(5, 0))
    assert other.history_ == fitted.history_


def test_a_pipeline_gives_the_same_bits_in_a_new_process(fitted, digits, tmp_path):
    pipe = make_pipeline(ConvAutoencoder(4, max_epochs=1, device="cpu"), PCA(2)).fit(digits)
    joblib.dump(pipe, tmp_path / "pipe.joblib")
    np.save(tmp_path / "digits.npy", digits)
    code = (
        "import joblib, numpy as np;codes = "
        "joblib.load('pipe.joblib').transform(np.load('digits.npy'));np.save('codes.npy', codes)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "codes.npy"), pipe.transform(digits))


def test_a_memory_mapped_file_loads(fitted, digits, tmp_path):
    joblib.dump(fitted, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    np.testing.assert_array_equal(mapped.transform(digits), fitted.transform(digits))


def test_a_pickle_is_little_larger_than_the_weights(digits):
    estimator = ConvAutoencoder(max_epochs=1, device="cpu").fit(digits)
    n_bytes = sum(tensor.nbytes for tensor in estimator.network_.state_dict().values())
    assert len(pickle.dumps(estimator)) <= 1.1 * n_bytes


def test_the_state_holds_no_torch_or_skorch_object(small, digits):
    state = pickle.dumps(small(warm_start=True, early_stopping=True).fit(digits))
    assert b"torch" not in state.replace(b"'torch'", b"").replace(b"\x05torch", b"")
    assert b"skorch" not in state


def test_a_parameter_changed_after_fit_does_not_break_the_copy(small, digits):
    estimator = small().fit(digits)
    codes = estimator.transform(digits)
    estimator.set_params(hidden_channels=(4,), n_components=9)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(estimator)).transform(digits), codes)


def test_a_custom_network_comes_back(small, digits):
    estimator = small(encoder=LinearEncoder, decoder=LinearDecoder).fit(digits)
    copied = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(copied.transform(digits), estimator.transform(digits))


def test_loading_leaves_the_global_random_state(small, digits):
    state = pickle.dumps(small(encoder=LinearEncoder, decoder=LinearDecoder).fit(digits))
    before = torch.get_rng_state()
    pickle.loads(state)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_clone_is_not_fitted(fitted):
    assert not hasattr(clone(fitted), "network_")


def test_a_flipped_bit_is_found(fitted):
    state = fitted.__getstate__()
    weights = state["_network_state"]["weights"]
    name = sorted(weights)[0]
    weights[name].view(np.uint8).flat[0] ^= 1
    with pytest.raises(CorruptedModelError, match="altered"):
        ConvAutoencoder().__setstate__(state)


def test_a_newer_format_is_refused(fitted):
    state = fitted.__getstate__()
    state["_network_state"]["format"] += 1
    with pytest.raises(CorruptedModelError, match="Upgrade sklearn_unsup"):
        ConvAutoencoder().__setstate__(state)


def test_weights_of_another_network_are_refused(fitted):
    state = fitted.__getstate__()
    state["_fitted_params"] = {**state["_fitted_params"], "hidden_channels": (8, 24)}
    with pytest.raises(CorruptedModelError, match="do not fit the network"):
        ConvAutoencoder().__setstate__(state)


def test_a_device_that_is_missing_is_replaced_with_a_warning(small, digits):
    state = small().fit(digits).__getstate__()
    state["device"] = "cuda:77"
    other = ConvAutoencoder()
    with pytest.warns(UserWarning, match="cuda:77"):
        other.__setstate__(state)
    assert other.transform(digits).shape == (200, 4)
