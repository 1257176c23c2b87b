"""One image in the course of a refresh: what was observed and learned of it so far."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from generator.errors import ReverseRegistryError, TransientError, UpstreamError
from generator.images import Image
from generator.record.correction import settings_of
from generator.record.index import Auth, Build
from generator.record.recorded import Recorded
from generator.refresh.correct import unreadable, unverified
from generator.refresh.learn import Learned, learn
from generator.refresh.observe import BuildReference, Observation, observe
from generator.refresh.outcome import Outcome
from generator.resolve.refused import Refused
from generator.trust.policy import Verifier
from generator.upstream import Client

_MOST_FAILURES = 3


class NotTriedError(UpstreamError):
    """The upstream has failed too often for this image: its other builds wait for the next refresh."""


@dataclass
class ImageRefresh:
    """`pending` counts the builds that are still being learned; `awaited` are those that were not learned so far.

    `refused` are the marks of documents that were read in vain before, `still_refused` those of builds without another.
    `is_named`: somebody wants to know of this very image.
    """

    image: Image
    client: Client
    recorded: Recorded | None
    outcome: Outcome
    verifier: Verifier | None = None
    is_fresh: bool = False
    is_named: bool = False
    observation: Observation | None = None
    pending: int = 0
    awaited: set[BuildReference] = field(default_factory=set)
    learned: list[Learned] = field(default_factory=list)
    unknown: dict[str, list[Learned]] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    still_refused: set[str] = field(default_factory=set)
    verify_recorded: bool = False
    to_verify: set[tuple[str, str]] = field(default_factory=set)
    unsigned: dict[str, list[Learned]] = field(default_factory=dict)
    unsaved: int = 0
    failures: int = 0
    untried: int = 0

    @property
    def auth(self) -> Auth | None:
        realm = self.client.realm
        return Auth(realm=realm.url, service=realm.service) if realm else None

    def observe(self) -> Observation:
        """Asks the upstream; for a thread."""
        return observe(
            self.client,
            self.image,
            self.recorded,
            self._to_read_again,
            thoroughly=self.is_named or not self._is_current,
        )

    @property
    def _is_current(self) -> bool:
        """Whether what is recorded was made by this program, for the settings of images.toml."""
        return self.is_fresh and self.recorded is not None and self.recorded.settings == settings_of(self.image)

    def _to_read_again(self) -> list[Build]:
        if self.recorded is None:
            return []
        to_verify = unverified(self.recorded.index, self.image) if self.verify_recorded else []
        self.to_verify = {build.key for build in to_verify}
        if self._is_current:
            return to_verify
        return [*unreadable(self.recorded.index, self.image), *to_verify]

    def learn(self, reference: BuildReference) -> Learned | None:
        """Asks the upstream for one build; for a thread. Raises `NotTriedError` where that has failed too often."""
        if self.failures >= _MOST_FAILURES:
            raise NotTriedError
        try:
            refused = Refused.of(self.image, self.refused)
            learned = learn(self.client, self.image, reference, self.verifier, refused)
        except TransientError:
            self.failures += 1
            raise
        self.failures = 0
        if learned and not learned.build.version and not learned.build.sbom:
            self.still_refused |= refused.marks
        return learned

    def take_observation(self, result: Callable[[], Observation]) -> None:
        try:
            self.observation = result()
        except Exception as error:
            self.outcome.fail(error, line(error))
            return
        self.pending = len(self.observation.builds)
        self.awaited = set(self.observation.builds)
        self.outcome.notes += [f"{self.image.repository} has no tag {track}" for track in self.observation.missing]

    def take_build(self, reference: BuildReference, result: Callable[[], Learned | None]) -> None:
        self.pending -= 1
        try:
            learned = result()
        except NotTriedError:
            self.untried += 1
            return
        except Exception as error:
            self.outcome.fail(error, f"{reference.digest}: {line(error)}")
            return
        self.awaited.discard(reference)
        if learned is None:
            self._note_missing(reference)
            return
        learned = self._as_recorded(learned)
        self.learned.append(learned)
        self.unsaved += 1
        if learned.build.unknown and learned.build.key in self.to_verify:
            self.unsigned.setdefault(learned.build.unknown.reason, []).append(learned)
        elif learned.build.unknown:
            self.unknown.setdefault(learned.build.unknown.reason, []).append(learned)

    def _note_missing(self, reference: BuildReference) -> None:
        head = self.observation.heads.get(reference.track) if self.observation else None
        if head and head.digest == reference.digest:
            what = f"{reference.track} points at {reference.digest}, of which it lacks the manifest or an image"
            self.outcome.notes.append(f"{self.image.repository}: {what}")
        else:
            self.outcome.gone += 1

    def _as_recorded(self, learned: Learned) -> Learned:
        """Why nothing was found the first time, where nothing is found again: what was refused then is not read now."""
        if self.recorded is None or learned.build.version or learned.build.sbom:
            return learned
        recorded = next((build for build in self.recorded.index.builds if build.key == learned.build.key), None)
        if recorded is None or recorded.unknown is None or recorded.sbom:
            return learned
        return replace(learned, build=recorded, reason=recorded.unknown.reason)

    def close(self) -> None:
        """Says what is said once an image, now that all of it is known."""
        if self.untried:
            self.outcome.fail(TransientError(""), f"{self.untried} more builds were not tried after these")
        for reason, learned in self.unsigned.items():
            self.outcome.notes.append(f"{len(learned)} recorded before: not verified, and as they were: {reason}")
        for learned in self.unknown.values():
            build = learned[0].build
            if len(learned) == 1:
                self.outcome.notes.append(f"{build.digest} ({build.track}): version unknown: {learned[0].reason}")
            else:
                newest = max(learned, key=lambda each: each.build.order).reason
                self.outcome.notes.append(f"{len(learned)} builds: version unknown: {newest}")


def line(error: Exception) -> str:
    """An error as one line of an outcome."""
    return str(error) if isinstance(error, ReverseRegistryError) else f"internal error: {type(error).__name__}: {error}"
