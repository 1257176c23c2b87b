"""What is there to be deployed from fits this project, and does what its documents say."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.example import INDEX, ROOT

DEPLOY = ROOT / "server" / "deploy"
OBJECTS: list[Any] = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
POD = next(each for each in OBJECTS if each["kind"] == "Deployment")["spec"]["template"]["spec"]


def test_what_kubernetes_is_told_is_about_one_thing() -> None:
    assert [each["kind"] for each in OBJECTS] == [
        "Deployment",
        "PodDisruptionBudget",
        "Service",
        "Ingress",
        "NetworkPolicy",
    ]
    labels = OBJECTS[0]["spec"]["template"]["metadata"]["labels"]
    service, policy = OBJECTS[2]["spec"], OBJECTS[4]["spec"]
    assert service["selector"] == labels == policy["podSelector"]["matchLabels"]
    ports = {port["name"]: port["containerPort"] for port in POD["containers"][0]["ports"]}
    assert service["ports"][0]["targetPort"] in ports
    assert ports["http"] == 8000


@pytest.mark.parametrize("container", [*POD["initContainers"], *POD["containers"]], ids=lambda each: each["name"])
def test_every_container_is_confined(container: Any) -> None:
    confined = container["securityContext"]
    assert confined["capabilities"] == {"drop": ["ALL"]}
    assert confined["readOnlyRootFilesystem"]
    assert not confined["allowPrivilegeEscalation"]
    assert POD["securityContext"]["runAsNonRoot"]


def test_a_pod_begins_with_the_index_of_its_image_and_keeps_a_newer_one(tmp_path: Path) -> None:
    (first,) = POD["initContainers"]
    image, git = tmp_path / "index", tmp_path / "git"
    git.mkdir()
    image.symlink_to(INDEX)
    script = first["command"][-1].replace('"/index"', f'"{image}"').replace("/git/", f"{git}/")

    def start() -> None:
        subprocess.run([sys.executable, "-c", script], check=True)

    start()
    current = next(each["value"] for each in POD["containers"][0]["env"] if each["name"] == "REVERSE_REGISTRY_INDEX")
    served = Path(current.replace("/git", str(git)))
    assert (served / "index.json").read_bytes() == (INDEX / "index.json").read_bytes()
    # As git-sync does, which empties its root when it begins.
    sync = next(each for each in POD["containers"] if each["name"] == "git-sync")["args"]
    root, link = (re.search(rf"--{name}=(\S+)", " ".join(sync)) for name in ("root", "link"))
    assert root
    assert link
    assert not link[1].startswith(f"{root[1]}/")
    newer = git / "root" / "newer" / "index"
    newer.mkdir(parents=True)
    (git / "next").symlink_to("root/newer")
    os.replace(git / "next", link[1].replace("/git", str(git)))  # noqa: PTH105
    start()
    assert served.resolve() == newer.resolve()


def test_compose_serves_the_index_beside_it_to_nobody_but_its_proxy() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    server, caddy = services["server"], services["caddy"]
    assert server["volumes"] == ["./index:/index:ro"]
    assert server["environment"]["UVICORN_HOST"] == "127.0.0.1"
    assert caddy["network_mode"] == "service:server"
    assert "reverse_proxy 127.0.0.1:8000" in (DEPLOY / "Caddyfile").read_text()


def test_no_index_is_served_with_the_site_of_another() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    pods = {each["name"]: each["value"] for each in POD["containers"][0]["env"]}
    for environment in (services["server"]["environment"], pods):
        assert environment["REVERSE_REGISTRY_SITE"] == ""
    hosting = " ".join((DEPLOY / "hosting.md").read_text().split())
    assert "REVERSE_REGISTRY_SITE" in hosting.partition("serves another index than the one in the image")[2][:500]


def test_code_and_index_are_apart_on_a_host() -> None:
    text = (DEPLOY / "hosting.md").read_text()
    units = dict(re.findall(r"`/etc/systemd/system/(\S+?)`.*?```ini\n(.*?)```", text, re.DOTALL))
    server, fetch = units["reverse-registry.service"], units["reverse-registry-index.service"]
    assert "LimitNOFILE=65536" in server
    code = re.search(r"WorkingDirectory=(\S+)", server)
    index = re.search(r"WorkingDirectory=(\S+)", fetch)
    assert code
    assert index
    assert f"REVERSE_REGISTRY_INDEX={index[1]}/index" in server
    assert not index[1].startswith(code[1])


def test_no_document_installs_an_extra_that_there_is_none_of() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    tracked = subprocess.run(
        ["git", "ls-files", "*.md", "*.py", "*.yml"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    named = {
        extra
        for file in tracked.stdout.split()
        for each in re.findall(r"reverse-registry\[([a-z,]+)\]", (ROOT / file).read_text())
        for extra in each.split(",")
    }
    assert named
    assert named <= {*extras}
