"""Where tokens are asked for: credentials go there, so that one host has one place for all of its images."""

from collections.abc import Iterable, Iterator

from generator.check.finding import Finding
from generator.record.index import ImageIndex


def check_realms(images: Iterable[ImageIndex]) -> Iterator[Finding]:
    """A host whose images name more than one token realm: every image that is not with the most."""
    by_host: dict[str, dict[str, list[str]]] = {}
    for index in images:
        if index.auth:
            realms = by_host.setdefault(index.repository.partition("/")[0], {})
            realms.setdefault(index.auth.realm, []).append(index.name)
    for host, realms in sorted(by_host.items()):
        usual, *others = sorted(realms, key=lambda realm: (-len(realms[realm]), realm))
        for realm in others:
            for name in realms[realm]:
                yield Finding(
                    f"{name}/index.json",
                    f"auth.realm is {realm}, should be {usual} as in {realms[usual][0]}/index.json: "
                    f"{host} has one token realm",
                )
