# Everything happens in a virtual environment: .venv, or VENV=... for another place.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check -q
# A stamp is written when its installation has succeeded: an interrupted one is done again. It depends on where the
# checkout lies, since the package is installed in place.
HERE := $(shell pwd | cksum | tr -d ' ')
RUN := $(VENV)/.run-$(HERE)
DEV := $(VENV)/.dev-$(HERE)

.PHONY: help demo test lint slow clean

help:  ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 8

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(RUN): pyproject.toml $(VENV)/.made
	@echo "installing wgbench and what it needs (about 6 GB with torch), a few minutes the first time"
	$(PIP) install -e .
	@touch $@

$(DEV): pyproject.toml $(VENV)/.made
	@echo "installing wgbench for development (about 6 GB with torch), a few minutes the first time"
	$(PIP) install -e '.[dev]'
	@touch $@ $(RUN)

demo: $(RUN)  ## install, and run Group DRO on real digits: 5 seeds x 5 weight decays
	$(BIN)/wgbench run gdro colored-digits

test: $(DEV)  ## the test suite
	$(BIN)/python -m pytest -q -m "not slow and not gpu"

slow: $(DEV)  ## the tests that take minutes
	$(BIN)/python -m pytest -q -m slow

lint: $(DEV)  ## ruff, mypy --strict, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_imports.py

clean:  ## remove the virtual environment, keep runs
	rm -rf $(VENV)
