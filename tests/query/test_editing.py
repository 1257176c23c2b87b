from pathlib import Path

import pytest

from generator import images
from tests.example import INDEX
from tests.query.made import refused, run


def test_add_appends_and_touches_nothing_else(committed: Path) -> None:
    path = committed / "images.toml"
    before = path.read_text()
    done = run("add", "redis2", "my/valkey", index=committed)
    assert done.output == (
        f"added redis2 my/valkey to {path}; next: `reverse-registry refresh --index {committed} redis2 my/valkey`\n"
    )
    assert path.read_text() == f'{before}\n[images.redis2]\n\n[images."my/valkey"]\n'
    assert list(images.load(path).images)[-2:] == ["redis2", "my/valkey"]


def test_add_writes_every_key_as_it_was_given(committed: Path) -> None:
    options = ["--repository", "ghcr.io/x/y", "--package", 'a"b\\', "--track", "main", "--track", "v1"]
    run("add", "thing", *options, "--since", "2025-01-01", "--constraint", r"^1\.2", index=committed)
    image = images.load(committed / "images.toml").images["thing"]
    assert (str(image.repository), image.package, image.tracks) == ("ghcr.io/x/y", 'a"b\\', ("main", "v1"))
    assert image.constraint
    assert (image.constraint.pattern, f"{image.since:%F}") == (r"^1\.2", "2025-01-01")


@pytest.mark.parametrize("since", ["now", "always"])
def test_add_takes_since_in_words(committed: Path, since: str) -> None:
    run("add", "thing", "--since", since, index=committed)
    assert images.load(committed / "images.toml").images["thing"].since == since


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("new", "nginx"), "nginx is there already; nothing was written"),
        (("new", "new"), "new is there already; nothing was written"),
        (("Upper",), "not an image name"),
        (("nginx:1",), "not an image name"),
        (("cgr.dev/chainguard/nginx2",), "write add nginx2 --repository cgr.dev/chainguard/nginx2"),
        (("new", "--since", "tomorrow"), "since: 'tomorrow' is neither a date"),
        (("new", "--since", ""), "since: '' is neither a date"),
        (("new", "--track", "no tag"), "tracks: 'no tag' is not a tag"),
        (("new", "--constraint", "("), "constraint: not a regular expression"),
        (("new", "--repository", "nginx"), "does not begin with a registry host"),
        (("new", "newer", "--repository", "ghcr.io/x/y"), "--repository is where one image lives"),
    ],
)
def test_add_refuses_what_would_not_load_and_writes_nothing(
    committed: Path, words: tuple[str, ...], expected: str
) -> None:
    assert expected in refused("add", *words, index=committed)
    assert (committed / "images.toml").read_bytes() == (INDEX / "images.toml").read_bytes()


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but this", "[images.a]", "[images.a]\r\n# end\r\n"])
def test_add_finds_its_way_into_any_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "images.toml"
    path.write_bytes(text.encode())
    assert run("add", "b", "c", index=tmp_path).exit_code == 0
    assert list(images.load(path).images)[-2:] == ["b", "c"]
    assert path.read_bytes().decode().startswith(text.rstrip("\n"))


def test_add_needs_an_index(tmp_path: Path) -> None:
    assert "there is no such file" in refused("add", "nginx", index=tmp_path)


def test_init_starts_an_index_with_every_key_explained(tmp_path: Path) -> None:
    path = tmp_path / "mine/index/images.toml"
    done = run("init", tmp_path / "mine")
    assert done.output.splitlines()[0] == f"made {path}"
    assert done.output.splitlines()[-1].startswith(f"next: cd {tmp_path}/mine && git init -b main && git add -A && ")
    wanted = images.load(path)
    assert (str(wanted.upstream), list(wanted.images)) == (images.UPSTREAM, ["nginx", "node", "postgres", "python"])
    assert [each.name for each in path.parent.iterdir()] == ["images.toml"]
    for key in ("repository", "package", "tracks", "constraint", "since", "frozen"):
        assert f"\n# {key} = " in path.read_text()
    assert run("check", index=path.parent).exit_code == 0


def test_what_init_explains_is_true_when_uncommented(tmp_path: Path) -> None:
    run("init", tmp_path)
    lines = (tmp_path / "index/images.toml").read_text().splitlines()
    start = lines.index("# [images.example]")
    end = next(number for number in range(start, len(lines)) if not lines[number].startswith("#"))
    example = "\n".join(line.removeprefix("# ") for line in lines[start:end])
    assert images.parse(example.encode(), "").images["example"].frozen


def test_init_for_another_upstream_names_none_of_chainguards_images(tmp_path: Path) -> None:
    run("init", tmp_path, "--upstream", "ghcr.io/somebody")
    wanted = images.load(tmp_path / "index/images.toml")
    assert (str(wanted.upstream), list(wanted.images)) == ("ghcr.io/somebody", [])
    assert images.UPSTREAM not in (tmp_path / "index/images.toml").read_text()


def test_init_overwrites_nothing(committed: Path) -> None:
    assert committed.name == "index"
    assert refused("init", committed.parent) == f"{committed}/images.toml: is there already, and was not touched"
    assert (committed / "images.toml").read_bytes() == (INDEX / "images.toml").read_bytes()


@pytest.mark.parametrize("upstream", ["https://ghcr.io", "nowhere", 'ghcr.io/"x', "ghcr.io/x\ny"])
def test_init_refuses_an_upstream_that_is_none(tmp_path: Path, upstream: str) -> None:
    assert "--upstream" in refused("init", tmp_path / "new", "--upstream", upstream)
    assert not (tmp_path / "new").exists()


def test_init_of_private_images_logs_in_and_says_what_the_index_tells(tmp_path: Path) -> None:
    done = run("init", tmp_path, "--private", "--upstream", "registry.example.com/team")
    assert done.exit_code == 0
    workflow = (tmp_path / ".github/workflows/refresh.yml").read_text()
    assert "REGISTRY: registry.example.com\n" in workflow
    assert workflow.index("docker login") < workflow.index("- uses: reverse")
    assert "secrets.REGISTRY_PASSWORD" in workflow
    assert "keep this repository private" in (tmp_path / "README.md").read_text()
    assert "@" not in (tmp_path / "README.md").read_text().replace("://", "")


def test_init_of_public_images_needs_no_login(tmp_path: Path) -> None:
    run("init", tmp_path)
    assert "docker login" not in (tmp_path / ".github/workflows/refresh.yml").read_text()
    assert "private images" not in (tmp_path / "README.md").read_text()
