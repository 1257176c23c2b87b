"""What may become of a recorded build: its version is put right where rules or images.toml say otherwise. Pure."""

from collections import Counter
from collections.abc import Iterable

from msgspec.structs import fields, replace

from generator.images import Image
from generator.record.index import Build, ImageIndex, Settings

UNKNOWN = "unknown version"
DERIVED = ("version", "purl", "sbom", "label", "unknown")


def corrected(recorded: Build, learned: Build) -> Build:
    """A recorded build with the version that was learned anew. What no SBOM is found for any more stays as it was."""
    if learned.version is None and learned.sbom is None:
        return recorded
    return replace(recorded, **{field: getattr(learned, field) for field in DERIVED})


def verified(recorded: Build, learned: Build) -> Build:
    """A recorded build with who signed for it, where a signed SBOM says just what is recorded of it."""
    is_same = (learned.version, learned.purl) == (recorded.version, recorded.purl)
    return replace(recorded, sbom=learned.sbom) if is_same and became_verified(recorded, learned) else recorded


def became_verified(recorded: Build, now: Build) -> bool:
    """Whether nobody was known to have signed for it, and now somebody is."""
    was, is_ = recorded.sbom, now.sbom
    return was is not None and not was.verified and is_ is not None and is_.verified


def unlawful(recorded: Build, now: Build, *, was_corrected: bool, must_be_signed: bool) -> list[str]:
    """The fields, as the index names them, in which a build may not have become another.

    `was_corrected`: its image's settings are others. `must_be_signed`: images.toml says by whom.
    """
    lawful = set(DERIVED) if recorded.version is None or was_corrected else set()
    if must_be_signed and became_verified(recorded, now):
        lawful.add("sbom")
    if recorded.gone is None or now.gone is None:
        lawful.add("gone")  # it comes and goes; since when, does not change
    changed = (field for field in fields(Build) if getattr(recorded, field.name) != getattr(now, field.name))
    return [field.encode_name for field in changed if field.name not in lawful]


def settings_of(image: Image) -> Settings | None:
    """What of images.toml decides on versions; None where it says nothing of that."""
    settings = Settings(package=image.package, version_label=image.version_label)
    return settings if settings != Settings() else None


def changed_versions(before: ImageIndex, after: Iterable[Build]) -> list[tuple[Build, Build]]:
    """The builds whose version is another now, as they were and as they are."""
    now = {build.key: build for build in after}
    pairs = ((old, now[old.key]) for old in before.builds if old.key in now)
    return [(old, new) for old, new in pairs if (old.version, old.purl) != (new.version, new.purl)]


def count_by_version(corrections: Iterable[tuple[Build, Build]]) -> list[tuple[int, str, str]]:
    """How many builds went from which version to which, newest first."""
    counts = Counter((old.version or UNKNOWN, new.version or UNKNOWN) for old, new in corrections)
    return [(count, was, is_) for (was, is_), count in reversed(counts.items())]
