PYTHON ?= python3
PORT ?= 8000
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
RUNNABLE := $(VENV)/.runnable
INSTALLED := $(VENV)/.installed

.PHONY: help install run test lint audit bench mutants example lock licences

help:
	@echo 'make run     an example registry, the generator run on it, and the server over that; prints commands to paste (PORT=8000)'
	@echo 'make test    every test; a test whose client is not installed is skipped by name'
	@echo 'make lint    ruff and mypy'
	@echo 'make audit   known vulnerabilities of what is locked (asks a service on the network)'
	@echo 'make bench   benchmarks against a stated baseline'
	@echo 'make mutants which changes of the code no test would notice (ONLY=server/registry; goes on where it stopped; see tests/README.md)'
	@echo 'make example record tests/example anew from the example upstream'
	@echo 'make lock    write the lock files anew from pyproject.toml, and the licences of what is in them'

# What running needs. The tests' packages, several times as much, wait for `make test`.
$(RUNNABLE): pyproject.toml requirements/run.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "reverse-registry needs Python 3.11 or newer; set PYTHON=… (this is %s)" % sys.version.split()[0])'
	@echo 'Setting up .venv with the packages that running needs, once: half a minute or less'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(INSTALLED): pyproject.toml requirements/dev.txt | $(RUNNABLE)
	@echo 'Adding the packages that tests need, once: a minute or two'
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

install: $(RUNNABLE) $(INSTALLED)

run: $(RUNNABLE)
	@$(VENV)/bin/python -m tests.demo --port '$(PORT)'

test: install
	$(VENV)/bin/python -m pytest -n auto --dist worksteal

lint: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

audit: install
	$(VENV)/bin/uvx pip-audit@2.10.1 --strict --disable-pip --require-hashes --requirement requirements/dev.txt

bench: install
	$(VENV)/bin/python -m tests.bench

mutants: install
	$(PIP) mutmut==3.8.1
	$(VENV)/bin/python -m tests.mutants $(ONLY)

example: install
	$(VENV)/bin/python -m tests.example

lock: install
	requirements/lock.sh
	$(MAKE) licences

# Of what is installed: after `make lock` that is installed again first.
licences: install
	requirements/licences.sh
