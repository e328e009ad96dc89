# sediff: difference imaging for DECam. `make` alone prints the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEMO   ?= demo

# Compiled modules are kept: the tests start hundreds of commands, each of which would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

# Tests of the tiers, two at a time on two cores; files go to the workers in the order that tests/tiers.py gives them.
PYTEST := $(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder --durations=25
# Flags of pytest-cov; what one tier covers adds to what the tiers before it covered.
COVERAGE ?=
COUNTED := --cov --cov-append --cov-report=
# Where unit tests run besides (tests/elsewhere.sh), empty: everywhere; and how many cases of each test there, empty: all.
PLACES ?=
CASES ?=
# What every tier looks at before it runs a test: other checks join here.
CHECKS := lint

.PHONY: help setup demo check drivers test test-all rest uncounted elsewhere lint types style bench bars clean docs tools train-autoscan
help:
	@printf '%s\n' \
	 'make demo    simulate a small night, run the whole pipeline on it, print injected / found' \
	 'make check   lint and unit tests (2 min): while you work' \
	 'make test    the same and one small night through the drivers (8 min): before you push' \
	 'make test-all   the same and the rest: slow tests, real data, the demo; coverage; unit tests elsewhere' \
	 'make rest    what test-all has beyond test' \
	 'make elsewhere  unit tests with Python 3.12 and 3.13 and with the oldest dependencies, where these are to be had' \
	 'make setup   .venv with the package and its compiled kernels (demo and test do it first)' \
	 'make lint    ruff, shellcheck, types, and that no package imports from a floor above its own' \
	 'make types   mypy on the package' \
	 'make bench   seconds and memory of each hot path, one thread' \
	 'make bars    whole simulated nights of five seeds against their truth (an hour), into docs/bars.md; 20 kills; long tests' \
	 'make train-autoscan   the score model anew, from its seed (7 minutes of one core), and its figures' \
	 'make docs    rc files, drawings of steps and packages anew, check of links, pages as a site in build/site' \
	 'make clean   remove .venv, demo/ and caches'

setup: $(VENV)/.ready

$(VENV)/.ready: setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	 { echo 'sediff needs Python 3.11 or newer: make setup PYTHON=python3.11' >&2; exit 3; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	 { echo 'Python has no venv module: apt-get install python3-venv' >&2; exit 3; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]' || \
	 { echo 'the versions of constraints.txt are not to be had here: installing what setup.cfg allows' >&2; \
	   $(BIN)/python -m pip install --quiet --editable '.[dev]'; }
	$(BIN)/python -m compileall -q python
	$(BIN)/python -m sediff warm
	@touch $@

demo: setup
	scripts/demo.sh $(DEMO)

lint: types style

style: setup
	$(BIN)/ruff check python tests scripts
	$(BIN)/python -m tests.core.layers
	$(BIN)/shellcheck --external-sources scripts/*.sh scripts/lib/*.sh tests/*.sh .ci/run
	$(BIN)/shellcheck --external-sources --shell=bats --exclude=SC2030,SC2031 tests/scripts/*.bats tests/scripts/real/*.bats

types: setup
	$(BIN)/mypy

tools: setup
	tests/tools.sh

# Checks and the tests of the Bash drivers, two at a time; then pytest, which takes all cores itself.
TOGETHER := $(MAKE) --no-print-directory --jobs=2 --output-sync=target

check: setup
	$(TOGETHER) $(CHECKS) drivers
	$(PYTEST) -m 'unit and not busy'

drivers: setup tools
	bats $(DEPTH) tests/scripts

test: setup
	$(TOGETHER) $(CHECKS) drivers DEPTH=--recursive
	$(PYTEST) $(COVERAGE) -m '(unit or night) and not slow'

test-all: COVERAGE := $(COUNTED)
test-all: uncounted test rest

uncounted: setup
	$(BIN)/coverage erase

rest: setup tools
	$(PYTEST) $(COVERAGE) -m '(slow or not unit and not night) and not long'
	[ -z '$(COVERAGE)' ] || $(BIN)/coverage report --skip-covered
	CASES=$(CASES) tests/elsewhere.sh $(PLACES)

elsewhere: setup
	CASES=$(CASES) tests/elsewhere.sh

bench: setup
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,bench]' || echo 'astroscrappy is not to be had: no peer for the cosmic rays'
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m tests.bench

bars: setup
	$(BIN)/python -m tests.bars
	KILLS=20 $(BIN)/python -m pytest -q tests/flow/test_kills.py
	$(BIN)/python -m pytest -q -m long

train-autoscan: setup
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m sediff classify train --simulated --seed 1 --out python/sediff/instruments/decam/autoscan.npz
	$(BIN)/python -m tests.docs.roc

docs: setup
	$(BIN)/python -m sediff config --write-rc rc -P INSTRUMENT=decam
	$(BIN)/python -m sediff steps --drawing > scripts/README.md
	$(BIN)/python -m tests.docs.drawings
	$(BIN)/python -m tests.docs.links
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	$(BIN)/mkdocs build --quiet --strict
	@echo 'build/site/index.html'

clean:
	rm -rf $(VENV) .elsewhere $(DEMO) build bench_results .pytest_cache .ruff_cache .mypy_cache .coverage
	find python tests scripts -name __pycache__ -prune -exec rm -rf {} +
