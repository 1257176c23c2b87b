"""What puts a refresh on disk: an image as soon as it is known, and at the end all that follows from every image."""

import contextlib
from collections import Counter
from collections.abc import Mapping
from time import monotonic

from msgspec.structs import replace

from generator.errors import BrokenIndexError, StorageError
from generator.images import Image, Images
from generator.record.correction import became_verified, changed_versions, settings_of
from generator.record.index import Build, Catalogue, ImageIndex, Summary, Track, encode, schema
from generator.record.merge import derived_again, image_index, merge_builds, merge_tracks, summarize
from generator.record.packages import compact, expand
from generator.record.recorded import Recorded
from generator.record.stamps import FILE as STAMPS
from generator.record.stamps import Stamps, program, source_stamp, stamp
from generator.record.store import Store
from generator.refresh.correct import derive_again, unreadable
from generator.refresh.image import ImageRefresh, line
from generator.refresh.observe import Observation
from generator.refresh.outcome import Outcome
from generator.render.pages import render_catalogue, render_image
from generator.trust.policy import Signer

_REST = 20
_MOST_REFUSED = 1000


class Recorder:
    """Writes nothing where `write` is false, and knows all the same what would be new.

    `unasked` are the images that were put right with nobody asking the upstream.
    """

    def __init__(self, store: Store, images: Images, *, write: bool) -> None:
        self._store = store
        self._images = images
        self._write = write
        self._summaries: dict[str, Summary] = {}
        self._stamps: dict[str, str] = {}
        self._absent: set[str] = set()
        self._refused: dict[str, tuple[str, ...]] = {}
        self.unasked: list[Outcome] = []
        self._dirty: dict[str, ImageIndex] = {}
        self._rendered: set[str] = set()
        self._settled: set[str] = set()
        self._published = self._cost = 0.0

    def recall(self) -> None:
        """What the last run left, as far as it can be read: all of it can be made again."""
        if self._write:
            self._store.sweep(["", *self._images.images])
        with contextlib.suppress(BrokenIndexError):
            catalogue, stamps = self._store.document("index.json", Catalogue), self._store.document(STAMPS, Stamps)
            if catalogue and stamps:
                self._stamps, self._summaries = stamps.images, catalogue.images
                self._absent = {*stamps.absent} & {*self._images.images}
                if stamps.program == program():
                    self._refused = {name: each for name, each in stamps.refused.items() if name in self._images.images}

    def refused(self, name: str) -> frozenset[str]:
        """The marks of the documents that the last refresh read of an image in vain."""
        return frozenset(self._refused.get(name, ()))

    def save(self, work: ImageRefresh, *, finished: bool) -> None:
        """Records what has been learned of an image so far. Raises `StorageError`."""
        if work.observation is None:
            self._note_absence(work.outcome)
            return
        self._absent.discard(work.image.name)
        if finished and not work.awaited:
            passed_over = work.refused if work.observation.passed_over else frozenset()
            self._refused[work.image.name] = tuple(sorted(work.still_refused | passed_over)[:_MOST_REFUSED])
        if self._is_settled(work, work.observation):
            self._settled.add(work.image.name)
            return
        try:
            self._record(work, work.observation, finished)
            self.publish_progress()
        except StorageError:
            raise
        except Exception as error:
            if finished:
                work.outcome.errors.append(line(error))

    def _note_absence(self, outcome: Outcome) -> None:
        """That the upstream has lost an image fails the first refresh that finds it out; the next ones only say so."""
        name = outcome.image.name
        if not outcome.is_absent:
            return
        if name in self._absent:
            outcome.notes += [
                f"still not upstream: {error}; take it out of images.toml, or keep what is recorded with frozen = true"
                for error in outcome.errors
            ]
            outcome.errors.clear()
        self._absent.add(name)

    def _is_settled(self, work: ImageRefresh, observation: Observation) -> bool:
        """Whether there is nothing to record."""
        recorded = work.recorded
        if recorded is None or observation.builds or not work.is_fresh:
            return False
        tracks = {
            track: Track(digest=head.digest, since=observation.since[track])
            for track, head in observation.heads.items()
        }
        return recorded.auth == work.auth and tracks.items() <= recorded.tracks.items()

    def is_fresh(self, recorded: Recorded, name: str) -> bool:
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
        learned = {each.build.key: each.build for each in work.learned}
        recorded = derive_again(known, image, contents, learned) if known else []
        heads = {track: head.digest for track, head in observation.heads.items()}
        builds = _there_again(merge_builds(recorded, learned.values()), heads)
        sources = {build.key: build.sbom for build in builds}
        contents |= {
            each.build.key: each.packages
            for each in work.learned
            if each.packages is not None and sources[each.build.key] == each.build.sbom
        }
        keys = {build.key for build in builds}
        unread = {(each.track, each.digest) for each in work.awaited} & keys
        awaited = [(each.track, each.at) for each in work.awaited if (each.track, each.digest) not in keys]
        incomplete = {track for track, _ in awaited}
        since = {track: None if track in incomplete else at for track, at in observation.since.items()}
        index, tagged = image_index(
            name=image.name,
            repository=str(image.repository),
            auth=work.auth,
            tracks=merge_tracks(known.tracks if known else {}, heads, since, builds),
            watched=image.tracks,
            builds=builds,
            before=known,
            settings=known.settings if known and unread else settings_of(image),
            private=image.private,
            constraint=image.constraint,
            awaited=awaited,
        )
        work.unsaved = 0
        if finished:
            before = {build.key for build in known.builds} if known else set()
            work.outcome.new = [build for build in builds if build.key not in before]
            work.outcome.corrected = changed_versions(known, builds) if known else []
            work.outcome.notes += tagged.warnings
            work.outcome.notes += _now_verified(known, builds) if known else []
        if self._write and builds:
            self._store.write(f"{image.name}/packages.json", compact(image.name, builds, contents))
            self._store.write(f"{image.name}/index.json", index)
            self._dirty[image.name] = index
            self._rendered.discard(image.name)

    def publish_progress(self) -> None:
        """The pages and the catalogue of what was recorded so far: what is killed now is whole all the same.

        Not after every image: it takes a twentieth of the time.
        """
        if self._write and self._dirty and monotonic() - self._published >= _REST * self._cost:
            for name in tuple(self._dirty):
                self._render(name)
            self._write_catalogue()

    def publish(self) -> None:
        """The catalogue and the pages, from what is on disk; an image whose files are broken keeps no other's away."""
        if not self._write:
            return
        broken: BrokenIndexError | None = None
        for name, image in sorted(self._images.images.items()):
            try:
                self._bring_up_to_date(name, image)
            except BrokenIndexError as error:
                self._forget(name)
                broken = error
        self._write_catalogue()
        if broken:
            raise broken

    def _bring_up_to_date(self, name: str, image: Image) -> None:
        if name in self._dirty:
            self._render(name)
        elif name not in self._settled and name not in self._rendered:
            recorded = Recorded.of(self._store, image)
            if recorded is None:
                self._forget(name)
            elif not self.is_fresh(recorded, name):
                self._dirty[name] = self._derive_again(recorded.index, image)
                self._render(name)

    def _render(self, name: str) -> None:
        index, image = self._dirty.pop(name), self._images.images[name]
        contents = expand(self._store.packages(name))
        for page, text in render_image(index, image.tracks, contents, image.address).items():
            self._store.write(f"{name}/{page}", text)
        self._summaries[name] = summarize(index, image)
        self._stamps[name] = stamp(source_stamp(image, encode(index)), self._summaries[name])
        self._rendered.add(name)

    def _forget(self, name: str) -> None:
        self._summaries.pop(name, None)
        self._stamps.pop(name, None)

    def _write_catalogue(self) -> None:
        """The stamps come last: what they are stamps of has been written."""
        began = monotonic()
        images = self._images.images
        summaries = {name: self._summaries.get(name) or summarize(None, image) for name, image in images.items()}
        catalogue = Catalogue(upstream=str(self._images.upstream), images=summaries)
        self._store.write("schema.json", schema())
        self._store.write("index.json", catalogue)
        self._store.write("README.md", render_catalogue(catalogue, self._images.address, self._images.site))
        stamps = {name: self._stamps[name] for name in images if name in self._stamps}
        absent, refused = tuple(sorted(self._absent)), {name: each for name, each in self._refused.items() if each}
        self._store.write(STAMPS, Stamps(program=program(), images=stamps, absent=absent, refused=refused))
        self._published = monotonic()
        self._cost = self._published - began

    def _derive_again(self, index: ImageIndex, image: Image) -> ImageIndex:
        """For an image that is frozen, failed or was not asked for: images.toml may have changed all the same."""
        contents = expand(self._store.packages(image.name))
        builds = merge_builds(derive_again(index, image, contents, {}), ())
        settings = index.settings if unreadable(index, image) else settings_of(image)
        again = derived_again(index, image, (builds, settings))
        if corrected := changed_versions(index, builds):
            self.unasked.append(Outcome(image, corrected=corrected))
        self._store.write(f"{image.name}/index.json", again)
        return again


def _there_again(builds: tuple[Build, ...], heads: Mapping[str, str]) -> tuple[Build, ...]:
    """A build that a tag points at is not gone, whatever was found before."""
    there = set(heads.values())
    return tuple(replace(build, gone=None) if build.gone and build.digest in there else build for build in builds)


def _now_verified(known: ImageIndex, builds: tuple[Build, ...]) -> list[str]:
    """By whom, and how many."""
    before = {build.key: build for build in known.builds}
    signed = [each for each in builds if each.key in before and became_verified(before[each.key], each) and each.sbom]
    by = Counter(str(Signer(each.sbom.identity or "", each.sbom.issuer or "")) for each in signed if each.sbom)
    return [f"{count} recorded before: verified, signed by {signer}" for signer, count in sorted(by.items())]
