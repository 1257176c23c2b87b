"""What the pages of one image show. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from generator.images import Image
from generator.record.index import Build, ImageIndex
from generator.record.merge import newest_release
from generator.record.packages import Contents
from generator.record.tags import exact_tag, pull_tag, version_of
from generator.render.story import Entry, current, entries, former_signers, signer
from generator.site.addresses import Key, build_names, image_folder
from generator.site.chart import Chart, chart

SHOWN = 100
"""So many builds stand on an image's own page; the years have pages of their own where there are more."""


@dataclass(frozen=True, slots=True)
class Row:
    """A build: its folder's `name`, the tags that point at it now, and the builds beside it on its track.

    `is_head` says whether upstream's own tag was last seen there.
    `retracted` are tags that are its own no more, with the reason of each.
    `former_signer` is who signed the build before, where that was not who signed this one.
    """

    name: str
    entry: Entry
    lines: tuple[str, ...]
    exact: tuple[str, ...]
    is_rebuild: bool
    tag: str | None
    is_head: bool
    former_signer: str | None
    retracted: Mapping[str, str]
    before: Build | None
    after: Build | None

    @property
    def build(self) -> Build:
        return self.entry.build

    @property
    def signer(self) -> str | None:
        return signer(self.build)

    @property
    def tags(self) -> tuple[str, ...]:
        return (*self.lines, *self.exact, *self.entry.unique)


@dataclass(frozen=True)
class ImageSite:
    """An image that has been refreshed."""

    image: Image
    index: ImageIndex
    contents: Contents

    @property
    def folder(self) -> str:
        return image_folder(self.index.name)

    @cached_property
    def names(self) -> Mapping[Key, str]:
        return build_names(self.index.builds)

    @cached_property
    def newest(self) -> Build | None:
        return newest_release(self.index.builds, self.image.tracks)

    @cached_property
    def rows(self) -> list[Row]:
        """Newest first."""
        builds = self.index.builds
        moving = {build.key: tags for of_track in current(self.index).values() for build, tags in of_track}
        before: dict[Key, Build] = {}
        after: dict[Key, Build] = {}
        last: dict[str, Build] = {}
        versions: set[tuple[str, str | None]] = set()
        rebuilds: set[Key] = set()
        for build in builds:
            if build.track in last:
                before[build.key] = last[build.track]
                after[last[build.track].key] = build
            last[build.track] = build
            if (build.track, build.version) in versions:
                rebuilds.add(build.key)
            versions.add((build.track, build.version))
        heads = self.index.tracks
        retracted: dict[str, dict[str, str]] = {}
        for tag, each in sorted(self.index.retracted.items()):
            retracted.setdefault(each.digest, {})[tag] = each.reason
        rows, former = [], former_signers(builds)
        for entry in entries(self.index, self.contents):
            build, tags = entry.build, moving.get(entry.build.key, [])
            version = version_of(build)
            exact = exact_tag(build, version) if version else None
            rows.append(
                Row(
                    name=self.names[build.key],
                    entry=entry,
                    lines=tuple(tag for tag in tags if tag != exact),
                    exact=tuple(tag for tag in tags if tag == exact),
                    is_rebuild=build.key in rebuilds,
                    tag=pull_tag(self.index.tags, build) or next(iter(tags or entry.unique), None),
                    is_head=build.track in heads and heads[build.track].digest == build.digest,
                    retracted=retracted.get(build.digest, {}),
                    former_signer=former.get(build.key),
                    before=before.get(build.key),
                    after=after.get(build.key),
                )
            )
        return rows

    @property
    def best(self) -> Row:
        """The build that most people are after: that of the newest version, or simply the newest that is there."""
        there = [row for row in self.rows if not row.build.gone] or self.rows
        return next((row for row in there if row.build is self.newest), there[0])

    @property
    def recent(self) -> list[Row]:
        return self.rows[:SHOWN]

    @cached_property
    def years(self) -> dict[int, list[Row]]:
        """The builds of each year, where they have a page of their own."""
        years: dict[int, list[Row]] = {}
        for row in self.rows if len(self.rows) > SHOWN else ():
            years.setdefault(row.build.seen.year, []).append(row)
        return years

    @cached_property
    def unknown(self) -> dict[str, list[Row]]:
        """The builds whose version is not known, by the reason."""
        reasons: dict[str, list[Row]] = {}
        for row in self.rows:
            if row.build.version is None:
                reason = row.build.unknown.reason if row.build.unknown else "no reason is recorded"
                reasons.setdefault(reason, []).append(row)
        return reasons

    @cached_property
    def retracted(self) -> list[tuple[Row, list[tuple[str, str]]]]:
        """The builds that have retracted tags, with each and its reason."""
        return [(row, list(row.retracted.items())) for row in self.rows if row.retracted]

    @cached_property
    def gone(self) -> list[tuple[Row, list[str]]]:
        """The builds that tags named last which cannot be pulled any more, with these tags."""
        tags: dict[str, list[str]] = {}
        for tag, each in sorted(self.index.gone.items()):
            tags.setdefault(each.digest, []).append(tag)
        return [(row, tags.pop(row.build.digest)) for row in self.rows if row.build.digest in tags]

    @cached_property
    def chart(self) -> Chart | None:
        return chart(self.index.builds)

    @property
    def updated(self) -> datetime:
        return self.index.builds[-1].seen
