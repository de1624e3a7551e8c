"""Import rules between subpackages, checked on the source."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator

import sklearn_unsup

PACKAGE = Path(sklearn_unsup.__file__).parent
OURS = "sklearn_unsup"
MAY_IMPORT = {  # subpackage or module: (packages, subpackages of sklearn_unsup)
    "_sklearn": ({"sklearn"}, set()),
    "_version": (set(), set()),
    "_warnings": (set(), set()),
    "_paths": (set(), set()),
    "networks": ({"torch"}, set()),
    "_data": ({"numpy", "sklearn"}, {"_warnings"}),
    "_devices": ({"torch", "numpy", "sklearn", "threadpoolctl"}, {"_warnings"}),
    "_persistence": ({"torch", "numpy", "safetensors"}, {"networks", "_paths", "_version"}),
    "_training": (
        {"torch", "numpy", "skorch", "sklearn"},
        {"_data", "_devices", "_persistence", "_warnings", "networks"},
    ),
    "metrics": ({"numpy", "scipy", "sklearn"}, set()),
    "datasets": ({"numpy", "sklearn"}, {"_paths"}),
    "displays": ({"numpy", "matplotlib", "mpl_toolkits", "bokeh", "PIL"}, {"_data", "_paths"}),
    "estimators": (
        {"torch", "numpy", "scipy", "sklearn"},
        {"_data", "_devices", "_persistence", "_sklearn", "_training", "_warnings"}
        | {"metrics", "networks"},
    ),
    "_moved": (set(), {"_persistence", "_training"}),
    "__init__": (set(), {"_moved", "_persistence", "_training", "_version", "estimators"}),
}
FOR_MODELS = {"_base", "_decoding", "_encoding", "_parameters", "_sampling", "_scores"}
ESTIMATORS_MAY_IMPORT = {  # module of estimators: modules that it may import
    "_values": set(),
    "_availability": set(),
    "_documentation": set(),
    "_saved_state": set(),
    "_scores": set(),
    "_encoding": set(),
    "_decoding": set(),
    "_sampling": set(),
    "_reconstruction_errors": set(),
    "_patch_statistics": set(),
    "_pooled_errors": {"_reconstruction_errors"},
    "_neighbor_distances": set(),
    "_outlier_methods": {"_neighbor_distances", "_patch_statistics", "_pooled_errors"}
    | {"_reconstruction_errors"},
    "_outlier_decisions": {"_outlier_methods"},
    "_random_views": {"_values"},
    "_view_information": set(),
    "_collapse": {"_code_density"},
    "_generation": set(),
    "_inference": set(),
    "_quality": {"_generation"},
    "_posterior": {"_code_density"},
    "_input": set(),
    "_phases": set(),
    "_parameter_groups": set(),
    "_parameters": {"_documentation", "_parameter_groups"},
    "_pca_comparison": set(),
    "_training_views": set(),
    "_transaction": {"_values"},
    "_saving": {"_saved_state", "_transaction", "_values"},
    "_construction": {"_values"},
    "_code_density": {"_sampling"},
    "_base": {"_availability", "_construction", "_documentation", "_inference", "_input"}
    | {"_phases", "_saving", "_values"},
    "_autoencoder": FOR_MODELS | {"_code_density", "_pca_comparison", "_training_views"},
    "_vae": FOR_MODELS | {"_code_density", "_posterior", "_training_views"},
    "_gan": FOR_MODELS | {"_quality"},
    "_clusters": set(),
    "_cluster_prediction": {"_clusters"},
    "_cluster_training": {"_clusters", "_phases", "_values"},
    "_pretraining": {"_decoding"},
    "_clusterer": FOR_MODELS
    | {"_availability", "_cluster_prediction", "_cluster_training", "_pretraining"}
    | {"_random_views"},
    "_neighbor_graph": set(),
    "_embedding_neighbors": {"_neighbor_graph"},
    "_embedding_training": {"_code_density", "_embedding_neighbors", "_neighbor_graph"}
    | {"_phases", "_values"},
    "_trustworthiness": set(),
    "_neighbor_embedding": FOR_MODELS
    | {"_availability", "_embedding_neighbors", "_embedding_training", "_neighbor_graph"}
    | {"_random_views", "_trustworthiness"},
    "_self_supervised": FOR_MODELS
    | {"_collapse", "_random_views", "_values"}
    | {"_view_information"},
    "_detector_input": {"_reconstruction_errors", "_values"},
    "_detector_saving": {"_detector_input", "_outlier_methods", "_pooled_errors", "_saving"}
    | {"_values"},
    "_anomaly_maps": {"_outlier_methods", "_patch_statistics", "_pooled_errors"}
    | {"_reconstruction_errors"},
    "_outliers": {"_anomaly_maps", "_autoencoder", "_detector_input", "_detector_saving"}
    | {
        "_documentation",
        "_outlier_methods",
        "_outlier_decisions",
        "_parameter_groups",
        "_pooled_errors",
        "_transaction",
        "_values",
    },
}
MOST_LINES = 250
MOST_KEYWORDS = 15
FILES = sorted(PACKAGE.rglob("*.py"))


def subpackage_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_subpackage_imports_only_what_it_may(path):
    subpackage = subpackage_of(path)
    packages, subpackages = MAY_IMPORT[subpackage]
    for module, name in imports(path):
        top, *rest = module.split(".")
        if top == OURS:
            target = rest[0] if rest else name
            assert target in subpackages | {subpackage}, f"{subpackage} imports {target}"
        elif top not in sys.stdlib_module_names:
            assert top in packages, f"{subpackage} imports {top}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_private_scikit_learn_names_are_imported_in_one_file(path):
    private = [
        f"{module}.{name}"
        for module, name in imports(path)
        if module.startswith("sklearn.") and "._" in f"{module}.{name}"
    ]
    assert not private or subpackage_of(path) == "_sklearn"


@pytest.mark.parametrize("path", sorted((PACKAGE / "estimators").glob("_[a-z]*.py")))
def test_a_module_of_estimators_imports_only_what_it_may(path):
    own = f"{OURS}.estimators."
    found = {module.removeprefix(own) for module, _ in imports(path) if module.startswith(own)}
    assert found <= ESTIMATORS_MAY_IMPORT[path.stem]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_has_at_most_250_lines(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", sorted((PACKAGE / "estimators").glob("*.py")))
def test_no_call_has_many_keywords(path):
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert all(len(call.keywords) <= MOST_KEYWORDS for call in calls)


def test_the_package_needs_neither_matplotlib_nor_pandas():
    # scikit-learn imports pandas if it is installed, so check that the package works without it.
    code = (
        "import sys; sys.modules['pandas'] = sys.modules['matplotlib'] = None; import "
        "sklearn_unsup, sklearn_unsup.datasets, sklearn_unsup.metrics, sklearn_unsup.displays; "
        "print('imported')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "imported"


def estimator_classes():
    for path in sorted((PACKAGE / "estimators").glob("_[a-z]*.py")):
        module = importlib.import_module(f"{OURS}.estimators.{path.stem}")
        for name, member in vars(module).items():
            if inspect.isclass(member) and member.__module__ == module.__name__:
                yield name, member


CLASSES = dict(estimator_classes())


@pytest.mark.parametrize("name", CLASSES)
def test_a_mixin_documents_the_methods_it_needs(name):
    """A mixin that calls a method of another class names the class or method in its docstring."""
    cls = CLASSES[name]
    source = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    called = {
        node.func.attr
        for node in ast.walk(source)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "self"
    }
    declared = re.findall(r"\w+(?=`| : )", vars(cls).get("__doc__") or "")
    others = [CLASSES[each] for each in declared if each in CLASSES]
    assert called <= {*declared}.union(*map(dir, [cls, BaseEstimator, *others]))
