"""Which build a tag or digest is, and why (the rules are those of `generator.record.tags`)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from generator.document import printable
from generator.errors import BrokenIndexError, ConfigurationError
from generator.query.reference import Reference, closest
from generator.record.index import Build, ImageIndex
from generator.record.tags import exact_tag, line_tags, unique_tags, version_of

Rule = Literal["digest", "platform", "retracted", "track", "unique", "exact", "line"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """`digest` is what was asked for: the build's, or one of its platforms'; `pull` has it as clients take it.

    `why` is a sentence and `rule` the same for programs; `tags` are all that point at the build now.
    """

    image: str
    repository: str
    digest: str
    rule: Rule
    why: str
    tags: tuple[str, ...]
    build: Build

    @property
    def pull(self) -> str:
        """What a client takes to pull it from upstream."""
        return f"{self.repository}@{self.digest}"


def resolve(index: ImageIndex, wanted: Reference, constraint: "re.Pattern[str] | None" = None) -> Resolution:
    """Raises `ConfigurationError` with the closest tags where there is no such build.

    A digest may be cut short, as tables show it, while that is the beginning of one only.
    """
    if wanted.digest:
        return _held(index, wanted)
    digest = _tagged(index, wanted)
    try:
        rule, why, build = _why(index, wanted.tag, digest, constraint)
    except (LookupError, ValueError, StopIteration):
        raise BrokenIndexError(f"{wanted} does not follow from the builds: run `reverse-registry check`") from None
    return Resolution(index.name, index.repository, digest, rule, why, tags_of(index, digest), build)


def holding(index: ImageIndex, digest: str) -> Iterator[Resolution]:
    """The newest build with each digest that begins like this, its own or that of a platform."""
    beginnings = digest, f"sha256:{digest}"
    found: dict[str, Resolution] = {}
    for build in index.builds:
        tags = tags_of(index, build.digest)
        for platform, of_platform in build.platforms.items():
            if of_platform.startswith(beginnings) and of_platform != build.digest:
                why = f"the {platform} image of this build"
                found[of_platform] = Resolution(index.name, index.repository, of_platform, "platform", why, tags, build)
        if build.digest.startswith(beginnings):
            why = "a digest is the same build for ever"
            found[build.digest] = Resolution(index.name, index.repository, build.digest, "digest", why, tags, build)
    yield from found.values()


def _held(index: ImageIndex, wanted: Reference) -> Resolution:
    found = list(holding(index, wanted.digest))
    if len(found) != 1:
        what = f"{len(found)} builds and platforms that begin with" if found else "no build"
        raise ConfigurationError(f"{index.name} has {what} {printable(wanted.digest)}")
    return found[0]


def tags_of(index: ImageIndex, digest: str) -> tuple[str, ...]:
    """What points at a build now, upstream's own tags included; shortest first."""
    tags = {track for track, at in index.tracks.items() if at.digest == digest}
    tags.update(tag for tag, at in index.tags.items() if at == digest)
    return tuple(sorted(tags, key=lambda tag: (len(tag), tag)))


def _tagged(index: ImageIndex, wanted: Reference) -> str:
    if wanted.tag in index.tracks:
        return index.tracks[wanted.tag].digest
    if wanted.tag in index.retracted:
        return index.retracted[wanted.tag].digest
    if gone := index.gone.get(wanted.tag):
        raise ConfigurationError(
            f"{wanted} is gone: upstream no longer has {gone.digest}, since {gone.since:%Y-%m-%d} at the latest"
        )
    if wanted.tag not in index.tags:
        known = {*index.tags, *index.tracks}
        raise ConfigurationError(f"{index.name} has no tag {printable(wanted.tag)}{closest(wanted.tag, known)}")
    return index.tags[wanted.tag]


def _why(index: ImageIndex, tag: str, digest: str, constraint: "re.Pattern[str] | None") -> tuple[Rule, str, Build]:
    of_digest = [build for build in index.builds if build.digest == digest]
    if retracted := index.retracted.get(tag):
        why = f"a tag that was wrong, in no list any more, and still answered: {retracted.reason}"
        return "retracted", why, of_digest[-1]
    if tag in index.tracks:
        build = next(build for build in of_digest if build.track == tag)
        return "track", f"the upstream's own tag, which moved to this build on {build.seen:%Y-%m-%d}", build
    bearers = {
        (rule, line): [build for build in index.builds if (rule, line, tag) in set(_names(build, constraint))]
        for each in of_digest
        for rule, line, name in _names(each, constraint)
        if name == tag
    }
    rule, line = next(key for order in ("unique", "exact", "line") for key in bearers if key[0] == order)
    builds = bearers[rule, line]
    build = next(build for build in builds if build.digest == digest)
    if rule == "unique":
        return rule, "the tag of this build alone, which never moves", build
    if rule == "exact":
        count = f"the newest of {len(builds)} builds" if len(builds) > 1 else "the only build so far"
        return rule, f"{count} of exactly {line} on {build.track}; it moves when that is built anew", build
    versions = {version.text: version for each in builds if (version := version_of(each))}
    shown = ", ".join(sorted(versions, key=versions.__getitem__)[-5:])
    count = f"the highest of {len(versions)} versions" if len(versions) > 1 else "the only version so far"
    most = f"the last are {shown}" if len(versions) > 5 else shown
    return rule, f"{count} in line {line} on {build.track} ({most}); it moves when a higher one appears", build


def _names(build: Build, constraint: "re.Pattern[str] | None") -> Iterator[tuple[Rule, str, str]]:
    """The tags that a build may bear: the rule, what the rule is about, and the tag."""
    version = version_of(build)
    yield from (("unique", build.digest, tag) for tag in unique_tags(build))
    if version and (constraint is None or constraint.search(version.text)):
        yield "exact", version.text, exact_tag(build, version)
        yield from (("line", line, tag) for line, tag in line_tags(build, version).items())
