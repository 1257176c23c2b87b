#!/bin/sh
# Writes the lock files anew: `make lock`. dev.txt decides the versions, the others are cut from it.
set -eu
cd "$(dirname "$0")/.."
lock() {
    out=$1; shift
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-annotate --no-header --no-emit-package reverse-registry \
        --output-file "requirements/$out.txt" "$@" pyproject.toml
}
lock dev --extra dev
lock generator --extra generator --extra verify --constraint requirements/dev.txt
lock server --extra server --constraint requirements/dev.txt
lock build --extra build --constraint requirements/dev.txt
lock run --extra generator --extra server --extra build --constraint requirements/dev.txt
