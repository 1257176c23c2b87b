"""schema.json says what the documents are, and the documents are that."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from generator.record.index import Catalogue, ImageIndex, PackageLog, Summary, encode, schema
from tests.example import INDEX, ROOT
from tests.generator.conftest import Index

DOCUMENTS = sorted(INDEX.rglob("*.json"))
CATALOGUE = ROOT / "index"
SHAPES: dict[str, type[msgspec.Struct]] = {"index.json": ImageIndex, "packages.json": PackageLog}


def shape_of(path: Path) -> type[msgspec.Struct]:
    return Catalogue if (path.parent / "images.toml").exists() else SHAPES[path.name]


def validator(definition: str) -> Draft202012Validator:
    root = json.loads(schema())
    return Draft202012Validator({"$ref": f"#/$defs/{definition}", "$defs": root["$defs"]})


def relative(path: Path) -> str:
    return str(path.relative_to(INDEX))


GENERATED = [path for path in DOCUMENTS if path.name in SHAPES]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json.loads(schema()))
    assert json.loads(schema())["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert len(GENERATED) >= 7


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of every document, as `Build.digest`, with its schema."""
    for name, definition in json.loads(schema())["$defs"].items():
        for field, described in definition["properties"].items():
            yield f"{name}.{field}", described


def test_every_field_and_document_is_described() -> None:
    root = json.loads(schema())
    assert [name for name, definition in root["$defs"].items() if not definition["description"].endswith(".")] == []
    assert [name for name, described in fields() if not described.get("description", "").endswith(".")] == []


# What was there when schema 1 was first published.
FIRST = """
Auth.realm Auth.service Track.digest Track.since
Build.created Build.digest Build.mediaType Build.platforms Build.purl Build.sbom Build.seen Build.size Build.track
Build.version Sbom.digest Sbom.format Sbom.identity Sbom.kind Sbom.verified
Catalogue.images Catalogue.schema Catalogue.upstream
Summary.builds Summary.created Summary.digest Summary.frozen Summary.package Summary.refreshed Summary.repository
Summary.tags Summary.version
ImageIndex.auth ImageIndex.builds ImageIndex.name ImageIndex.package ImageIndex.repository ImageIndex.schema
ImageIndex.tags ImageIndex.tracks
Change.added Change.digest Change.removed Change.track PackageLog.builds PackageLog.name PackageLog.schema
"""


def test_schema_1_keeps_every_field_that_it_began_with() -> None:
    assert "Within schema 1 no field is taken away" in json.loads(schema())["description"]
    assert set(FIRST.split()) <= {name for name, _ in fields()}


@pytest.mark.parametrize("path", sorted((INDEX / "example").rglob("*.json")), ids=lambda path: relative(path))
def test_readers_ignore_fields_that_they_do_not_know(path: Path) -> None:
    document = json.loads(path.read_bytes())
    later = document | {"later": {}, "builds": [build | {"later": 1} for build in document["builds"]]}
    validator(shape_of(path).__name__).validate(later)
    shape = shape_of(path)
    assert msgspec.json.decode(json.dumps(later), type=shape) == msgspec.json.decode(path.read_bytes(), type=shape)


def test_the_committed_schema_is_the_one_of_the_code() -> None:
    assert (INDEX / "schema.json").read_bytes() == schema()


@pytest.mark.parametrize("path", GENERATED, ids=relative)
def test_the_committed_documents_are_valid(path: Path) -> None:
    document = json.loads(path.read_bytes())
    Draft202012Validator(json.loads(schema())).validate(document)
    validator(shape_of(path).__name__).validate(document)


def test_the_real_catalogue_is_valid() -> None:
    """The only test that reads `index/`: it belongs to whoever runs the schedule, and any refresh may change it."""
    for path in (path for path in CATALOGUE.rglob("*.json") if path.name in SHAPES):
        validator(shape_of(path).__name__).validate(json.loads(path.read_bytes()))


@pytest.mark.parametrize("path", GENERATED, ids=relative)
def test_a_document_read_and_written_is_the_same_to_the_byte(path: Path) -> None:
    data = path.read_bytes()
    assert encode(msgspec.json.decode(data, type=shape_of(path))) == data


def test_what_a_refresh_writes_is_valid_and_refers_to_itself(nginx: Index) -> None:
    nginx.refresh()
    for path, content in nginx.content().items():
        if Path(path).name in SHAPES:
            Draft202012Validator(json.loads(schema())).validate(json.loads(content))
    index = nginx.image("nginx")
    digests = {build.digest for build in index.builds}
    assert set(index.tags.values()) <= digests
    assert {track.digest for track in index.tracks.values()} <= digests
    assert encode(index) == nginx.content()["nginx/index.json"]


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"tags": {"1.0": "sha256:0"}},
        {"tags": {"-1": f"sha256:{'0' * 64}"}},
        {"builds": [{}]},
        {"repository": None},
    ],
)
def test_what_is_wrong_is_invalid(nginx: Index, change: dict[str, Any]) -> None:
    nginx.refresh()
    document = json.loads(nginx.content()["nginx/index.json"])
    assert validator("ImageIndex").is_valid(document)
    assert not validator("ImageIndex").is_valid(document | change)


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(names, names, max_size=5), names)
def test_any_document_is_written_in_one_way_and_read_back(images: dict[str, str], upstream: str) -> None:
    summaries = {name: Summary(repository=text, refreshed=False, frozen=True) for name, text in images.items()}
    catalogue = Catalogue(upstream=upstream, images=summaries)
    data = encode(catalogue)
    assert msgspec.json.decode(data, type=Catalogue) == catalogue
    assert json.loads(data)["upstream"] == upstream
    assert data == encode(Catalogue(upstream=upstream, images=dict(reversed(summaries.items()))))
