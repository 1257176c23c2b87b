from pathlib import Path

import pytest

from tests.query.made import Made, ask, build, edit, refused, run

OLD = build("1.0-r0", "2026-01-01")
NEW = build("1.1-r0", "2026-01-05")
DEV = build("1.1-r0", "2026-01-03", track="latest-dev")


@pytest.fixture
def demo(made: Made) -> Made:
    made.image("demo", [(OLD, []), (NEW, []), (DEV, [])])
    return made


def test_lists_every_image_of_images_toml(committed: Path) -> None:
    shown = [line.split() for line in run("list", index=committed).output.splitlines()]
    assert shown[0] == ["image", "newest", "made", "builds", "tags", "upstream"]
    assert ["example/nginx", "1.29.1-r0", "2026-02-18", "10", "34"] in [line[:5] for line in shown]
    assert ["nginx", "not", "refreshed", "yet"] in [line[:4] for line in shown]


def test_lists_images_for_programs(committed: Path) -> None:
    found = ask("list", index=committed)["images"]
    assert found["example/nginx"]["version"] == "1.29.1-r0"
    assert found["nginx"]["refreshed"] is False


def test_lists_the_tags_of_an_image_newest_build_first(demo: Made) -> None:
    shown = [line.split() for line in run("list", "demo", index=demo.folder).output.splitlines()]
    assert shown[0] == ["tag", "version", "since", "moves", "digest"]
    assert [line[:1] + line[3:4] for line in shown[1:-1]] == [
        ["1", "yes"],
        ["1.1", "yes"],
        ["1.1-r0", "yes"],
        ["latest", "upstream"],
        ["1.1-r0-202601050000", "never"],
        ["1-dev", "yes"],
        ["1.1-dev", "yes"],
        ["1.1-r0-dev", "yes"],
        ["latest-dev", "upstream"],
        ["1.1-r0-dev-202601030000", "never"],
        ["1.0", "yes"],
        ["1.0-r0", "yes"],
        ["1.0-r0-202601010000", "never"],
    ]
    assert shown[1][1:3] == ["1.1-r0", "2026-01-05"]
    assert shown[-1] == ["13", "tags"]


def test_lists_tags_for_programs(demo: Made) -> None:
    first, *_ = ask("list", "demo", index=demo.folder)["tags"]
    assert first == {
        "tag": "1",
        "moves": "yes",
        "version": "1.1-r0",
        "track": "latest",
        "seen": "2026-01-05T00:00:00Z",
        "digest": NEW.digest,
    }


def test_an_index_without_images_says_how_to_add_one(made: Made) -> None:
    assert run("list", index=made.folder).output == (
        f"no image yet; add one: reverse-registry add nginx --index {made.folder}\n"
    )
    assert ask("list", index=made.folder) == {"images": {}}


def test_what_is_not_there_is_said_with_what_is_near(demo: Made, tmp_path: Path) -> None:
    assert refused("list", "demmo", index=demo.folder) == "the index has no image demmo; the closest: demo"
    assert "there is no such file; --index names the folder" in refused("list", index=tmp_path / "nowhere")
    demo.toml.write_text(demo.toml.read_text() + "[images.new]\n")
    assert "new has no builds yet: run `reverse-registry refresh" in refused("list", "new", index=demo.folder)


def test_a_tag_without_a_build_is_said_to_be_broken(demo: Made) -> None:
    edit(demo.folder / "demo/index.json", lambda d: d["tags"].update({"9": f"sha256:{'0' * 64}"}))
    assert "run `reverse-registry check`" in refused("list", "demo", index=demo.folder)
