# sediff: difference imaging for DECam. `make` alone prints the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEMO   ?= demo

.PHONY: help setup demo test lint bench bars clean docs tools
help:
	@printf '%s\n' \
	 'make demo    simulate a small night, run the whole pipeline on it, print injected / found' \
	 'make test    everything CI runs: ruff, shellcheck, pytest, bats' \
	 'make setup   .venv with the package and its compiled kernels (demo and test do it first)' \
	 'make lint    ruff and shellcheck' \
	 'make bench   seconds and memory of each hot path, one thread' \
	 'make bars    whole simulated nights of five seeds against their truth (an hour), into docs/bars.md' \
	 'make docs    write scripts/README.md anew from the table of steps' \
	 'make clean   remove .venv, demo/ and caches'

setup: $(VENV)/.ready

$(VENV)/.ready: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	 { echo 'sediff needs Python 3.11 or newer: make setup PYTHON=python3.11' >&2; exit 3; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	 { echo 'Python has no venv module: apt-get install python3-venv' >&2; exit 3; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m sediff warm
	@touch $@

demo: setup
	scripts/demo.sh $(DEMO)

lint: setup
	$(BIN)/ruff check python tests scripts
	$(BIN)/shellcheck --external-sources scripts/*.sh scripts/lib/*.sh tests/*.sh .ci/run
	$(BIN)/shellcheck --external-sources --shell=bats --exclude=SC2030,SC2031 tests/scripts/*.bats

tools: setup
	tests/tools.sh

test: lint tools
	$(BIN)/python -m pytest -q -n auto --dist loadfile
	bats tests/scripts

bench: setup
	$(BIN)/python -m pip install --quiet --editable '.[dev,bench]' || echo 'astroscrappy is not to be had: no peer for the cosmic rays'
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m tests.bench

bars: setup
	$(BIN)/python -m tests.bars

docs: setup
	$(BIN)/python -m sediff steps --drawing > scripts/README.md

clean:
	rm -rf $(VENV) $(DEMO) build bench_results .pytest_cache .ruff_cache
	find python tests scripts -name __pycache__ -prune -exec rm -rf {} +
