"""What is known of an image and what was newly learned, made into one record. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from msgspec import UNSET
from msgspec.structs import replace
from packageurl import PackageURL

from generator.document import printable
from generator.errors import BrokenIndexError
from generator.images import Image
from generator.record.index import Auth, Build, ImageIndex, Retracted, Settings, Summary, Track
from generator.record.tags import Tagged, pull_tag, tag, unique_tags


def merge_builds(known: Iterable[Build], learned: Iterable[Build]) -> tuple[Build, ...]:
    """Both, in canonical order. What was recorded stays; only what was unknown of a build is filled in."""
    builds = {build.key: build for build in known}
    for build in learned:
        held = builds.get(build.key)
        if held is None or (held.version is None and (build.version or build.sbom)):
            builds[build.key] = build
    return tuple(sorted(builds.values(), key=lambda build: build.order))


def merge_tracks(
    known: Mapping[str, Track],
    heads: Mapping[str, str],
    since: Mapping[str, datetime | None],
    builds: Iterable[Build],
) -> dict[str, Track]:
    """Where each track points. A track whose newest build could not be learned stays where it was."""
    recorded = {build.key for build in builds}
    tracks = dict(known)
    for track, digest in heads.items():
        if (track, digest) in recorded:
            tracks[track] = Track(digest=digest, since=since.get(track))
        elif track in tracks:
            tracks[track] = Track(digest=tracks[track].digest, since=None)
    return tracks


def image_index(
    *,
    name: str,
    repository: str,
    auth: Auth | None,
    tracks: Mapping[str, Track],
    watched: Iterable[str],
    builds: tuple[Build, ...],
    constraint: "re.Pattern[str] | None",
    before: ImageIndex | None = None,
    settings: Settings | None = None,
    private: bool = False,
    awaited: Collection[tuple[str, datetime]] = (),
) -> tuple[ImageIndex, Tagged]:
    """`before` is what was recorded so far, whose unique tags stay; `settings` is what the versions follow from."""
    retracted = _retracted(before, builds) if before else {}
    tagged = tag(builds, before.digests if before else {}, (*watched, *tracks), constraint, awaited, retracted)
    index = ImageIndex(
        name=name,
        repository=repository,
        package=main_package_name(builds, watched),
        auth=auth,
        tracks=dict(tracks),
        tags=tagged.tags,
        builds=builds,
        retracted=retracted,
        gone=tagged.gone,
        settings=settings,
        private=private,
    )
    return index, tagged


def _retracted(before: ImageIndex, builds: Iterable[Build]) -> dict[str, Retracted]:
    """The unique tags that were given for a version which is not their build's any more."""
    builds = tuple(builds)
    now = {build.key: build for build in builds}
    fitting = {(name, build.digest) for build in builds for name in unique_tags(build)}
    digests = {build.digest for build in builds}
    retracted = {name: each for name, each in before.retracted.items() if each.digest in digests}
    for old in before.builds:
        new = now.get(old.key)
        if new and (new.version, new.purl) != (old.version, old.purl):
            reason = f"its build is of {new.version or 'unknown version'}, not of {old.version or 'unknown version'}"
            given = (name for name in unique_tags(old) if before.digests.get(name) == old.digest)
            retracted |= {name: Retracted(digest=old.digest, reason=reason) for name in given}
    return {name: each for name, each in sorted(retracted.items()) if (name, each.digest) not in fitting}


def derived_again(
    index: ImageIndex,
    image: Image,
    corrected: tuple[tuple[Build, ...], Settings | None] | None = None,
) -> ImageIndex:
    """The same builds, or those `corrected` by other settings, with what follows from them and images.toml now.

    A unique tag that may not be given yet, as a build of its track is still to be learned, is not given by this either.
    """
    builds, settings = corrected or (index.builds, index.settings)
    again, _ = image_index(
        name=index.name,
        repository=index.repository,
        auth=index.auth,
        tracks=index.tracks,
        watched=image.tracks,
        builds=builds,
        before=index,
        settings=settings,
        private=image.private,
        constraint=image.constraint,
    )
    complete = {track for track, at in index.tracks.items() if at.since}
    withheld = {tag for build in again.builds if build.track not in complete for tag in unique_tags(build)}
    withheld -= index.digests.keys()
    return replace(
        again,
        tags={tag: digest for tag, digest in again.tags.items() if tag not in withheld},
        gone={tag: each for tag, each in again.gone.items() if tag not in withheld},
    )


def summarize(index: ImageIndex | None, image: Image) -> Summary:
    """Its entry in the catalogue; None is an image that was never refreshed."""
    private = image.private or UNSET
    if index is None:
        return Summary(repository=str(image.repository), refreshed=False, frozen=image.frozen, private=private)
    newest = newest_release(index.builds, image.tracks)
    return Summary(
        repository=index.repository,
        refreshed=True,
        frozen=image.frozen,
        private=private,
        package=index.package,
        version=newest.version if newest else None,
        digest=newest.digest if newest else None,
        tag=pull_tag(index.tags, newest) if newest else None,
        created=newest.created if newest else None,
        builds=len(index.builds),
        tags=len(index.tags),
    )


def newest_release(builds: Iterable[Build], watched: Iterable[str]) -> Build | None:
    """The newest build with a version, on the first track that has one; one that is gone only where all are."""
    versioned = [build for build in builds if build.version]
    known = [build for build in versioned if not build.gone] or versioned
    for track in watched:
        if on_track := [build for build in known if build.track == track]:
            return on_track[-1]
    return known[-1] if known else None


def main_package_name(builds: Iterable[Build], watched: Iterable[str]) -> str | None:
    newest = newest_release(builds, watched)
    try:
        return PackageURL.from_string(newest.purl).name if newest and newest.purl else None
    except ValueError as error:
        raise BrokenIndexError(f"{newest.digest if newest else ''}: {printable(error)}") from None
