"""The gallery's rules; `make docs` runs the examples, and fails if one of them does."""

import ast
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("plot_*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_asks_something(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 80
    assert "?" in ast.get_docstring(ast.parse(text))
