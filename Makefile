# Everything happens in a virtual environment: .venv, or VENV=... for another place.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check

# Stamps are written when a step has succeeded: an interrupted one is done again, a finished one is not.
MADE := $(VENV)/.made
RUN := $(VENV)/.run
DEV := $(VENV)/.dev
# The checkout that the package is installed from, in place: another one that shares the environment installs its own.
CHECKOUT := $(VENV)/.checkout

.PHONY: help demo test slow coverage lint docs clean FORCE
.NOTPARALLEL:

help:  ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(RUN)  ## install, and run Group DRO on real digits: 5 seeds x 5 weight decays
	$(BIN)/wgbench run gdro colored-digits

test: $(DEV)  ## the test suite, one process per core
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "not slow and not gpu" -n auto --dist loadfile

slow: $(DEV)  ## the tests that take minutes
	$(BIN)/python -m pytest -q -m slow

coverage: $(DEV)  ## what the test suite leaves unrun, processes that it starts included; fails under 95 %
	$(BIN)/coverage erase
	OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest -q -m "not slow and not gpu" -n auto --dist loadfile
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

lint: $(DEV)  ## ruff, mypy --strict, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_imports.py

docs: $(DEV)  ## the documentation, into site/; fails on a broken link
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q --strict

clean:  ## remove the virtual environment, keep runs
	test ! -e $(VENV)/pyvenv.cfg || rm -rf $(VENV)

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4) and "Python 3.11.4 or newer: make ... PYTHON=python3.12")'
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@touch $@

$(CHECKOUT): $(MADE) FORCE
	@echo '$(CURDIR)' | cmp -s - $@ || echo '$(CURDIR)' > $@

$(RUN): pyproject.toml $(CHECKOUT)
	@echo "installing wgbench and what it needs (about 6 GB with torch), a few minutes the first time"
	$(PIP) -e .
	@touch $@

$(DEV): pyproject.toml $(CHECKOUT)
	@echo "installing wgbench for development (about 6 GB with torch), a few minutes the first time"
	$(PIP) -e '.[dev]'
	@touch $(RUN) $@

FORCE:
