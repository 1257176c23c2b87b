"""The start: settings and an index that are right, or one line that says what is wrong and where."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from server.errors import StartError
from server.index.catalogue import Index
from server.settings import Settings
from tests.example import ROOT
from tests.server.conftest import image, write
from tests.upstream import ExampleUpstream


def test_settings_come_from_the_environment() -> None:
    settings = Settings.from_environment(
        {"REVERSE_REGISTRY_INDEX": "/srv/index", "REVERSE_REGISTRY_TIMEOUT": "2.5", "REVERSE_REGISTRY_PUBLIC_URL": ""}
    )
    assert settings == Settings(index="/srv/index", timeout=2.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TIMEOUT", "0"),
        ("TIMEOUT", "soon"),
        ("TIMEOUT", "nan"),
        ("MANIFEST_CACHE", "-1"),
        ("MANIFEST_LIMIT", "4MiB"),
        ("PUBLIC_URL", "registry.example.com"),
        ("PUBLIC_URL", "https://registry.example.com/path"),
        ("AUTH", "passthrough"),  # without PUBLIC_URL
        ("AUTH", "none"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(StartError, match=f"REVERSE_REGISTRY_{name}"):
        Settings.from_environment({f"REVERSE_REGISTRY_{name}": value})


def test_an_index_says_where_its_images_are(index: Path, upstream: ExampleUpstream) -> None:
    loaded = Index(index)
    found = {name: loaded.locate(name)[1] for name in ("nginx", "postgres", "some/thing")}
    assert found["nginx"].url("x") == f"{upstream.url}/v2/chainguard/nginx/x"
    assert found["nginx"].auth is not None
    assert found["postgres"].auth == found["nginx"].auth
    assert not found["postgres"].tokenless
    assert found["some/thing"].path == "chainguard/some/thing"


def test_no_auth_in_the_index_means_that_no_token_is_needed(index: Path, upstream: ExampleUpstream) -> None:
    write(index, upstream, {"nginx": image(upstream, "nginx", auth=None)})
    assert Index(index).locate("nginx")[1].tokenless


def test_fields_that_are_not_known_are_ignored(index: Path, upstream: ExampleUpstream) -> None:
    write(index, upstream, {"nginx": image(upstream, "nginx", colour="green")})
    assert Index(index).images["nginx"].tags.keys() == {"1.27.3", "1.27.4"}


DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "schema"),
        ({"tags": {"1.0": DIGEST}}, "tag 1.0 points at sha256:0+, which is not in builds"),
        ({"tags": {"1.0": "sha256:x"}}, "tags"),
        ({"tags": {"not a tag": DIGEST}}, "tags"),
        ({"tracks": {"latest": {"digest": "latest"}}}, "tracks.*digest"),
        ({"repository": "nginx"}, "'nginx' is not a repository"),
        ({"builds": [{"digest": DIGEST, "mediaType": "text/html\r\nx: y", "size": 1, "track": "latest"}]}, "mediaType"),
        ({"builds": [{"digest": DIGEST}]}, "mediaType"),
        ({"auth": {"service": "x"}}, "realm"),
    ],
)
def test_a_wrong_image_is_refused_with_file_and_reason(
    index: Path, upstream: ExampleUpstream, changes: dict[str, Any], message: str
) -> None:
    write(index, upstream, {"nginx": image(upstream, "nginx", **changes)})
    with pytest.raises(StartError, match=rf"nginx/index.json: .*{message}"):
        Index(index)


def test_an_image_whose_file_is_missing_is_refused(index: Path) -> None:
    (index / "nginx" / "index.json").unlink()
    with pytest.raises(StartError, match=r"nginx/index.json: No such file"):
        Index(index)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"schema": 1}', "[" * 100_000, '{"schema":1,"upstream":"","images":{}}']
)
def test_a_wrong_catalogue_is_refused_with_its_file(index: Path, text: str) -> None:
    (index / "index.json").write_text(text)
    with pytest.raises(StartError, match=r"index/index.json: "):
        Index(index)


def test_a_name_that_leaves_the_folder_is_refused(index: Path) -> None:
    catalogue = json.loads((index / "index.json").read_text())
    catalogue["images"]["../nginx"] = catalogue["images"]["nginx"]
    (index / "index.json").write_text(json.dumps(catalogue))
    with pytest.raises(StartError, match="images"):
        Index(index)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "INDEX",
            "/nowhere",
            "/nowhere/index.json: no index here; `reverse-registry refresh --index /nowhere` writes one",
        ),
        ("TIMEOUT", "soon", "REVERSE_REGISTRY_TIMEOUT"),
    ],
)
def test_uvicorn_ends_with_one_line_and_no_traceback(name: str, value: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "uvicorn", "server.app:app", "--port", "0", "--log-level", "error"],
        env={**os.environ, f"REVERSE_REGISTRY_{name}": value},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    lines = done.stderr.splitlines()
    assert done.returncode != 0
    assert said in lines[0]
    assert lines[1:] == ["ERROR:    Application startup failed. Exiting."]
