"""What is new in an index, as the message of a commit."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from generator.record.correction import UNKNOWN, count_by_version
from generator.record.index import Build

_SUBJECT = 72
_MOST = 5

# All that names, tags and the versions of apk, deb and rpm are made of; anything else could mention somebody or close
# an issue.
_FOREIGN = re.compile(r"[^A-Za-z0-9._+~:/^-]")


@dataclass(frozen=True, slots=True)
class News:
    """The builds of an image that its last commit did not have, and the versions that it had.

    `corrected` are builds whose version is another now, as they were and as they are; `gone` counts the builds that
    are gone upstream since.
    """

    name: str
    builds: tuple[Build, ...]
    known: frozenset[str]
    corrected: tuple[tuple[Build, Build], ...] = ()
    gone: int = 0

    @property
    def versions(self) -> tuple[str, ...]:
        """New ones, newest first."""
        new = (build.version for build in reversed(self.builds) if build.version and build.version not in self.known)
        return tuple(dict.fromkeys(new))

    @property
    def rebuilds(self) -> int:
        """Builds of versions that were known before."""
        return sum(build.version in self.known for build in self.builds)

    @property
    def unknown(self) -> int:
        """Builds whose version is not known."""
        return sum(not build.version for build in self.builds)


def message(news: Iterable[News]) -> str:
    """A subject of at most 72 characters; below it a line for each build, or one for all of an image that has many."""
    news = [each for each in news if each.builds or each.corrected or each.gone]
    parts = [f"{_plain(each.name)} {_plain(version)}" for each in news for version in each.versions]
    rebuilds, unknown = sum(each.rebuilds for each in news), sum(each.unknown for each in news)
    corrected, gone = sum(len(each.corrected) for each in news), sum(each.gone for each in news)
    for count in range(len(parts), -1, -1):
        more = len(parts) - count
        rest = [_count(more, "more version")] if more else []
        rest += [_count(rebuilds, "rebuild")] if rebuilds else []
        rest += [f"{unknown} of unknown version"] if unknown else []
        rest += [_count(corrected, "correction")] if corrected else []
        rest += [f"{_count(gone, 'build')} gone upstream"] if gone else []
        subject = " and ".join(filter(None, (", ".join(parts[:count] + rest[:-1]), *rest[-1:])))
        if len(subject) <= _SUBJECT:
            break
    lines = [line for each in news for line in _lines(each)]
    return "\n".join((subject or "Bring the pages of the index up to date", "", *lines)).rstrip() + "\n"


def _lines(news: News) -> list[str]:
    name = _plain(news.name)
    corrected = [
        f"{name}: {_count(number, 'build')} of {_version(was)} corrected to {_version(is_)}"
        for number, was, is_ in count_by_version(news.corrected)
    ]
    gone = [f"{name}: {_count(news.gone, 'build')} gone upstream"] if news.gone else []
    return [*(_of_builds(news, name) if news.builds else ()), *corrected, *gone]


def _of_builds(news: News, name: str) -> list[str]:
    if len(news.builds) <= _MOST:
        return [
            f"{name} {_plain(build.version)} on {_plain(build.track)}: {build.digest}"
            for build in reversed(news.builds)
        ]
    versions = [_plain(version) for version in news.versions]
    named = ", ".join(versions[:_MOST]) + (f" and {len(versions) - _MOST} more" if len(versions) > _MOST else "")
    return [
        f"{name}: {_count(len(news.builds), 'build')}, {_count(len(versions), 'new version')}: {named}".rstrip(": ")
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _version(text: str) -> str:
    return text if text == UNKNOWN else _plain(text)


def _plain(text: str | None) -> str:
    return _FOREIGN.sub("?", text) if text else "of unknown version"
