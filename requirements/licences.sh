#!/bin/sh
# Writes LICENCES.md anew from what is installed: `make licences`. What is locked for Windows alone is not among it.
set -eu
cd "$(dirname "$0")/.."
# shellcheck disable=SC2046
licences() {
    .venv/bin/uvx --quiet pip-licenses@5.5.5 --python .venv/bin/python --format=markdown --order=name \
        --packages $(sed -n 's/^\([a-z0-9-]*\)[^=]*==.*/\1/p' "requirements/$1.txt")
}
{
    echo '# Licences of what is locked'
    echo
    echo 'As each package states them; written by `make licences`.'
    for half in server generator; do
        printf '\n## %s.txt\n\n' "$half"
        licences "$half" | sed 's/  *|/ |/g; s/|--*/|---/g'
    done
} >requirements/LICENCES.md.new
mv requirements/LICENCES.md.new requirements/LICENCES.md
