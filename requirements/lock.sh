#!/bin/sh
# Writes the lock files anew: `make lock`. dev.txt decides the versions, the others are cut from it.
set -eu
cd "$(dirname "$0")/.."
lock() {
    out=$1; shift
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-strip-extras --no-annotate --no-header --no-emit-package reverse-registry --output-file "requirements/$out.txt" "$@"
}
# Of an extra alone, without the generator's packages.
extra() {
    .venv/bin/python -c 'import sys, tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]], sep="\n")' "$1"
}
lock dev --extra dev pyproject.toml
lock generator --extra verify --constraint requirements/dev.txt pyproject.toml
lock run --extra server --extra build --constraint requirements/dev.txt pyproject.toml
extra server | lock server --constraint requirements/dev.txt -
extra build | lock build --constraint requirements/dev.txt -
