import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from generator.check import check
from generator.record.store import Store
from tests.check.conftest import IMAGES
from tests.check.findings import notes, problems
from tests.query.made import Made, ask, build, edit, refused, run
from tests.upstream import ExampleUpstream

NGINX = "nginx/index.json"
PACKAGES = "nginx/packages.json"


def test_a_sound_index_is_said_to_be(index: Path) -> None:
    assert ask("check", index=index) == {"problems": [], "notes": []}
    assert run("check", index=index).output == f"{index}: no problem\n"


def test_its_documents_are_what_its_schema_promises(index: Path) -> None:
    schema = json.loads((index / "schema.json").read_bytes())
    for path in index.rglob("index.json"):
        jsonschema.validate(json.loads(path.read_bytes()), schema, jsonschema.Draft202012Validator)


def test_lists_every_problem_of_every_file(index: Path) -> None:
    edit(index / NGINX, lambda d: (d["builds"][0].update(size=-1), d["builds"][1].update(size=-2)))
    edit(index / "python/index.json", lambda d: (d["tags"].pop("3"), d["tags"].pop("3.13")))
    found = problems(index)
    assert [line.split(": ")[0] for line in found] == [NGINX, NGINX, *["python/index.json"] * 2]
    assert run("check", index=index).output.splitlines()[-1] == "4 problems"
    done = run("check", "--json", index=index)
    assert done.exit_code == 1
    assert [each["file"] for each in json.loads(done.output)["problems"]] == [line.split(": ")[0] for line in found]


def test_a_tag_that_was_bent_is_named_once_and_not_again_through_the_pages(index: Path) -> None:
    edit(index / NGINX, lambda d: d["tags"].pop("1.27.4"))
    assert [line.partition(",")[0] for line in problems(index)] == [f"{NGINX}: tags.1.27.4 is missing"]


def test_one_host_has_one_token_realm(index: Path) -> None:
    text = (index / "images.toml").read_text()
    host = text.split('"')[1].partition("/")[0]
    for name in ("again", "more"):
        shutil.copytree(index / "nginx", index / name)
        for file in ("index.json", "packages.json"):
            path = index / name / file
            path.write_text(path.read_text().replace('"name": "nginx"', f'"name": "{name}"'))
        text += f'[images.{name}]\nrepository = "{host}/chainguard/nginx"\n'
    (index / "images.toml").write_text(text)
    edit(index / "more/index.json", lambda d: d["auth"].update(realm="https://evil.example.com/token"))
    found = [line for line in problems(index) if "auth" in line]
    assert found == [
        f"more/index.json: auth.realm is https://evil.example.com/token, should be http://{host}/token "
        f"as in again/index.json: {host} has one token realm"
    ]


def test_a_lost_file_is_found_through_what_still_speaks_of_it(index: Path) -> None:
    (index / PACKAGES).unlink()
    assert problems(index) == [
        f"{PACKAGES}: is missing or unreadable, should have the packages of every build; see git log"
    ]
    shutil.rmtree(index / "nginx")
    assert problems(index) == [
        "index.json: images.nginx.refreshed is true, should be false: nginx/index.json is missing; restore it from git",
        *[line for line in problems(index) if line.startswith(("README.md", "refreshed.json"))],
    ]


def test_a_constraint_that_does_not_fit_the_tags_is_found_until_a_refresh_applies_it(index: Path) -> None:
    path = index / "images.toml"
    path.write_text(path.read_text().replace("[images.nginx]", "[images.nginx]\nconstraint = '^1.2[78]'"))
    assert f"{NGINX}: tags.1.29 is sha256:8fd7" in "\n".join(problems(index))
    assert problems(index, "--against", "HEAD") == []
    assert f"{NGINX}: tags.1.29 is sha256:8fd7" in "\n".join(notes(index, "--against", "HEAD"))
    run("refresh", "nginx", index=index)
    assert problems(index) == []


def test_a_new_image_is_a_note_until_it_is_refreshed(index: Path) -> None:
    path = index / "images.toml"
    path.write_text(path.read_text() + "[images.node]\n")
    assert problems(index) == []
    assert notes(index) == ["index.json: images.node is not there yet: a refresh adds it"]


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    assert (
        refused("check", index=tmp_path)
        == f"{tmp_path}: holds no images.toml; --index names the folder of the index, init starts one"
    )


def test_an_index_that_was_never_refreshed_is_sound(made: Made) -> None:
    made.toml.write_text("[images.nginx]\n")
    assert problems(made.folder) == []


def test_an_image_that_images_toml_no_longer_names_is_a_note(index: Path) -> None:
    path = index / "images.toml"
    path.write_text(path.read_text().replace('[images.nginx]\nsince = "always"\n', ""))
    assert problems(index)
    run("refresh", index=index)
    assert problems(index, "--against", "HEAD") == []
    assert "nginx: is not in images.toml, and so not served" in notes(index)


def test_a_tag_that_images_toml_no_longer_watches_is_a_note(index: Path) -> None:
    path = index / "images.toml"
    path.write_text(path.read_text().replace("[images.nginx]\n", '[images.nginx]\ntracks = ["latest"]\n'))
    run("refresh", "nginx", index=index)
    assert problems(index) == []
    assert notes(index) == [f"{NGINX}: tracks.latest-dev is not watched any more: images.toml has latest"]


def test_unique_tags_may_wait_while_a_history_is_incomplete(made: Made) -> None:
    made.image("demo", [(build("1.0-r0", "2026-01-01"), [])])
    edit(made.folder / "demo/index.json", lambda d: d["tags"].pop("1.0-r0-202601010000"))
    assert "demo/index.json: tags.1.0-r0-202601010000 is missing" in "\n".join(problems(made.folder))
    edit(made.folder / "demo/index.json", lambda d: d["tracks"]["latest"].update(since=None))
    assert "tags.1.0-r0" not in "\n".join(problems(made.folder))


def test_the_folder_may_be_a_link_as_git_sync_flips_it(index: Path) -> None:
    current = index.parent / "current"
    current.symlink_to("index")
    assert problems(current, "--against", "HEAD") == []


def test_hidden_files_beside_images_toml_are_nobodys_business(index: Path) -> None:
    (index / ".gitattributes").write_text("* -text\n")
    (index / ".github/workflows").mkdir(parents=True)
    (index / ".github/workflows/refresh.yml").write_text("on: push\n")
    assert problems(index) == []


@pytest.mark.parametrize("name", ["index.json.ab12", "README.md.x1y2z3a4", "images.toml.x1y2z3a4"])
def test_what_a_dead_refresh_left_behind_is_a_note(index: Path, name: str) -> None:
    (index / f"nginx/.{name}").write_text("{")
    assert problems(index) == []
    assert notes(index) == [f"nginx/.{name}: left by a refresh that was cut short; remove it"]


def test_a_refresh_may_die_between_any_two_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upstream: ExampleUpstream
) -> None:
    """What it leaves then is a problem that names a refresh as its cure; nothing recorded is lost, and it cures it."""
    writes: list[tuple[str, bytes]] = []
    write = Store.write

    def recorded(store: Store, relative: str, content: Any) -> bool:
        changed = write(store, relative, content)
        if changed:
            writes.append((relative, (store.folder / relative).read_bytes()))
        return changed

    live, replayed = tmp_path / "live", tmp_path / "replayed"
    monkeypatch.setattr(Store, "write", recorded)
    monkeypatch.setattr("generator.refresh.schedule._CHECKPOINT", 3)
    for since in ('"now"', '"always"'):
        text = IMAGES.format(host=upstream.host).replace('"always"', since)
        for folder in (live, replayed):
            folder.mkdir(exist_ok=True)
            (folder / "images.toml").write_text(text)
        assert run("refresh", "nginx", "python", index=live).exit_code == 0
        whole = list(writes)
        for relative, data in whole:
            (replayed / relative).parent.mkdir(parents=True, exist_ok=True)
            (replayed / relative).write_bytes(data)
            found = [f"{each.file}: {each.what}" for each in check(replayed) if not each.is_note]
            assert all("refresh" in line for line in found), (relative, found)
        assert [each for each in check(replayed) if not each.is_note] == []
        assert len(whole) > 10
        writes.clear()


@pytest.mark.parametrize(
    ("identity", "issuer", "expected"),
    [
        ("https://github.com/us/ci", "https://token.example.com", ""),
        ("https://github.com/evil/ci", "https://token.example.com", "sbom.identity is https://github.com/evil/ci"),
        ("https://github.com/us/ci", "https://evil.example.com", "should be https://github.com/us/ci"),
        ("key:sha256:" + "0" * 64, None, "sbom.identity is key:sha256:"),
    ],
)
def test_what_is_verified_is_so_of_whom_images_toml_trusts(
    index: Path, identity: str, issuer: str | None, expected: str
) -> None:
    path = index / "images.toml"
    trust = '[images.nginx.trust]\nidentity = "https://github.com/us/ci"\nissuer = "https://token.example.com"\n'
    path.write_text(path.read_text() + trust)
    signer = {"verified": True, "identity": identity} | ({"issuer": issuer} if issuer else {})
    edit(index / NGINX, lambda d: d["builds"][0]["sbom"].update(signer))
    found = [line for line in problems(index) if "sbom." in line]
    assert len(found) == bool(expected)
    assert expected in "".join(found)
    assert any("9 of 10 builds were recorded without a signature" in line for line in notes(index))


def test_the_key_of_a_signer_lies_beside_images_toml(index: Path) -> None:
    (index / "cosign.pub").write_text("-----BEGIN PUBLIC KEY-----\n")
    assert problems(index) == [
        "cosign.pub: is no file of an index, should not be there; keep it outside of this folder"
    ]
    path = index / "images.toml"
    path.write_text(path.read_text() + '[images.nginx.trust]\nkey = "cosign.pub"\n')
    assert not [line for line in problems(index) if line.startswith("cosign.pub")]
