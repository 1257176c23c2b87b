"""What is locked: nothing that production does not need, and nothing that may not be used or passed on."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "requirements"
HALVES = ("server", "generator")

# Permissive ones; and MPL-2.0, which is about changes to the files of certifi, who makes none.
PERMITTED = frozenset(
    {"MIT", "MIT-0", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "PSF-2.0", "Unlicense", "MPL-2.0"}
)
SPOKEN = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
# Packages that state none, but have it beside them.
UNSTATED = {"sigstore-models": "MIT"}
# uvicorn's other parser of HTTP, which it cannot be installed without.
NOT_IMPORTED = {"h11"}

SERVER = """
import json, sys, threading, urllib.request
from importlib.metadata import packages_distributions
import uvicorn
server = uvicorn.Server(uvicorn.Config("server.app:app", host="127.0.0.1", port=0, log_level="error"))
def leave():
    while not server.started:
        pass
    port = server.servers[0].sockets[0].getsockname()[1]
    for path in "/v2/", "/v2/_catalog", "/metrics", "/healthz":
        urllib.request.urlopen(f"http://127.0.0.1:{port}{path}").read()
    server.should_exit = True
threading.Thread(target=leave, daemon=True).start()
server.run()
owners = packages_distributions()
print("imported:", json.dumps(sorted({owner for module in sys.modules for owner in owners.get(module, ())})))
"""


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(half: str) -> dict[str, str]:
    """Names and versions, but those for another system alone."""
    lines = (REQUIREMENTS / f"{half}.txt").read_text().splitlines()
    found = (re.match(r"([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)", line) for line in lines if "== 'win32'" not in line)
    return {match[1]: match[2] for match in found if match}


def listed(half: str) -> dict[str, tuple[str, str]]:
    """Names, with versions and licences as LICENCES.md has them."""
    text = (REQUIREMENTS / "LICENCES.md").read_text().partition(f"\n## {half}.txt\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in text.strip().splitlines()[2:]]
    return {normalised(name): (version, licence) for name, version, licence in rows}


@pytest.mark.parametrize("half", HALVES)
def test_the_licence_of_every_package_is_listed(half: str) -> None:
    versions = {name: version for name, (version, _) in listed(half).items()}
    assert versions == locked(half), "run make licences"


@pytest.mark.parametrize("half", HALVES)
def test_every_licence_lets_a_program_under_mit_be_passed_on_with_it(half: str) -> None:
    for name, (_, stated) in listed(half).items():
        licences = re.split(r" AND | OR |; ", UNSTATED.get(name, stated))
        assert {SPOKEN.get(licence, licence) for licence in licences} <= PERMITTED, name


def test_a_running_server_imports_all_that_is_installed_for_it() -> None:
    environment = os.environ | {"REVERSE_REGISTRY_INDEX": str(ROOT / "tests" / "example"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SERVER]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "imported: " in ran.stdout, ran.stderr
    imported = {normalised(name) for name in json.loads(ran.stdout.rpartition("imported: ")[2])}
    assert locked("server").keys() - imported == NOT_IMPORTED - imported
