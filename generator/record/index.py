"""The documents of the index, as they stand on disk (`index/schema.json` is made from these)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from generator.reference import DIGEST_PATTERN

SCHEMA: Final = 1

Digest = Annotated[str, Meta(pattern=DIGEST_PATTERN, description="Content digest, `sha256:<hex>` or `sha512:<hex>`.")]
Time = Annotated[datetime, Meta(tz=True, description="RFC 3339, UTC.")]
Tag = Annotated[str, Meta(pattern="^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$", description="A tag of the image.")]
Name = Annotated[str, Meta(description="Name of the image on the server; may hold slashes.")]
Count = Annotated[int, Meta(ge=0)]
Schema = Annotated[Literal[1], Meta(description="Version of the format; a reader refuses any other.")]


class Auth(Struct, frozen=True, kw_only=True):
    """Where anonymous tokens for the repository come from."""

    realm: Annotated[str, Meta(description="URL of the upstream's token endpoint.")]
    service: Annotated[str | None, Meta(description="`service` to ask it with.")]


class Track(Struct, frozen=True, kw_only=True):
    """A tag of the upstream that is watched."""

    digest: Annotated[Digest, Meta(description="What the tag pointed at when it was last seen to move.")]
    since: Annotated[
        Time | None,
        Meta(description="Every build from then on is known; null while the history is incomplete."),
    ]


Kind = Literal["buildkit", "cosign-attestation", "cosign-sbom", "referrer", "label"]
FormatName = Literal["spdx", "cyclonedx", "apko", "slsa", "label"]


class Sbom(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The attachment that a build's version and packages were read from."""

    kind: Annotated[Kind, Meta(description="Where the registry keeps it.")]
    format: Annotated[FormatName, Meta(description="What kind of document it is.")]
    digest: Annotated[Digest, Meta(description="Digest of the attached blob, wrapping included.")]
    verified: Annotated[bool, Meta(description="Whether its signature was verified.")]
    identity: Annotated[
        str | None,
        Meta(description="Who signed it, where verified: a certificate's subject, or `key:sha256:<hex>` of a key."),
    ]
    issuer: Annotated[str | None, Meta(description="Who vouched for that identity (OpenID); absent for a key.")] = None


class Unknown(Struct, frozen=True, kw_only=True):
    """Why a build's version could not be told; builds with the same reason have the same text."""

    reason: Annotated[str, Meta(description="One line, without anything that differs from build to build.")]
    candidates: Annotated[
        tuple[str, ...], Meta(description="Packages that would fit, as packages.json writes them, likeliest first.")
    ]


class Build(Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"media_type": "mediaType"}):
    """One build that a track pointed at."""

    digest: Annotated[Digest, Meta(description="Digest of the image index, or of the image if there is no index.")]
    media_type: Annotated[str, Meta(description="Media type of what `digest` names.")]
    size: Annotated[Count, Meta(description="Size of that manifest in bytes.")]
    track: Annotated[Tag, Meta(description="The upstream tag that pointed at it.")]
    version: Annotated[str | None, Meta(description="Version of the main package; null if it could not be told.")]
    purl: Annotated[str | None, Meta(description="Package URL of the main package.")]
    created: Annotated[Time | None, Meta(description="When the image was made, as it says itself.")]
    seen: Annotated[Time, Meta(description="When the track began to point at it.")]
    platforms: Annotated[
        dict[str, Digest], Meta(description="The image of each platform, `os/architecture[/variant]`.")
    ]
    sbom: Annotated[Sbom | None, Meta(description="What the version was read from.")]
    label: Annotated[
        str | None, Meta(description="The main package by the image's own label, where that is about this image.")
    ] = None
    unknown: Annotated[Unknown | None, Meta(description="Why the version is unknown; absent where it is known.")] = None
    gone: Annotated[Time | None, Meta(description="Since when the upstream no longer has it; absent where it has.")] = (
        None
    )

    @property
    def has_packages(self) -> bool:
        """Whether packages.json has its packages: what was read of it lists some, and is not a label alone."""
        return self.sbom is not None and self.sbom.kind != "label"

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other build of its image: the same digest may stand on several tracks."""
        return self.track, self.digest

    @property
    def order(self) -> tuple[datetime, str, str]:
        """Its place among the builds of its image, the one that became current first before all others."""
        return self.seen, self.track, self.digest


class Retracted(Struct, frozen=True, kw_only=True):
    """A unique tag that named a version which turned out not to be its build's."""

    digest: Annotated[Digest, Meta(description="The build that it points at, as ever.")]
    reason: Annotated[str, Meta(description="What the build is instead; one line.")]


class Gone(Struct, frozen=True, kw_only=True):
    """A tag of whose builds the upstream has none any more."""

    digest: Annotated[Digest, Meta(description="The build that it would point at.")]
    since: Annotated[Time, Meta(description="Since when that build is gone.")]


class Settings(Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"version_label": "version-label"}):
    """What images.toml said of an image when its versions were derived."""

    package: Annotated[str | None, Meta(description="`package` of images.toml.")] = None
    version_label: Annotated[str | None, Meta(description="`version-label` of images.toml.")] = None


class ImageIndex(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`<image>/index.json`: all that is known of one image."""

    schema: Schema = field(default_factory=lambda: SCHEMA)
    name: Name
    repository: Annotated[str, Meta(description="Where the image lives upstream, `host[:port]/path`.")]
    package: Annotated[str | None, Meta(description="Main package of the newest build.")]
    auth: Annotated[Auth | None, Meta(description="Null where the upstream is read without any token.")]
    tracks: Annotated[dict[Tag, Track], Meta(description="The watched tags that the upstream has.")]
    tags: Annotated[dict[Tag, Digest], Meta(description="Every tag that is served, and the build that it points at.")]
    builds: Annotated[tuple[Build, ...], Meta(description="In the order in which they were current, oldest first.")]
    retracted: Annotated[
        dict[Tag, Retracted], Meta(description="Tags that turned out wrong: answered as ever, and in no list.")
    ] = {}
    gone: Annotated[dict[Tag, Gone], Meta(description="Tags that cannot be pulled any more: in no list.")] = {}
    private: Annotated[
        bool, Meta(description="Whether nothing of it may be told to who cannot read it upstream; absent where not.")
    ] = False
    settings: Annotated[
        Settings | None, Meta(description="By what the versions were derived; absent where images.toml said nothing.")
    ] = None

    @property
    def digests(self) -> dict[str, str]:
        """Every tag that was ever given, and the build that it points at: also those that are not listed."""
        gone = {tag: each.digest for tag, each in self.gone.items()}
        return gone | {tag: each.digest for tag, each in self.retracted.items()} | self.tags


class Summary(Struct, frozen=True, kw_only=True):
    """An image in the catalogue."""

    repository: Annotated[str, Meta(description="Where the image lives upstream, `host[:port]/path`.")]
    refreshed: Annotated[bool, Meta(description="False while the image has no file of its own yet.")]
    frozen: Annotated[bool, Meta(description="Whether it is kept as it is and no longer refreshed.")]
    package: Annotated[str | None, Meta(description="Main package of the newest build.")] = None
    version: Annotated[str | None, Meta(description="Newest version on the first track that has one.")] = None
    digest: Annotated[Digest | None, Meta(description="The build of that version.")] = None
    tag: Annotated[Tag | None, Meta(description="The tag to pull it by.")] = None
    created: Annotated[Time | None, Meta(description="When that build was made, as it says itself.")] = None
    builds: Annotated[Count, Meta(description="How many builds are recorded.")] = 0
    tags: Annotated[Count, Meta(description="How many tags are served.")] = 0
    private: Annotated[bool, Meta(description="As in its index.json; absent where not.")] | UnsetType = UNSET


class Catalogue(Struct, frozen=True, kw_only=True):
    """`index.json`: every image."""

    schema: Schema = SCHEMA
    upstream: Annotated[str, Meta(description="Where images live that are not in the index.")]
    images: Annotated[dict[Name, Summary], Meta(description="Every image of images.toml.")]


_Packages = tuple[Annotated[str, Meta(pattern="^[a-z]+/[\x21-\x7e]+@[\x21-\x7e]+$")], ...]


class Change(Struct, frozen=True, kw_only=True):
    """What a build's packages are, as against the entry before it with the same track."""

    track: Annotated[Tag, Meta(description="The upstream tag that pointed at the build.")]
    digest: Annotated[Digest, Meta(description="Digest of the build, as in index.json.")]
    added: Annotated[_Packages, Meta(description="Package URLs without `pkg:` and qualifiers, sorted.")]
    removed: Annotated[_Packages, Meta(description="Likewise; a package at another version is removed and added.")]


class PackageLog(Struct, frozen=True, kw_only=True):
    """`<image>/packages.json`: apply the changes of one track in order to have each build's packages."""

    schema: Schema = SCHEMA
    name: Name
    builds: Annotated[
        tuple[Change, ...], Meta(description="In the order of the image's builds; those with an SBOM only.")
    ]


def encode(document: Struct) -> bytes:
    """Sorted keys, one line for each entry of a top-level map or list: a new build is one new line in git."""
    fields = msgspec.to_builtins(document, builtin_types=())
    return (_block("{}", (f"{_compact(key)}: {_value(fields[key])}" for key in sorted(fields)), "") + "\n").encode()


def _value(value: object) -> str:
    if isinstance(value, dict) and value:
        return _block("{}", (f"{_compact(key)}: {_compact(value[key])}" for key in sorted(value)), "  ")
    if isinstance(value, list | tuple) and value:
        return _block("[]", map(_compact, value), "  ")
    return _compact(value)


def _block(brackets: str, entries: Iterable[str], indent: str) -> str:
    lines = ",\n".join(f"{indent}  {entry}" for entry in entries)
    return f"{brackets[0]}\n{lines}\n{indent}{brackets[1]}"


def _compact(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def utc(moment: datetime) -> datetime:
    """In UTC: one moment is always written in one way."""
    return moment.astimezone(UTC)


_PROMISE = """\
Catalogue: index.json. ImageIndex: <image>/index.json. PackageLog: <image>/packages.json. \
Within schema 1 no field is taken away, renamed, or given another type or meaning; a recorded build is never removed; \
its version, purl, sbom, label and unknown are filled in where the version was unknown, and put right where `settings` \
has changed; its gone comes and goes with the upstream; nothing else of it ever changes. A tag that names its build's \
minute or second never moves: where its version turned out wrong, it is in retracted instead of tags, at the same \
digest, and where its build is gone, in gone. Fields, files, and values of `kind` and `format` may be added: a reader \
ignores what it does not know. Whatever cannot keep to this is another schema."""


def schema() -> bytes:
    """JSON Schema 2020-12 of every document, from the types above."""
    documents = (Catalogue, ImageIndex, PackageLog)
    schemas, definitions = msgspec.json.schema_components(documents, ref_template="#/$defs/{name}")
    root = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The index of reverse-registry",
        "description": _PROMISE,
        "anyOf": list(schemas),
        "$defs": definitions,
    }
    return msgspec.json.format(msgspec.json.encode(root, order="sorted"), indent=2) + b"\n"
