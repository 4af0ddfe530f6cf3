# One door: `make help`.  Everything is installed into .venv; nothing else on the machine is changed.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup demo test check fix bench docs lock clean

help:  ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: .venv/ready  ## Install the locked dependencies into .venv

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "livestills needs Python 3.11 or newer as $(PYTHON); try: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
		|| { echo "Python lacks the venv module; on Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup  ## Build a small world, sync it and look around in it
	$(BIN)/livestills demo

test: setup  ## Run all tests
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder -q

check: setup  ## Format, lint, types, layers, generated docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python docs/generate.py --check

fix: setup  ## Repair what can be repaired by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python docs/generate.py

bench: setup .venv-bench/ready  ## Measure, as ratios against peers and floors
	$(BIN)/python -m benchmarks

.venv-bench/ready: benchmarks/requirements.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --prefix .venv-bench/node sharp@0.35.5; fi
	@touch $@

docs: setup  ## Write the generated pages anew
	$(BIN)/python docs/generate.py

lock: setup  ## Resolve the dependencies anew into requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--group dev pyproject.toml --output-file requirements.lock --upgrade

clean:  ## Remove everything that was made here
	rm -rf .venv .venv-bench dist build livestills-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
