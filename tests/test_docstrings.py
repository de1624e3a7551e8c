"""Every public name has a complete docstring, with an example."""

import importlib
import inspect

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

PACKAGE = "sklearn_unsup"
MODULES = [PACKAGE, *(f"{PACKAGE}.{room}" for room in ("datasets", "displays", "metrics"))]
NETWORKS = [f"{PACKAGE}.networks.MLPDecoder", f"{PACKAGE}.networks.MLPEncoder"]
IGNORED = {  # as scikit-learn ignores them, or finds none
    "ES01": "no extended summary",
    "GL01": "text begins on the line of the quotes",
    "RT02": "names of returned values",
    "SA01": "no See Also",
    "SA04": "descriptions in See Also",
    "YD01": "no Yields",
}
HOOKS = "on_"  # methods of callbacks, which skorch calls


def public_names():
    for module in MODULES:
        names = importlib.import_module(module).__all__
        yield from (f"{module}.{name}" for name in names if not name.startswith("_"))
    yield from NETWORKS


def find(path):
    module, name = path.rsplit(".", 1)
    return getattr(importlib.import_module(module), name)


def public_methods():
    for path in public_names():
        if not inspect.isclass(cls := find(path)):
            continue
        for name, member in inspect.getmembers(cls, callable):
            ours = (getattr(member, "__module__", None) or "").startswith(PACKAGE)
            if ours and not name.startswith(("_", HOOKS)):
                yield f"{path}.{name}"


def faults(path, *ignored):
    return [fault for fault in validate(path)["errors"] if fault[0] not in {*IGNORED, *ignored}]


@pytest.mark.parametrize("path", [p for p in public_names() if hasattr(find(p), "__qualname__")])
def test_a_public_name_has_a_complete_docstring_and_an_example(path):
    assert faults(path) == []


@pytest.mark.parametrize("path", list(public_methods()))
def test_a_public_method_has_a_complete_docstring(path):
    assert faults(path, "EX01") == []


@pytest.mark.parametrize(
    "path", [p for p in public_names() if not hasattr(find(p), "__qualname__")]
)
def test_a_scorer_says_what_it_is(path):
    documentation = NumpyDocString(find(path).__doc__)
    assert documentation["Summary"]
    assert documentation["Extended Summary"]
    assert any(path.rsplit(".", 1)[1] in line for line in documentation["Examples"])
