"""What users' networks keep beside their weights: it comes back, or saving says what to change."""

import copy
import io
import pickle
from math import inf, prod

import joblib
import numpy as np
import pytest
import skops.io
import torch
from every_model import (
    EVERY_MODEL,
    accepted_params,
    assert_same,
    fit_model,
    quick_outputs,
    slow_unless,
)
from sklearn.base import clone
from torch import nn

from sklearn_unsup import ConvAutoencoder

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Encoder(nn.Module):
    def __init__(self, image_shape, n_outputs):
        super().__init__()
        self.linear = nn.Linear(prod(image_shape), n_outputs)
        self.more(image_shape, n_outputs)

    def more(self, image_shape, n_outputs):
        """What a child has beside."""

    def forward(self, images):
        return self.linear(images.flatten(1))


class PlainTensors(Encoder):
    def more(self, image_shape, n_outputs):
        self.mask = torch.rand(image_shape)
        self.shift = np.random.default_rng().random(n_outputs, dtype=np.float32)
        self.register_buffer("gain", torch.rand(n_outputs), persistent=False)
        self.scales = [torch.rand(n_outputs), {"of": torch.rand(1)}]

    def forward(self, images):
        codes = super().forward(images * self.mask) * self.gain + torch.from_numpy(self.shift)
        return codes * self.scales[0] + self.scales[1]["of"]


class Counting(Encoder):
    def more(self, image_shape, n_outputs):
        self.n_calls, self.least, self.names = 0, inf, {"last": None}

    def forward(self, images):
        codes = super().forward(images)
        if self.training:
            self.n_calls += 1
            self.least = min(self.least, float(codes.detach().mean()))
            self.names = {"last": self.n_calls, "of": codes.detach().mean(0)}
        if self.n_calls == 0:
            return codes
        return codes / (1 + 0.01 * self.n_calls) + self.least + self.names["of"]


class FoundInTraining(Encoder):
    def more(self, image_shape, n_outputs):
        self.mean = None
        self.register_buffer("variance", None)
        self.register_buffer("least", None, persistent=False)

    def forward(self, images):
        codes = super().forward(images)
        if self.training:
            found = codes.detach()
            self.mean, self.variance, self.least = found.mean(0), found.var(0), found.amin(0)
        if self.mean is None:
            return codes
        return (codes - self.mean) / (1 + self.variance) + self.least


class OfManyTypes(Encoder):
    def more(self, image_shape, n_outputs):
        self.gain_64 = nn.Parameter(torch.ones(n_outputs, dtype=torch.float64))
        self.gain_16 = nn.Parameter(torch.ones(n_outputs, dtype=torch.float16))
        self.gain_brain = nn.Parameter(torch.ones(n_outputs, dtype=torch.bfloat16))
        self.whole = nn.Parameter(torch.full((n_outputs,), 2), requires_grad=False)
        self.register_buffer("short", torch.randint(1, 9, (n_outputs,)).to(torch.uint16))
        self.register_buffer("brain", torch.rand(n_outputs).bfloat16())
        self.register_buffer("small", torch.rand(n_outputs).half(), persistent=False)
        self.eighth = torch.rand(n_outputs).to(torch.float8_e4m3fn)

    def forward(self, images):
        codes = super().forward(images)
        for factor in (*self.parameters(recurse=False), *self.buffers(recurse=False), self.eighth):
            codes = codes * factor.float()
        return codes


class Caching(Encoder):
    def more(self, image_shape, n_outputs):
        self.last, self.first, self.all = None, torch.zeros(0), []

    def forward(self, images):
        codes = super().forward(images)
        self.last, self.first, self.all = codes, images, [codes, codes.detach()]
        return codes


class ExtraState(Encoder):
    def more(self, image_shape, n_outputs):
        self.gain, self.n_calls = torch.ones(n_outputs), 0

    def forward(self, images):
        if self.training:
            self.gain, self.n_calls = self.gain * 1.01, self.n_calls + 1
        return super().forward(images) * self.gain / (1 + self.n_calls)

    def get_extra_state(self):
        return {"gain": self.gain, "nested": [self.n_calls, ("a", None, 0.5)]}

    def set_extra_state(self, state):
        self.gain, (self.n_calls, _) = state["gain"], state["nested"]


SAVABLE = [PlainTensors, Counting, FoundInTraining, OfManyTypes, Caching, ExtraState]


class Object(Encoder):
    kept = None

    def forward(self, images):
        if self.training:
            self.kept = self.keep(images)
        return super().forward(images)

    def more(self, image_shape, n_outputs):
        self.kept = None

    def keep(self, images):
        return object()


class Sparse(Object):
    def keep(self, images):
        return images.detach().flatten(1).to_sparse()


class Generator(Object):
    def keep(self, images):
        return torch.Generator()


class OtherType(Object):
    def more(self, image_shape, n_outputs):
        self.kept = 0

    def keep(self, images):
        return "text"


class OtherShape(Encoder):
    def more(self, image_shape, n_outputs):
        self.register_buffer("mean", torch.zeros(1))

    def forward(self, images):
        codes = super().forward(images)
        if self.training:
            self.mean = codes.detach().mean(0)
        return codes - self.mean


class GoneBuffer(OtherShape):
    def forward(self, images):
        if self.training:
            self.mean = None
        return super(OtherShape, self).forward(images)


class ExtraObject(Encoder):
    def get_extra_state(self):
        return {"object": object()}

    def set_extra_state(self, state):
        """Nothing to do."""


class OneWay(Encoder):
    def get_extra_state(self):
        return {"a": 1}


UNSAVABLE = [
    (Object, "register_buffer"),
    (Sparse, "make it dense"),
    (Generator, "get_extra_state and set_extra_state"),
    (OtherType, "register_buffer"),
    (OtherShape, "keep their dtype and shape"),
    (GoneBuffer, "keep their dtype and shape"),
    (ExtraObject, "plain values, arrays or tensors"),
    (OneWay, "Give it set_extra_state"),
]
SMALL = {"hidden_channels": (4,), "max_epochs": 2, "random_state": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).random((40, 64), dtype=np.float32)


def through_joblib(model, path):
    file = io.BytesIO()
    joblib.dump(model, file, compress=3)
    return joblib.load(io.BytesIO(file.getvalue()))


def through_skops(model, path):
    content = skops.io.dumps(model)
    return skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))


WAYS = {
    "pickle": lambda model, path: pickle.loads(pickle.dumps(model)),
    "joblib": through_joblib,
    "skops": through_skops,
    "weights": lambda model, path: clone(model.save_weights(path)).load_weights(path),
    "deepcopy": lambda model, path: copy.deepcopy(model),
}


@pytest.mark.parametrize(
    "optimizer",
    slow_unless(lambda name: name == "adam", ["adam", "sgd", torch.optim.AdamW]),
    ids=str,
)
@pytest.mark.parametrize("encoder", SAVABLE)
def test_all_that_a_network_keeps_comes_back_and_is_trained_on(X, tmp_path, encoder, optimizer):
    params = {**SMALL, "warm_start": True, "optimizer": optimizer, "learning_rate": 1e-3}
    if encoder is OfManyTypes and optimizer is torch.optim.AdamW:
        params["optimizer"] = torch.optim.SGD  # the eps of the other is 0 in float16
    model = ConvAutoencoder(3, encoder=encoder, **params).fit(X)
    expected = model.transform(X)
    copies = {name: way(model, tmp_path / "weights") for name, way in WAYS.items()}
    for other in copies.values():
        np.testing.assert_array_equal(other.transform(X), expected)
    model.fit(X)
    for other in copies.values():
        np.testing.assert_array_equal(other.fit(X).transform(X), model.transform(X))


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", [name for name in EVERY_MODEL if accepted_params(name, {"encoder": None})]
)
@pytest.mark.parametrize("encoder", SAVABLE)
def test_every_model_keeps_it(X, tmp_path, model, encoder):
    params = {"encoder": encoder, "learning_rate": 1e-3, "max_epochs": 2}
    fitted = fit_model(EVERY_MODEL[model](**params), X)
    for way in (WAYS["pickle"], WAYS["weights"]):
        other = way(fitted, tmp_path / "weights")
        assert_same(quick_outputs(other, X), quick_outputs(fitted, X))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("encoder", "advice"), UNSAVABLE)
def test_what_cannot_be_saved_is_refused_with_advice(X, tmp_path, encoder, advice, way):
    model = ConvAutoencoder(3, encoder=encoder, **SMALL).fit(X)
    codes = model.transform(X)
    with pytest.raises(TypeError, match=advice):
        WAYS[way](model, tmp_path / "weights")
    assert not (tmp_path / "weights").exists()
    np.testing.assert_array_equal(model.transform(X), codes)
