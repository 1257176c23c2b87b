"""What puts a refresh on disk: an image as soon as it is known, and at the end all that follows from every image."""

import contextlib

from generator.errors import BrokenIndexError, StorageError
from generator.images import Image, Images
from generator.record.index import Catalogue, ImageIndex, Summary, Track, encode, schema
from generator.record.merge import derived_again, image_index, merge_builds, merge_tracks, summarize
from generator.record.packages import compact, expand
from generator.record.recorded import Recorded
from generator.record.stamps import FILE as STAMPS
from generator.record.stamps import Stamps, program, source_stamp, stamp
from generator.record.store import Store
from generator.refresh.image import ImageRefresh, line
from generator.refresh.learn import learn_again
from generator.refresh.observe import Observation
from generator.render.pages import render_catalogue, render_image


class Recorder:
    """Writes nothing where `write` is false, and knows all the same what would be new."""

    def __init__(self, store: Store, images: Images, *, write: bool) -> None:
        self._store = store
        self._images = images
        self._write = write
        self._summaries: dict[str, Summary] = {}
        self._stamps: dict[str, str] = {}
        self._derived: set[str] = set()
        self._settled: set[str] = set()

    def recall(self) -> None:
        """What the last run left, as far as it can be read: all of it can be made again."""
        if self._write:
            self._store.sweep(["", *self._images.images])
        with contextlib.suppress(BrokenIndexError):
            catalogue, stamps = self._store.document("index.json", Catalogue), self._store.document(STAMPS, Stamps)
            if catalogue and stamps:
                self._stamps, self._summaries = stamps.images, catalogue.images

    def save(self, work: ImageRefresh, *, finished: bool) -> None:
        """Records what has been learned of an image so far. Raises `StorageError`."""
        if work.observation is None:
            return
        if self._is_settled(work, work.observation):
            self._settled.add(work.image.name)
            return
        try:
            self._record(work, work.observation, finished)
        except StorageError:
            raise
        except Exception as error:
            if finished:
                work.outcome.errors.append(line(error))

    def _is_settled(self, work: ImageRefresh, observation: Observation) -> bool:
        """Whether there is nothing to record."""
        recorded = work.recorded
        if recorded is None or observation.builds or not self._is_fresh(recorded, work.image.name):
            return False
        tracks = {
            track: Track(digest=head.digest, since=observation.since[track])
            for track, head in observation.heads.items()
        }
        return recorded.auth == work.auth and tracks.items() <= recorded.tracks.items()

    def _is_fresh(self, recorded: Recorded, name: str) -> bool:
        """Whether tags, pages and catalogue are already what this program makes of the image's index.json."""
        summary, folder = self._summaries.get(name), self._store.folder / name
        if summary is None or not summary.refreshed or self._stamps.get(name) != stamp(recorded.source_stamp, summary):
            return False
        return (folder / "README.md").exists() and (folder / "packages.json").exists()

    def _record(self, work: ImageRefresh, observation: Observation, finished: bool) -> None:
        image, known = work.image, work.recorded.index if work.recorded else None
        contents = expand(self._store.packages(image.name))
        if known and not contents and any(build.has_packages for build in known.builds):
            raise BrokenIndexError(f"{image.name}/packages.json: is missing; restore it from git")
        recorded = [
            learn_again(build, contents[build.key], image)
            if image.package and build.version is None and build.key in contents
            else build
            for build in (known.builds if known else ())
        ]
        builds = merge_builds(recorded, (each.build for each in work.learned))
        contents |= {e.build.key: e.packages for e in work.learned if e.packages is not None}
        keys = {build.key for build in builds}
        awaited = [(each.track, each.at) for each in work.awaited if (each.track, each.digest) not in keys]
        incomplete = {track for track, _ in awaited}
        since = {track: None if track in incomplete else at for track, at in observation.since.items()}
        heads = {track: head.digest for track, head in observation.heads.items()}
        index, tagged = image_index(
            name=image.name,
            repository=str(image.repository),
            auth=work.auth,
            tracks=merge_tracks(known.tracks if known else {}, heads, since, builds),
            watched=image.tracks,
            builds=builds,
            published=known.tags if known else {},
            constraint=image.constraint,
            awaited=awaited,
        )
        work.unsaved = 0
        if finished:
            before = {build.key for build in known.builds} if known else set()
            work.outcome.new = [build for build in builds if build.key not in before]
            work.outcome.notes += tagged.warnings
        if self._write and builds:
            self._store.write(f"{image.name}/packages.json", compact(image.name, builds, contents))
            self._store.write(f"{image.name}/index.json", index)
            self._derived.add(image.name)

    def publish(self) -> None:
        """The catalogue and the pages, from what is on disk; an image whose files are broken keeps no other's away.

        The stamps come last: what they are stamps of has been written.
        """
        if not self._write:
            return
        summaries: dict[str, Summary] = {}
        stamps: dict[str, str] = {}
        broken: BrokenIndexError | None = None
        for name, image in sorted(self._images.images.items()):
            summaries[name] = _summary(image, None)
            try:
                recorded = None if name in self._settled else Recorded.of(self._store, image)
                if name in self._settled or (recorded and name not in self._derived and self._is_fresh(recorded, name)):
                    summaries[name], stamps[name] = self._summaries[name], self._stamps[name]
                elif recorded:
                    index = recorded.index if name in self._derived else self._derive_again(recorded.index, image)
                    self._render(index, image)
                    summaries[name] = _summary(image, index)
                    stamps[name] = stamp(source_stamp(image, encode(index)), summaries[name])
            except BrokenIndexError as error:
                broken = error
        catalogue = Catalogue(upstream=str(self._images.upstream), images=summaries)
        self._store.write("schema.json", schema())
        self._store.write("index.json", catalogue)
        self._store.write("README.md", render_catalogue(catalogue, self._images.address, self._images.site))
        self._store.write(STAMPS, Stamps(program=program(), images=stamps))
        if broken:
            raise broken

    def _derive_again(self, index: ImageIndex, image: Image) -> ImageIndex:
        """For an image that is frozen, failed or was not asked for: images.toml may have changed all the same."""
        again = derived_again(index, image.tracks, image.constraint)
        self._store.write(f"{image.name}/index.json", again)
        return again

    def _render(self, index: ImageIndex, image: Image) -> None:
        contents = expand(self._store.packages(image.name))
        for page, text in render_image(index, image.tracks, contents, image.address).items():
            self._store.write(f"{image.name}/{page}", text)


def _summary(image: Image, index: ImageIndex | None) -> Summary:
    if index is None:
        return Summary(repository=str(image.repository), refreshed=False, frozen=image.frozen)
    return summarize(index, image.tracks, frozen=image.frozen)
