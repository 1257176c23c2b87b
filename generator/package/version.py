"""Versions by the rules of the distribution that made the package: apk, deb, rpm; others by one order for all.

apk's order is apk-package(5)'s grammar and apk-tools' token order; Debian's and rpm's are univers'.
"""

import re
from collections.abc import Callable
from functools import cached_property, cmp_to_key, total_ordering
from typing import Any

from univers import debian, rpm

_APK = re.compile(
    r"(?P<digits>\d+(?:\.\d+)*)(?P<letter>[a-z])?(?P<suffixes>(?:_[a-z]+\d*)*)(?P<hash>~[0-9a-f]+)?(?P<revision>-r\d+)?"
)
_SUFFIX = re.compile(r"_([a-z]+)(\d*)")
_BEFORE = ("alpha", "beta", "pre", "rc")
_AFTER = ("cvs", "svn", "git", "hg", "p")
_NUMERIC = re.compile(r"\d+(?:\.\d+)*")
_OTHER = re.compile(r"[vV]?\d[\x21-\x7e]*")
_BITNAMI_REVISION = re.compile(r"-r?(\d+)$")
_WORD = re.compile(r"(\d+)|([a-z]+)|(~)")
_EARLY = frozenset(
    {"alpha", "beta", "canary", "cr", "dev", "ea", "milestone", "nightly", "pre", "preview", "rc", "snapshot"}
)

# Where two versions first differ in the kind of their tokens, the higher kind is the higher version.
_PRE_SUFFIX, _END, _REST, _REVISION, _HASH, _NUMBER, _POST_SUFFIX, _LETTER, _DIGITS = range(9)


@total_ordering
class Version:
    """A package version: ordered within its `type`, and cut into what tags are made of."""

    def __init__(self, type_: str, text: str) -> None:
        """Raises `ValueError` where `text` is no version of that distribution."""
        self.type = type_
        self.text = text
        try:
            self._key: Any = _KEYS.get(type_, _other_key)(text)
        except ValueError:
            raise ValueError(f"{text!r} is no version by the rules of {type_}") from None

    @cached_property
    def is_valid(self) -> bool:
        """Whether apk itself takes it for a version; it orders others all the same (apk-tools, version.c)."""
        if self.type != "apk":
            return True
        match = _APK.fullmatch(self.text)
        return match is not None and all(name in _BEFORE + _AFTER for name, _ in _SUFFIX.findall(match["suffixes"]))

    @cached_property
    def upstream(self) -> str:
        """Without the distribution's epoch and revision."""
        if self.type == "apk":
            return re.sub(r"-r\d+$", "", self.text)
        if self.type not in _KEYS:
            return self.text.lstrip("vV")
        if self.type == "bitnami":
            return _BITNAMI_REVISION.sub("", self.text)
        bare = self.text.partition(":")[2] if ":" in self.text else self.text
        return bare.rpartition("-")[0] if "-" in bare else bare

    @cached_property
    def is_prerelease(self) -> bool:
        if self.type == "apk":
            return any(name in _BEFORE for name, _ in _SUFFIX.findall(self.upstream))
        if self.type not in {"deb", "rpm"}:
            return any(kind == _EARLIER for kind, *_ in _words(self.upstream))
        return "~" in self.upstream

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The version lines it belongs to, narrowest first: `1.27.4`, `1.27`, `1`. A pre-release is its own only."""
        numeric = _NUMERIC.match(self.upstream)
        if self.is_prerelease or not numeric:
            return (self.upstream,)
        parts = numeric[0].split(".")
        shorter = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
        return tuple(dict.fromkeys((self.upstream, *shorter)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.type == other.type and self._key == other._key

    def __lt__(self, other: "Version") -> bool:
        return (self.type, self._key) < (other.type, other._key)

    def __repr__(self) -> str:
        return f"Version({self.type!r}, {self.text!r})"


def _apk_key(text: str) -> tuple[tuple[int, object], ...]:
    match = _APK.match(text)
    if not match:
        raise ValueError
    key: list[tuple[int, object]] = [
        (_DIGITS, _digits(part, first=not i)) for i, part in enumerate(match["digits"].split("."))
    ]
    if match["letter"]:
        key.append((_LETTER, match["letter"]))
    end = match.end("digits") + len(match["letter"] or "")
    for name, number in _SUFFIX.findall(match["suffixes"]):
        if name not in _BEFORE + _AFTER:
            return (*key, (_REST, text[end:]))
        key.append((_PRE_SUFFIX, _BEFORE.index(name)) if name in _BEFORE else (_POST_SUFFIX, _AFTER.index(name)))
        if number:
            key.append((_NUMBER, int(number)))
        end += 1 + len(name) + len(number)
    if match["hash"]:
        key.append((_HASH, match["hash"]))
    if match["revision"]:
        key.append((_REVISION, int(match["revision"][2:])))
    rest = text[match.end() :]
    return (*key, (_REST, rest) if rest else (_END, 0))


def _digits(part: str, *, first: bool) -> tuple[int, int, str]:
    """Numbers compare as numbers, but after the first one with a leading zero as if behind a decimal point."""
    return (0, 0, part) if not first and part.startswith("0") else (1, int(part), "")


def _deb_key(text: str) -> Any:
    debian.Version.from_string(text)  # type: ignore[no-untyped-call]
    return cmp_to_key(debian.compare_versions)(text)


def _rpm_key(text: str) -> Any:
    rpm.RpmVersion.from_string(text)  # type: ignore[no-untyped-call]
    return cmp_to_key(rpm.compare_rpm_versions)(text)


_EARLIER, _NO_MORE, _LATER, _COUNTED = range(4)


def _words(text: str) -> tuple[tuple[int, int, str], ...]:
    """Numbers as numbers, words as words; a word for what comes before a release (`rc`) sorts below none."""
    return tuple(
        (_COUNTED, int(number), "") if number else (_EARLIER if word in _EARLY or tilde else _LATER, 0, word)
        for number, word, tilde in _WORD.findall(text.lower())
    )


def _other_key(text: str) -> Any:
    if not _OTHER.fullmatch(text):
        raise ValueError
    return (*_words(text.lstrip("vV")), (_NO_MORE, 0, ""))


def _bitnami_key(text: str) -> Any:
    revision = _BITNAMI_REVISION.search(text)
    return _other_key(_BITNAMI_REVISION.sub("", text)), int(revision[1]) if revision else 0


_KEYS: dict[str, Callable[[str], Any]] = {"apk": _apk_key, "deb": _deb_key, "rpm": _rpm_key, "bitnami": _bitnami_key}
