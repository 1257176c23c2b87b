PYTHON ?= python3
PORT ?= 8000
VENV := .venv
STAMP := $(VENV)/.installed

.PHONY: help install run test lint audit bench example lock

help:
	@echo 'make run     serve the example index and a registry behind it; prints commands to paste (PORT=8000)'
	@echo 'make test    every test; a test whose client is not installed is skipped by name'
	@echo 'make lint    ruff and mypy'
	@echo 'make audit   known vulnerabilities of what is locked (asks a service on the network)'
	@echo 'make bench   benchmarks against a stated baseline'
	@echo 'make example record tests/example anew from the example upstream'
	@echo 'make lock    write the lock files anew from pyproject.toml'

install: $(STAMP)

$(STAMP): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "reverse-registry needs Python 3.11 or newer; set PYTHON=… (this is %s)" % sys.version.split()[0])'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	$(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

run: install
	@$(VENV)/bin/python -m tests.demo --port $(PORT)

test: install
	$(VENV)/bin/python -m pytest -n auto --dist loadfile

lint: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

audit: install
	$(VENV)/bin/uvx pip-audit@2.10.1 --strict --disable-pip --require-hashes --requirement requirements/dev.txt

bench: install
	$(VENV)/bin/python -m tests.bench

example: install
	$(VENV)/bin/python -m tests.example

lock: install
	requirements/lock.sh
