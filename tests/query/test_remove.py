from pathlib import Path

import pytest

from generator import images
from tests.query.made import Made, build, refused, run

TOML = """\
# The images of this index.
upstream = "cgr.dev/chainguard"  # ours

# Serves the web.
[images.nginx]
# we need the old line
constraint = '^1\\.2'

# Python has streams.
[images.python]

[images."team/app"]
repository = "ghcr.io/team/app"
tracks = [
    "main",  # ours
    "edge",
]
"""


@pytest.fixture
def index(tmp_path: Path) -> Path:
    (tmp_path / "images.toml").write_text(TOML)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("nginx", "[images.nginx]\n# we need the old line\nconstraint = '^1\\.2'\n"),
        ("python", "[images.python]\n"),
        ("team/app", TOML[TOML.index('[images."team/app"]') :]),
    ],
)
def test_takes_the_table_out_and_touches_nothing_else(index: Path, name: str, gone: str) -> None:
    assert run("remove", name, index=index).exit_code == 0
    assert (index / "images.toml").read_text() == TOML.replace(gone, "")


def test_says_what_becomes_of_what_was_recorded(made: Made) -> None:
    made.image("demo", [(build("1.0-r0", "2026-01-01"), [])])
    made.toml.write_text(made.toml.read_text() + "[images.new]\n")
    assert run("remove", "demo", "new", index=made.folder).output.splitlines() == [
        f"removed demo from {made.toml}; {made.folder}/demo stays, with 1 build, and is served no more",
        f"removed new from {made.toml}, of which nothing was recorded",
        f"next: `reverse-registry refresh --index {made.folder}`, which takes it out of the catalogue",
    ]
    assert (made.folder / "demo/index.json").exists()


def test_what_is_added_again_is_there_again(made: Made) -> None:
    made.image("demo", [(build("1.0-r0", "2026-01-01"), [])])
    run("remove", "demo", index=made.folder)
    run("add", "demo", index=made.folder)
    assert run("resolve", "demo:1", index=made.folder).exit_code == 0


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["nginx", "ngimx"], "has no image ngimx; the closest: nginx; nothing was written"),
        (["nginx", "x\x1b[31m"], "has no image x?[31m"),
    ],
)
def test_what_is_not_there_is_refused_and_nothing_written(index: Path, names: list[str], message: str) -> None:
    assert message in refused("remove", *names, index=index)
    assert (index / "images.toml").read_text() == TOML


@pytest.mark.parametrize(
    "text",
    [
        "[images]\nnginx = {}\n",
        "[images]\nnginx.since = 'now'\n",
        "images = {nginx = {}}\n",
        "[images.nginx]\n[images.python]\nconstraint = '''\n[images.nginx]\n'''\n",
    ],
)
def test_an_image_that_is_written_otherwise_is_left_to_a_hand(tmp_path: Path, text: str) -> None:
    (tmp_path / "images.toml").write_text(text)
    assert "is not written as a table of its own; take it out by hand" in refused("remove", "nginx", index=tmp_path)
    assert (tmp_path / "images.toml").read_text() == text


@pytest.mark.parametrize(
    "text",
    [
        "[images.nginx]\r\nsince = 'now'\r\n\r\n[images.node]\r\n",
        "[ images . 'nginx' ] # ours\nsince = 'now'\n[images.node]\n",
        '[images.nginx]\n[images.node]\n\n[images.nginx.trust]\nidentity = "me@example.com"\nissuer = "https://x.example"\n',
        "[images.nginx]\n\n[images.node]",
    ],
)
def test_finds_its_way_in_any_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "images.toml"
    path.write_bytes(text.encode())
    assert run("remove", "nginx", index=tmp_path).exit_code == 0
    assert list(images.load(path).images) == ["node"]
    assert b"\r\n" in path.read_bytes() or "\r\n" not in text
