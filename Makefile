# Each target is what a person could type; the README has the plain lines beside them.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: setup quickstart test test-all lint docs chromium docs-test bench suite gpu

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[test]"
	touch $@

$(VENV)/.docs-installed: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[docs]"
	touch $@

quickstart: setup
	$(BIN)/python examples/plot_quickstart.py

test: setup
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

test-all: setup
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

docs: $(VENV)/.docs-installed
	rm -rf docs/_build/html
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -q docs docs/_build/html

chromium:
	command -v chromium || (apt-get update -qq && apt-get install -qq --yes chromium)

docs-test: docs chromium
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[browser]"
	$(BIN)/python -m pytest -n auto tests/browser

bench: setup
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[bench]"
	$(BIN)/python -m benchmarks.training --data $(DATA)
	$(BIN)/python -m benchmarks.inference --data $(DATA)

suite: setup  # DATA is a folder; see benchmarks/_suite_data.py
	$(BIN)/python -m benchmarks.suite --data $(DATA) --jobs -1

gpu:  # in a Python that has torch for CUDA, without .venv and without a network
	$(PYTHON) -m benchmarks.gpu --data $(DATA)
