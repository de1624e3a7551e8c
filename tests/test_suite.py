"""The benchmark suite compares every model with its baseline on the same rows."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from benchmarks import _suite_data, _suite_generative, _suite_runs, suite
from benchmarks._suite_cells import Cell, digest, parse_params

VARIANCE = ["--tasks", "variance", "--datasets", "digits", "--components", "8", "--no-save"]


@pytest.fixture
def options(tmp_path):
    return [*VARIANCE, "--rows", "both", "--params", "max_epochs=1", "--cache", str(tmp_path)]


def table_of(results, options):
    return suite.sections_of("variance", results, suite.parse_arguments(options))


def test_the_table_of_variance_compares_with_pca(options):
    results = suite.main([*options, "--seeds", "2"])
    (heading, rows, columns), (_, means, _) = table_of(results, options)
    assert "PCA" in heading
    assert [(row["data"], row["rows"], row["model"]) for row in rows] == [
        ("digits", "all", "ConvAutoencoder"),
        ("digits", "200", "ConvAutoencoder"),
    ]
    for row, mean in zip(rows, means, strict=True):
        data = _suite_data.load("digits", None, row["rows"], "test")
        pca = PCA(8, random_state=0).fit(data.train)
        errors = data.held_out - pca.inverse_transform(pca.transform(data.held_out))
        expected = np.square(errors).sum() / (data.held_out.var(axis=0) * len(errors)).sum()
        assert row["unexplained, PCA"] == pytest.approx(expected, rel=1e-4)
        runs = [
            figures["unexplained"]
            for cell, figures in results
            if cell.rows == row["rows"] and cell.model == "ConvAutoencoder"
        ]
        assert len(runs) == row["seeds"] == 2
        assert row["unexplained"] == pytest.approx(np.mean(runs))
        assert row["unexplained, worst"] == max(runs)
        assert row["unexplained / PCA"] == pytest.approx(np.mean(runs) / expected, rel=1e-4)
        assert mean["unexplained / PCA"] == pytest.approx(row["unexplained / PCA"])
        assert row["epochs"] == 1 and row["seconds"] > 0 and row["seconds, PCA"] > 0
        assert set(row) <= set(columns)


def test_an_interrupted_run_resumes(options, tmp_path, monkeypatch):
    first = suite.main([*options, "--seeds", "1"])
    with (tmp_path / "cells.jsonl").open("a") as file:
        file.write('\n{"cell": {"task": "va')  # the process was killed here
    ran = []
    monkeypatch.setattr(
        _suite_runs, "run", lambda function, cell, places: ran.append(cell) or (cell, {})
    )
    assert suite.main([*options, "--seeds", "1"]) == first
    assert ran == []
    suite.main([*options, "--seeds", "2"])
    assert [(cell.model, cell.seed) for cell in ran] == [("ConvAutoencoder", 1)] * 2


def test_with_validation_the_test_rows_are_left_alone():
    train, test = (_suite_data.load("digits", None, "all", on) for on in ("validation", "test"))
    seen = np.concatenate([train.train, train.held_out])
    np.testing.assert_array_equal(np.unique(seen, axis=0), np.unique(test.train, axis=0))


def test_parameters_are_for_all_models_or_for_one():
    text = "hidden_channels=(8, 16),ConvVAE__beta=2.0,optimizer='adam'"
    shared = {"hidden_channels": (8, 16), "optimizer": "adam"}
    assert parse_params(text, "ConvAutoencoder") == shared
    assert parse_params(text, "ConvVAE") == {**shared, "beta": 2.0}


@pytest.mark.parametrize("n_components", [3, 20])
def test_the_density_of_pca_is_that_of_scikit_learn(n_components):
    X = np.random.default_rng(0).normal(size=(200, 30)).cumsum(axis=1)
    train, held_out = X[:150].astype(np.float32), X[150:].astype(np.float32)
    facts = dict.fromkeys(("task", "data", "rows", "on", "model", "params", "reference"), "")
    cell = Cell(**facts, n_components=n_components, seed=0, device="cpu", source=digest())
    expected = PCA(n_components, random_state=0).fit(train).score(held_out)
    found, _ = _suite_generative.pca_density(cell, train, held_out)
    assert found == pytest.approx(expected, rel=1e-4)
