"""The examples run, and leave what they say."""

import os
import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("plot_*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(os.fspath(path))
    printed = capsys.readouterr().out
    pictures = list(tmp_path.rglob("*.png"))
    assert all(str(picture) in printed for picture in pictures)
    assert len(path.read_text().splitlines()) <= 80
