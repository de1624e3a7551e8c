"""Forged files of weights and checkpoints, with valid digests: run as a script, in a new process.

``python forging.py first last`` forges the files of these seeds, loads each, and uses what came of
it. It ends at the first forgery that is neither refused nor harmless, and names its seed.
"""

import copy
import json
import pickle
import sys
import tempfile
import traceback
import warnings
from math import inf, nan, prod
from pathlib import Path

import numpy as np
import torch
from every_model import EVERY_CLASS, EVERY_MODEL, fit_model, method_outputs, partial_fit_model
from safetensors import safe_open
from safetensors.numpy import save
from sklearn.base import clone
from skorch.callbacks import LRScheduler
from stopping import Stop
from torch import nn

from sklearn_unsup import ConvAutoencoder, ConvGAN, ConvOutlierDetector, ConvVAE, TrainingCheckpoint
from sklearn_unsup._persistence import digest

try:
    import resource
except ImportError:  # on Windows
    resource = None

SCRIPT = '"><script>alert(666)</script>'
MEMORY = 2 * 2**30  # that a load and all use may take more than the process has at first
HUGE = 2**40
NAMES = [
    *("transform", "fit", "score", "predict", "sample", "get_params", "_validate", "forward"),
    *("_repr_html_", "_repr_mimebundle_", "_html_repr", "_doc_link_template", "_doc_link_module"),
    *("_doc_link_url_param_generator", "__class__", "__dict__", "__reduce__", "__setstate__"),
    *("__getstate__", "__sklearn_tags__", "__init__", "_parameter_constraints", "_trainer"),
    *("_network_parameters", "_factories", "_gains", "_n_features_out", "_code_width", "_encode"),
    *("optimizer", "n_components", "encoder", "callbacks", "device", "verbose", "random_state"),
    *("_sklearn_output_config", "_skl_callbacks", "_metadata_request", "callbacks_", "network_"),
    *("_weights", "_fitted_params", "_training_state", "_code_mixture", "best_", "history"),
    *("", "a", "a/b", ".", "_", SCRIPT, "\x00", "loss", "training", "weight", "bias", "hook"),
    *("encoder.weight", "encoder.forward", "encoder.w", "encoder.new", "encoder.linear.forward"),
    *("encoder.training", "encoder._parameters", "encoder.hook", "encoder._extra_state", "lr"),
    *("betas", "params", "step", "exp_avg", "momentum_buffer", "0", "epoch", "dur", "train_loss"),
]
VALUES = [
    *(None, True, False, 0, 1, 2, 3, -1, 7, 64, 10**6, 2**31, 2**63, 2**64, -(2**63), 10**400),
    *(0.0, -0.0, 1.0, 0.5, -1.5, nan, inf, -inf, 1e38, 1e300, 5e-324, "", "a", "adam", "float32"),
    *(SCRIPT, "x" * 1000, {"list": []}, {"tuple": []}, {"dict": []}, {"ndarray": []}),
    *({"name": "os.system"}, {"name": 3}, {"array": "missing"}, {"array": 0}, {}, {"code": "1"}),
    *({"dict": [["a", 1]]}, {"dict": [[1, 2, 3]]}, {"dict": [[["a"], 1]]}, {"dict": 3}, []),
    *({"list": 1}, {"list": [1, 2, 3]}, {"tuple": [1, 8, 8]}, {"tuple": ["float32", 8]}),
    *({"list": [], "tuple": []}, {"tuple": [{"tuple": [8, 8]}, None]}, {"tuple": [64]}),
    *({"tuple": ["float32", {"tuple": [4]}]}, {"tuple": ["float32", {"tuple": [1, 8, 8]}]}),
    *({"tuple": [0.0, 1.0, True]}, {"ndarray": ["a", "b"]}, {"ndarray": [{"list": [1]}]}),
]
DTYPES = ["f2", "f4", "f8", "c8", "?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
ODD = [nan, inf, -inf, -1, 0, 1, 1e38, 3e38, 1e-45, 255, 2**31 - 1]


# Files: what they hold, and another seal.


def decode(path):
    """Return the header of a file, as it is written, and its arrays."""
    with safe_open(path, "numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}
        return json.loads(file.metadata()["sklearn_unsup"]), arrays


def encode(header, arrays):
    """Return the content of a file with valid digests."""
    text = json.dumps({**header, "sha256": digest(arrays)})
    return save(arrays, {"sklearn_unsup": text, "sha256": digest(text)})


def declare(content, rng):
    """Return the content of a file with another dtype, shape or place of an array in its header."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    name = rng.choice(sorted(header.keys() - {"__metadata__"}))
    change = {
        "shape": [[HUGE], [HUGE, HUGE], [0], [-1], [], [2**63 - 1, 4], header[name]["shape"][::-1]],
        "dtype": ["F32", "F64", "BF16", "F8_E4M3", "I8", "X"],
        "data_offsets": [[0, HUGE], [0, 0], [HUGE, 0], [0, 4]],
    }
    field = rng.choice(list(change))
    header[name][field] = change[field][rng.integers(len(change[field]))]
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


# Changes.


def children(value):
    """Return (container, index) of each value within one that JSON holds."""
    if not (isinstance(value, dict) and len(value) == 1):
        return []
    ((kind, content),) = value.items()
    if not isinstance(content, list):
        return []
    if kind == "dict":
        return [(pair, 1) for pair in content if isinstance(pair, list) and len(pair) == 2]
    return [(content, i) for i in range(len(content))]


def pick(header, rng):
    """Return (container, index) of a value, all depths being about as likely."""
    place = header, "state"
    while True:
        below = children(place[0][place[1]])
        if not below or rng.random() < 0.2:
            return place
        place = below[rng.integers(len(below))]


def a_value(arrays, rng):
    """Return any value; a new array now and then."""
    draw = rng.random()
    if draw < 0.15:
        shape = [(), (0,), (1,), (4,), (64,), (4, 4), (1, 8, 8), (0, HUGE), (2,)][rng.integers(9)]
        name = f"new{len(arrays)}"
        arrays[name] = np.zeros(shape, rng.choice(DTYPES))
        return {"array": name}
    if draw < 0.3 and arrays:
        return {"array": str(rng.choice(sorted(arrays)))}
    return copy.deepcopy(VALUES[rng.integers(len(VALUES))])


def replace(header, arrays, rng):
    container, index = pick(header, rng)
    container[index] = a_value(arrays, rng)


def retype(header, arrays, rng):
    """Give a number, text or container another type with about the same value."""
    container, index = pick(header, rng)
    value = container[index]
    if isinstance(value, dict) and len(value) == 1:
        ((_, content),) = value.items()
        container[index] = {str(rng.choice(["list", "tuple", "ndarray", "dict", "name"])): content}
        return
    changes = [str, bool, lambda v: [v], lambda v: {"list": [v]}, lambda v: {"tuple": [v]}]
    if isinstance(value, int | float) and abs(value) < 1e300:
        changes += [float, int, lambda v: -v, lambda v: v + 1, lambda v: v - 1, lambda v: v + 0.5]
        changes += [lambda v: v * 10**12, lambda v: 10**400]
    container[index] = changes[rng.integers(len(changes))](value)


def pairs(header, rng):
    """Return the pairs of some dict of the state."""
    for _ in range(100):
        container, index = pick(header, rng)
        value = container[index]
        found = value.get("dict") if isinstance(value, dict) else None
        if isinstance(found, list) and found and all(isinstance(pair, list) for pair in found):
            return found
    return [["", None]]


def add(header, arrays, rng):
    own = pairs(header, rng)
    prefix = str(own[0][0]).rpartition(".")[0] if rng.random() < 0.3 else ""
    name = str(rng.choice(NAMES))
    own.append([f"{prefix}.{name}" if prefix else name, a_value(arrays, rng)])


def rename(header, arrays, rng):
    own = pairs(header, rng)
    pair = own[rng.integers(len(own))]
    pair[:1] = [
        [str(rng.choice(NAMES)), f"{pair[0]}_", 7, None, True, 1.5, [1], {"a": 1}][rng.integers(8)]
    ]


def drop(header, arrays, rng):
    own = pairs(header, rng)
    del own[rng.integers(len(own))]


def double(header, arrays, rng):
    own = pairs(header, rng)
    own.append([own[rng.integers(len(own))][0], a_value(arrays, rng)])


def exchange(header, arrays, rng):
    (one, i), (other, j) = pick(header, rng), pick(header, rng)
    one[i], other[j] = copy.deepcopy(other[j]), copy.deepcopy(one[i])


def lengthen(header, arrays, rng):
    """Give a list or tuple more items, or fewer."""
    for _ in range(100):
        container, index = pick(header, rng)
        value = container[index]
        kind = next(iter(value)) if isinstance(value, dict) and value else ""
        if kind in ("list", "tuple", "ndarray") and isinstance(value[kind], list) and value[kind]:
            i = rng.integers(len(value[kind]))
            if rng.random() < 0.5:
                value[kind].insert(i, copy.deepcopy(value[kind][i]))
            else:
                del value[kind][i]
            return


def nest(header, arrays, rng):
    container, index = pick(header, rng)
    kind, depth = str(rng.choice(["list", "tuple", "ndarray", "dict"])), rng.choice([1, 2, 50, 200])
    for _ in range(depth):
        inner = container[index]
        container[index] = {kind: [["a", inner]] if kind == "dict" else [inner]}


def an_array(header, arrays, rng):
    """Return the name of an array, those of every place being about as likely."""
    for _ in range(100):
        container, index = pick(header, rng)
        value = container[index]
        name = value.get("array") if isinstance(value, dict) else None
        if isinstance(name, str) and name in arrays:
            return name
    return sorted(arrays)[0]


def reshape(header, arrays, rng):
    name = an_array(header, arrays, rng)
    value = arrays[name]
    flat = value.reshape(-1)
    shapes = [
        flat[:0],
        flat[:1],
        flat[:1].reshape(()) if flat.size else flat,
        flat,
        value[None],
        value.T,
        value[:-1] if value.ndim else value,
        np.concatenate([flat, flat]),
        np.zeros((0, HUGE), value.dtype),
        np.zeros((*value.shape, 0), value.dtype),
        np.zeros((*value.shape, 3), value.dtype),
    ]
    arrays[name] = np.ascontiguousarray(shapes[rng.integers(len(shapes))])


def cast(header, arrays, rng):
    name = an_array(header, arrays, rng)
    arrays[name] = arrays[name].astype(rng.choice(DTYPES))


def refill(header, arrays, rng):
    """Change numbers of an array: one, some bytes, or all."""
    name = an_array(header, arrays, rng)
    value = arrays[name] = arrays[name].copy()
    if not value.size:
        return
    draw = rng.random()
    if draw < 0.3:  # the first bytes of a generator's state are counters
        raw = value.reshape(-1).view(np.uint8)
        n = min(len(raw), 32)
        raw[rng.integers(n, size=3)] = rng.integers(256, size=3)
    elif draw < 0.6:
        value.reshape(-1)[rng.integers(value.size)] = np.array(rng.choice(ODD)).astype(value.dtype)
    elif draw < 0.8:
        value[...] = np.array(rng.choice(ODD)).astype(value.dtype)
    else:
        value[...] = rng.permutation(value.reshape(-1)).reshape(value.shape)


def alter_header(header, arrays, rng):
    field = str(rng.choice([*sorted(header.keys() - {"state"}), "more"]))
    header[field] = a_value(arrays, rng)


CHANGES = [replace, replace, retype, retype, add, add, rename, rename, drop, double, exchange]
CHANGES += [lengthen, nest, reshape, reshape, cast, refill, refill, alter_header]


def forge(content, rng):
    """Return (how it was changed, content) of a forged file."""
    header, arrays = copy.deepcopy(content[0]), dict(content[1])
    done = []
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        change = CHANGES[rng.integers(len(CHANGES))]
        done.append(change.__name__)
        with np.errstate(all="ignore"):
            change(header, arrays, rng)
    forged = encode(header, arrays)
    if rng.random() < 0.03:
        done.append("declare")
        forged = declare(forged, rng)
    return done, forged


# Models.


class Loose(nn.Module):
    """Has a plain tensor, a random buffer that is not persistent, counters, and extra state."""

    def __init__(self, image_shape, n_outputs):
        super().__init__()
        self.linear = nn.Linear(prod(image_shape), n_outputs)
        self.w = torch.rand(1, *image_shape)
        self.register_buffer("v", torch.rand(image_shape), persistent=False)
        self.n_calls, self.gain, self.last = 0, 1.0, None
        self.extra = torch.zeros(n_outputs)

    def forward(self, images):
        if self.training:
            self.n_calls += 1
            self.last = images.detach().mean(0)
            self.gain = self.gain * 0.999
        codes = self.linear((images * self.w * self.v).flatten(1)) / (1 + 0.001 * self.n_calls)
        return codes * self.gain + (0 if self.last is None else self.last.mean()) + self.extra

    def get_extra_state(self):
        return {"extra": self.extra, "names": ["a", 1]}

    def set_extra_state(self, state):
        if state["extra"].shape != self.extra.shape or state["extra"].dtype != self.extra.dtype:
            raise ValueError("extra has another shape or dtype")
        self.extra = state["extra"]


X = np.random.default_rng(0).random((40, 64), dtype=np.float32)
SMALL = {"hidden_channels": (4,), "batch_size": 20, "device": "cpu", "random_state": 0}
SMALL["max_epochs"] = 2
VAE = {**SMALL, "hidden_layer_sizes": (8,)}
CUSTOM = {**SMALL, "encoder": Loose}
WEIGHTS = {
    "autoencoder": ConvAutoencoder(3, **SMALL),
    "warm": ConvAutoencoder(3, **SMALL, warm_start=True),
    "sgd": ConvAutoencoder(3, **SMALL, warm_start=True, optimizer="sgd"),
    "class": ConvAutoencoder(3, **SMALL, warm_start=True, optimizer=torch.optim.RMSprop),
    "bernoulli": ConvAutoencoder(3, **SMALL, loss="binary_cross_entropy"),
    "vae": ConvVAE(3, **VAE, warm_start=True),
    "vae.bernoulli": ConvVAE(3, **VAE, likelihood="bernoulli", binarize="dynamic"),
    "gan": ConvGAN(3, **VAE, warm_start=True),
    "gan.joint": ConvGAN(3, **VAE, code="adversarial"),
    "custom": ConvAutoencoder(3, **CUSTOM, warm_start=True),
    "custom.vae": ConvVAE(3, **CUSTOM),
    "detector": ConvOutlierDetector(ConvAutoencoder(3, **SMALL)),
    "detector.error": ConvOutlierDetector(
        ConvAutoencoder(3, **CUSTOM), method="reconstruction_error"
    ),
}
CONSTANT = {"learning_rate_schedule": "constant"}
CHECKPOINTS = {
    "adam": ConvAutoencoder(3, **SMALL),
    "early": ConvVAE(3, **VAE, early_stopping=True, learning_rate_schedule="cosine"),
    "sgd": ConvAutoencoder(3, **SMALL, optimizer="sgd", learning_rate_schedule="cosine"),
    "class": ConvAutoencoder(3, **SMALL, **CONSTANT, optimizer=torch.optim.NAdam),
    "gan": ConvGAN(3, **VAE, n_critic=2),
    "custom": ConvAutoencoder(3, **CUSTOM, early_stopping=True),
    "plateau": ConvAutoencoder(3, **SMALL, **CONSTANT),
}
COVERED = {type(model) for model in WEIGHTS.values()}
OTHERS = {name: EVERY_MODEL[name]() for name in EVERY_CLASS}
OTHERS = {name: model for name, model in OTHERS.items() if type(model) not in COVERED}
WEIGHTS |= OTHERS
CHECKPOINTS |= {name: clone(each) for name, each in OTHERS.items() if hasattr(each, "callbacks")}
CASES = [*(("weights", name) for name in WEIGHTS), *(("checkpoint", name) for name in CHECKPOINTS)]


def prepare(kind, name, folder):
    """Return (content of a valid file, its path, the pickle of a fitted estimator to load it)."""
    model = (WEIGHTS if kind == "weights" else CHECKPOINTS)[name]
    path = folder / name
    if kind == "weights":
        fit_model(copy.deepcopy(model), X).save_weights(path)
        if isinstance(model, ConvOutlierDetector):
            model.set_params(contamination=0.2)
        else:
            model.set_params(random_state=1)
        return decode(path), path, pickle.dumps(fit_model(model, X))
    model.set_params(max_epochs=3)
    more = [LRScheduler(policy="ReduceLROnPlateau", patience=0, monitor="train_loss")]
    more = more if name == "plateau" else []
    try:
        model.set_params(callbacks=[*more, TrainingCheckpoint(path), Stop(1)])
        fit_model(model, X)
    except InterruptedError:
        pass
    (file,) = path.iterdir()
    content, written = decode(file), file.read_bytes()
    del model.callbacks[-1].n_epochs
    before = pickle.dumps(fit_model(model, X))
    file.write_bytes(written)
    return content, file, before


USED = ("transform", "sample", "reconstruct", "score", "score_samples")


def use(model):
    """Do all that can be done with a model; errors of values are clean ones."""
    model = getattr(model, "estimator_", model)
    uses = [lambda name=name: method_outputs(model, X, [name]) for name in USED]
    uses += [lambda: method_outputs(model, X[:2], ["transform"])]
    if hasattr(model, "partial_fit"):
        uses += [lambda: partial_fit_model(partial_fit_model(model, X), X)]
    if hasattr(model, "get_feature_names_out"):
        uses += [model.get_feature_names_out]
    for each in uses:
        try:
            each()
        except ValueError:
            pass


def classes(model):
    model = [model, getattr(model, "estimator_", model)]
    kinds = {cls for each in model for cls in type(each).__mro__} | {Loose}
    return {cls: dict(vars(cls)) for cls in kinds}


def look(model):
    """Return what no file may change."""
    return {name: repr(value) for name, value in model.get_params().items()}


def try_forgery(kind, path, forged, before):
    """Load a forged file, and use what came of it; return whether it was refused."""
    path.write_bytes(forged)
    model = pickle.loads(before)
    before, parameters, of_classes = pickle.dumps(model), look(model), classes(model)
    rng_state = torch.get_rng_state()
    try:
        if kind == "weights":
            model.load_weights(path)
        else:
            fit_model(model, X)
    except ValueError:
        assert pickle.dumps(model) == before, "the estimator has changed"
        return True
    finally:
        assert look(model) == parameters, "a parameter has changed"
        assert torch.equal(torch.get_rng_state(), rng_state), "torch's random state has changed"
    for each in (model, getattr(model, "estimator_", model)):
        names = {name for cls in type(each).__mro__ for name in vars(cls)}
        shadowed = names & vars(each).keys() - {"__dict__"} - set(each.get_params())
        assert not shadowed, f"{shadowed} hide attributes of the class"
    if isinstance(model, ConvOutlierDetector):
        try:
            model.predict(X), model.error_map(X)
        except ValueError:
            pass
    page = model._repr_html_() + repr(model)
    assert SCRIPT not in page and "<script>alert" not in page, "a script in the page"
    use(pickle.loads(pickle.dumps(model)))
    use(model)
    assert look(model) == parameters, "a parameter has changed in use"
    assert classes(model) == of_classes, "a class has changed"
    return False


def limit_memory():
    if resource is None or not Path("/proc/self/statm").exists():
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(first, last, go_on=False):
    """Try all seeds of a range; print the failures, and how many forgeries were refused."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    torch.set_num_threads(1)
    n_refused, n_failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        ready, limited = {}, False
        for case in CASES:
            Path(folder, case[0]).mkdir(exist_ok=True)
            ready[case] = prepare(*case, Path(folder, case[0]))
        for seed in range(first, last):
            if not limited:
                limit_memory()
                limited = True
            case = CASES[seed % len(CASES)]
            content, path, before = ready[case]
            done = None
            print(f"{seed} ", end="", flush=True, file=sys.stderr)
            try:
                sys.setrecursionlimit(10_000)  # to write what is nested too deep to be read
                done, forged = forge(content, np.random.default_rng(seed))
                sys.setrecursionlimit(1000)
                n_refused += try_forgery(case[0], path, forged, before)
            except Exception:
                n_failed += 1
                print(f"seed {seed}, {case}, {done}:\n{traceback.format_exc()}", flush=True)
                if not go_on:
                    return 1
    print(f"{n_refused} of {last - first} refused, {n_failed} failed")
    return n_failed > 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), "--go-on" in sys.argv))
