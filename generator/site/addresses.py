"""Where everything of the site is, relative to its root. Folders end in a slash and hold `index.html`.

What is not an image's page is below `-/`: no part of an image's name begins with a hyphen.
"""

from collections.abc import Iterable

from generator.record.index import Build

SHORT = 12

_FILES = {"index.html", "404.html", "robots.txt", "sitemap.xml"}
_SERVER = {"v2", "index", "healthz", "readyz", "metrics", "token"}

Key = tuple[str, str]


def image_folder(name: str) -> str:
    """`nginx/`. A name that a file of the site or an endpoint of the server has goes below `-/image/`."""
    parts = name.split("/")
    return f"-/image/{name}/" if _FILES.intersection(parts) or parts[0] in _SERVER else f"{name}/"


def build_names(builds: Iterable[Build]) -> dict[Key, str]:
    """The name of each build's folder, by track and digest: the first 12 digits of its digest.

    All of them where two digests begin alike; and the track follows where another build has the same digest.
    """
    names: dict[Key, str] = {}
    digests: dict[str, str] = {}
    taken: set[str] = set()
    for build in builds:
        name = short(build.digest)
        if digests.setdefault(name, build.digest) != build.digest:
            name = build.digest.partition(":")[2]
        name = f"{name}-{build.track}" if name in taken else name
        taken.add(name)
        names[build.key] = name
    return names


def short(digest: str) -> str:
    """Enough of a digest to know it by."""
    return digest.partition(":")[2][:SHORT]


def root(path: str) -> str:
    """The way from the page at `path` to the root."""
    return "../" * path.count("/")
