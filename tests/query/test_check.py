import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from generator.check import check
from generator.record.store import Store
from tests.example import HOST, INDEX, NAMES
from tests.query.made import Change, Made, ask, build, digest, edit, refused, run
from tests.upstream import ExampleUpstream

NGINX = "example/nginx/index.json"
PACKAGES = "example/nginx/packages.json"


def problems(index: Path, *words: str) -> list[str]:
    """Every problem as a line, the index's own folder left out."""
    done = run("check", *words, index=index)
    lines = [line.removeprefix(f"{index}/") for line in done.output.splitlines()[:-1]]
    found = [line for line in lines if ": note: " not in line]
    assert done.exit_code == bool(found), done.output or done.exception
    return found


def notes(index: Path) -> list[str]:
    return [f"{each['file']}: {each['what']}" for each in ask("check", index=index)["notes"]]


def test_the_committed_index_is_sound(committed: Path) -> None:
    assert ask("check", index=committed) == {"problems": [], "notes": []}
    assert run("check", index=committed).output == f"{committed}: no problem\n"


def test_the_committed_documents_are_what_the_committed_schema_promises(committed: Path) -> None:
    schema = json.loads((committed / "schema.json").read_bytes())
    for path in (committed / "index.json", *committed.glob("example/*/index.json")):
        jsonschema.validate(json.loads(path.read_bytes()), schema, jsonschema.Draft202012Validator)


def last(document: Any) -> Any:
    return document["builds"][-1]


@pytest.mark.parametrize(
    ("file", "change", "expected"),
    [
        (NGINX, lambda d: d["tags"].pop("1.27.4"), "tag 1.27.4 points at nothing, but at sha256:de527d"),
        (NGINX, lambda d: d["tags"].pop("1.27.4-r2-202503040140"), "tag 1.27.4-r2-202503040140 points at nothing"),
        (NGINX, lambda d: d["tags"].update({"9": last(d)["digest"]}), "tag 9 points at sha256:13fbae"),
        (NGINX, lambda d: d["tags"].update({"1": d["builds"][0]["digest"]}), "tag 1 points at sha256:7e3e08"),
        (
            NGINX,
            lambda d: d["tags"].update({"1.27.4-r2-202503040140": d["builds"][0]["digest"]}),
            "tag 1.27.4-r2-202503040140 points at sha256:7e3e08",
        ),
        (NGINX, lambda d: d["tags"].update({"1": digest("no")}), "which is not among the builds"),
        (NGINX, lambda d: d["tracks"]["latest"].update(digest=digest("no")), "track latest points at sha256:"),
        (NGINX, lambda d: d["tracks"]["latest"].update(digest=last(d)["digest"]), "which is not among its builds"),
        (NGINX, lambda d: d["builds"].reverse(), "builds are not in order, or one is there twice on a track"),
        (NGINX, lambda d: d["builds"].append(last(d)), "builds are not in order, or one is there twice on a track"),
        (NGINX, lambda d: d["builds"].pop(), "is not among the builds"),
        (NGINX, lambda d: last(d).update(version="1.29.2-r0"), "version 1.29.2-r0 is not that of its package"),
        (NGINX, lambda d: last(d).update(version=None), "version None is not that of its package"),
        (NGINX, lambda d: last(d).update(purl=None), "version 1.29.1-r0 is not that of its package None"),
        (NGINX, lambda d: last(d).update(purl="pkg:npm/x@1", version="1"), "is not that of its package pkg:npm/x@1"),
        (NGINX, lambda d: last(d).update(purl="pkg:apk/x@y", version="y"), "'y' is no version by the rules of apk"),
        (NGINX, lambda d: last(d).update(sbom=None), "has a version, but no SBOM that it was read from"),
        (NGINX, lambda d: last(d).update(created="2026-02-18T17:58:00Z"), "1.29.1-r0-dev-202602181757 points at"),
        (NGINX, lambda d: d.update(package="other"), "package is other, but nginx by the newest build"),
        (NGINX, lambda d: d.update(name="example/nginy"), "is of example/nginy, but in the folder of example/nginx"),
        (NGINX, lambda d: d.update(schema=2), "$.schema: 2 is not one of [1]"),
        (NGINX, lambda d: d.update(extra=1), "was edited: its keys, order or layout are not as they are generated"),
        (NGINX, lambda d: last(d).update(size=-1), "$.builds[9].size: -1 is less than the minimum of 0"),
        (NGINX, lambda d: last(d).update(seen="yesterday"), "Invalid RFC3339 encoded datetime"),
        (PACKAGES, lambda d: d.update(name="x"), "is of x, but in the folder of example/nginx"),
        (PACKAGES, lambda d: d["builds"].pop(), "which has an SBOM"),
        (PACKAGES, lambda d: d["builds"].reverse(), "are not those from build to build, in the order of the builds"),
        (PACKAGES, lambda d: last(d)["added"].append("apk/wolfi/zzz@1-r0"), None),
        (PACKAGES, lambda d: last(d)["removed"].append("apk/wolfi/zzz@1-r0"), "are not those from build to build"),
        (PACKAGES, lambda d: last(d)["added"].append("npm/left-pad@1"), "npm/left-pad@1 is no package URL"),
        (PACKAGES, lambda d: last(d)["added"].append("no package"), "$.builds[9].added[5]: 'no package' does not"),
        (PACKAGES, lambda d: last(d)["added"].remove("apk/wolfi/nginx@1.29.1-r0"), "lacks its own main package"),
        ("index.json", lambda d: d["images"]["example/nginx"].update(builds=11), "what it says of example/nginx is"),
        (
            "index.json",
            lambda d: d["images"]["example/nginx"].update(version="9"),
            "is not in example/nginx/index.json",
        ),
        ("index.json", lambda d: d["images"]["nginx"].update(builds=1), "what it says of nginx is not in nginx/"),
        ("index.json", lambda d: d["images"]["nginx"].pop("builds"), "was edited"),
    ],
)
def test_finds_what_was_tampered_with(committed: Path, file: str, change: Change, expected: str | None) -> None:
    """None: a change that is possible, and which only `--against` can tell from the truth."""
    edit(committed / file, change)
    found = problems(committed)
    assert bool(found) == bool(expected)
    assert not expected or any(line.startswith(f"{file}: ") and expected in line for line in found), found


@pytest.mark.parametrize(
    ("file", "data", "expected"),
    [
        (NGINX, b"{", "Input data was truncated"),
        (NGINX, b"\xff", "JSON is malformed"),
        (NGINX, b"[" * 100_000, "Expected `object`, got `array`"),
        (NGINX, b"[]", "$: [] is not of type 'object'"),
        (PACKAGES, b"", "Input data was truncated"),
        ("schema.json", b"{}", "is not the schema of this version of reverse-registry"),
        ("images.toml", b"upstraem = 1", "unknown key 'upstraem' (did you mean upstream?)"),
        ("images.toml", b"= 1", "Invalid statement"),
    ],
)
def test_finds_files_that_are_not_what_they_should_be(committed: Path, file: str, data: bytes, expected: str) -> None:
    (committed / file).write_bytes(data)
    found = problems(committed)
    assert any(line.startswith(f"{file}: ") and expected in line for line in found), found


def test_a_layout_by_hand_is_found(committed: Path) -> None:
    path = committed / NGINX
    path.write_text(json.dumps(json.loads(path.read_bytes())))
    assert problems(committed) == [f"{NGINX}: was edited: its keys, order or layout are not as they are generated"]


def test_lists_every_problem_of_every_file(committed: Path) -> None:
    edit(committed / NGINX, lambda d: (d["builds"][0].update(size=-1), d["builds"][1].update(size=-2)))
    edit(committed / "example/python/index.json", lambda d: (d["tags"].pop("3"), d["tags"].pop("3.13")))
    found = problems(committed)
    assert [line.split(": ")[0] for line in found] == [NGINX, NGINX, *["example/python/index.json"] * 2]
    assert run("check", index=committed).output.splitlines()[-1] == "4 problems"
    done = run("check", "--json", index=committed)
    assert done.exit_code == 1
    assert [each["file"] for each in json.loads(done.output)["problems"]] == [line.split(": ")[0] for line in found]


def test_a_lost_file_is_found_through_what_still_speaks_of_it(committed: Path) -> None:
    (committed / PACKAGES).unlink()
    assert problems(committed) == [f"{PACKAGES}: is missing or unreadable"]
    shutil.rmtree(committed / "example/nginx")
    assert problems(committed) == ["index.json: what it says of example/nginx is not in example/nginx/index.json"]


def test_a_constraint_that_does_not_fit_the_tags_is_found(committed: Path) -> None:
    path = committed / "images.toml"
    path.write_text(path.read_text().replace('nginx"\nsince', "nginx\"\nconstraint = '^1.2[78]'\nsince"))
    assert "example/nginx/index.json: tag 1.29 points at sha256:8fd7" in "\n".join(problems(committed))


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    assert (
        refused("check", index=tmp_path) == f"{tmp_path}: holds no images.toml; --index names the folder of the index"
    )


def test_an_index_that_was_never_refreshed_is_sound(made: Made) -> None:
    made.toml.write_text("[images.nginx]\n")
    assert problems(made.folder) == []


def test_an_image_that_images_toml_no_longer_names_is_a_note(made: Made) -> None:
    made.image("demo", [(build("1.0-r0", "2026-01-01"), [])])
    made.toml.write_text("")
    assert notes(made.folder) == ["demo: is not in images.toml, and so not served"]


def test_unique_tags_may_wait_while_a_history_is_incomplete(made: Made) -> None:
    made.image("demo", [(build("1.0-r0", "2026-01-01"), [])])
    edit(made.folder / "demo/index.json", lambda d: d["tags"].pop("1.0-r0-202601010000"))
    assert problems(made.folder)
    edit(made.folder / "demo/index.json", lambda d: d["tracks"]["latest"].update(since=None))
    assert problems(made.folder) == []


def test_a_refresh_may_die_between_any_two_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[tuple[str, bytes]] = []
    write = Store.write

    def recorded(store: Store, relative: str, content: Any) -> bool:
        changed = write(store, relative, content)
        if changed:
            writes.append((relative, (store.folder / relative).read_bytes()))
        return changed

    live, replayed = tmp_path / "live", tmp_path / "replayed"
    monkeypatch.setattr(Store, "write", recorded)
    monkeypatch.setattr("generator.refresh._CHECKPOINT", 3)
    with ExampleUpstream() as upstream:
        text = (INDEX / "images.toml").read_text().replace(HOST, upstream.host).replace("frozen = true", "")
        for since in ('"now"', '"always"'):
            live.mkdir(exist_ok=True)
            replayed.mkdir(exist_ok=True)
            toml = text.replace('"always"', since)
            for folder in (live, replayed):
                (folder / "images.toml").write_text(toml)
            assert run("refresh", *NAMES, index=live).exit_code == 0
            for relative, data in writes:
                (replayed / relative).parent.mkdir(parents=True, exist_ok=True)
                (replayed / relative).write_bytes(data)
                assert [each for each in check(replayed) if not each.is_note] == [], relative
            assert list(check(replayed)) == []
            assert len(writes) > 10
            writes.clear()


def test_what_a_dead_refresh_left_behind_is_a_note(committed: Path) -> None:
    (committed / "example/nginx/.index.json.ab12").write_text("{")
    edit(committed / "index.json", lambda d: d["images"]["example/nginx"].update(builds=9))
    edit(committed / NGINX, lambda d: None)
    assert notes(committed) == [
        "example/nginx/.index.json.ab12: left by a refresh that was cut short; remove it",
        "index.json: is behind example/nginx/index.json: a refresh was cut short",
    ]
