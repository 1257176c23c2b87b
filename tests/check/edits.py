"""Every way to bend an index by hand that we could think of, and what `check` says of it."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.query.made import digest, edit, run

NGINX, PACKAGES, PYTHON, CATALOGUE = "nginx/index.json", "nginx/packages.json", "python/index.json", "index.json"
EVIL = digest("evil")


@dataclass(frozen=True)
class Edit:
    """`expected` is part of the line about `file`. `against`: only what was can tell it; `note`: only a reviewer."""

    name: str
    file: str
    change: Callable[[Path], object]
    expected: str
    against: bool = False
    note: bool = False


def document(name: str, file: str, change: Callable[[Any], object], expected: str, **how: Any) -> Edit:
    """An edit that keeps the layout, as somebody with a script would make it."""
    return Edit(name, file, lambda index: edit(index / file, change), expected, **how)


def text(name: str, file: str, change: Callable[[bytes], bytes], expected: str) -> Edit:
    def apply(index: Path) -> None:
        data = (index / file).read_bytes()
        changed = change(data)
        assert changed != data
        (index / file).write_bytes(changed)

    return Edit(name, file, apply, expected)


def oldest(image: Any) -> Any:
    return image["builds"][0]


def newest(image: Any) -> Any:
    return image["builds"][-1]


def unique(image: Any) -> str:
    return "1.27.4-r2-202503040140"


def plausible(index: Path) -> None:
    """A build that might have been, a rebuild of the newest version, with all that follows from it."""
    at = "2026-02-19T00:00:00Z"
    edit(index / NGINX, lambda d: d["builds"].append(newest(d) | {"digest": EVIL, "seen": at, "created": at}))
    edit(index / PACKAGES, lambda d: d["builds"].append(newest(d) | {"digest": EVIL, "added": [], "removed": []}))
    assert run("refresh", "nginx", index=index).exit_code == 0
    assert EVIL in (index / "nginx/README.md").read_text()


def gone(index: Path) -> None:
    edit(index / NGINX, lambda d: oldest(d).update(gone="2026-03-01T00:00:00Z"))
    assert run("refresh", "nginx", index=index).exit_code == 0
    assert '"gone": {' in (index / NGINX).read_text()


def link(file: str, target: str) -> Callable[[Path], None]:
    def apply(index: Path) -> None:
        path = index / file
        if path.is_dir():
            shutil.move(path, index.parent / "moved")
        else:
            path.unlink(missing_ok=True)
        path.symlink_to(target.replace("MOVED", str(index.parent / "moved")))

    return apply


def realm(url: str) -> Callable[[Any], object]:
    return lambda image: image["auth"].update(realm=url)


def pipe(index: Path) -> None:
    (index / NGINX).unlink()
    os.mkfifo(index / NGINX)


def folder(file: str) -> Callable[[Path], None]:
    def apply(index: Path) -> None:
        (index / file).unlink()
        (index / file).mkdir()

    return apply


def page_of_nothing(index: Path) -> None:
    (index / "postgres").mkdir()
    shutil.copy(index / "nginx/2025.md", index / "postgres/2025.md")


def checked(text: str) -> Callable[[Path], object]:
    return lambda index: (index / "checked.json").write_text(text)


def add_package(log: Any) -> None:
    oldest(log)["added"] = sorted([*oldest(log)["added"], "apk/wolfi/zzz@1-r0"])


EDITS = (
    # Where a tag leads
    document("a moving tag at another build", NGINX, lambda d: d["tags"].update({"1.27": oldest(d)["digest"]}),
             "tags.1.27 is sha256:7e3e"),
    document("a moving tag at a foreign digest", NGINX, lambda d: d["tags"].update({"1.27": EVIL}),
             f"tags.1.27 is {EVIL}, should be the digest of one of the builds"),
    document("a tag that no build has", NGINX, lambda d: d["tags"].update({"9": oldest(d)["digest"]}),
             "tags.9 is sha256:7e3e0872081c908157db72d88861b14205b4c55eeb9aac0e93e42a7372c1ff25, should not be there"),
    document("a moving tag taken away", NGINX, lambda d: d["tags"].pop("1.27.4"),
             "tags.1.27.4 is missing, should be sha256:de527d"),
    document("a unique tag taken away", NGINX, lambda d: d["tags"].pop(unique(d)),
             f"tags.{unique(None)} is missing, should be sha256:de527d"),
    document("a unique tag at another build", NGINX, lambda d: d["tags"].update({unique(d): oldest(d)["digest"]}),
             f"tags.{unique(None)} is sha256:7e3e"),
    document("upstream's own tag taken", NGINX, lambda d: d["tags"].update(latest=oldest(d)["digest"]),
             "tags.latest is sha256:7e3e"),
    document("a track back at an old build", NGINX, lambda d: d["tracks"]["latest"].update(digest=oldest(d)["digest"]),
             "tracks.latest.digest was sha256:8fd7", against=True),
    document("a track at a foreign digest", NGINX, lambda d: d["tracks"]["latest"].update(digest=EVIL),
             f"tracks.latest.digest is {EVIL}, should be that of one of its builds"),
    document("a track at a build of another track", NGINX,
             lambda d: d["tracks"]["latest"].update(digest=newest(d)["digest"]),
             "should be that of one of its builds"),
    document("a track's since moved", NGINX, lambda d: d["tracks"]["latest"].update(since="2026-01-01T00:00:00Z"),
             "tracks.latest.since was 1970-01-01T00:00:00Z, and is 2026-01-01T00:00:00Z, and since of images.toml",
             against=True),
    document("a track taken away", NGINX, lambda d: d["tracks"].pop("latest-dev"), "tracks.latest-dev was {",
             against=True),
    document("a track that is not watched", NGINX,
             lambda d: d["tracks"].update(edge={"digest": oldest(d)["digest"], "since": None}),
             "tracks.edge.digest is sha256:7e3e"),
    # Where the image and the tokens for it come from
    document("the repository moved", NGINX, lambda d: d.update(repository="evil.example.com/nginx"),
             "repository is evil.example.com/nginx, should be localhost:"),
    document("the repository moved on the same host", NGINX,
             lambda d: d.update(repository=d["repository"].replace("nginx", "python")), "should be localhost:"),
    document("the realm at another host", NGINX, realm("https://evil.example.com/token"),
             "auth.realm is https://evil.example.com/token, should be http://localhost:"),
    document("the realm with a user", NGINX, realm("https://me@evil.example.com/token"), "without a user"),
    document("the realm with a line break", NGINX, realm("https://evil.example.com/\n::error::"), "should be an https://"),
    document("no realm any more", NGINX, lambda d: d.update(auth=None), "auth was {", against=True),
    document("another service", NGINX, lambda d: d["auth"].update(service="evil"), "auth was {", against=True),
    # What a build is
    document("a build with another digest", NGINX, lambda d: oldest(d).update(digest=EVIL),
             "tags.1.27.3 is sha256:7e3e0872081c908157db72d88861b14205b4c55eeb9aac0e93e42a7372c1ff25, should be the"),
    document("a build taken away", NGINX, lambda d: d["builds"].pop(), "should be the digest of one of the builds"),
    document("a build twice", NGINX, lambda d: d["builds"].append(newest(d)), "is there twice, should be there once"),
    document("builds in another order", NGINX, lambda d: d["builds"].reverse(), "builds are not in order: sha256:13fb"),
    Edit("a plausible build added", NGINX, plausible, f"build {EVIL} (latest-dev) is new: 1.29.1-r0",
         against=True, note=True),
    document("a build of a track that is not watched", PYTHON,
             lambda d: d["builds"].append(newest(d) | {"track": "latest-dev", "digest": EVIL}),
             f"build {EVIL} (latest-dev) is new, should not be: images.toml watches latest", against=True),
    document("a platform's digest", NGINX, lambda d: oldest(d)["platforms"].update({"linux/amd64": EVIL}),
             "platforms was {", against=True),
    document("a platform added", NGINX, lambda d: oldest(d)["platforms"].update({"linux/s390x": EVIL}),
             "platforms was {", against=True),
    document("a platform that is the index itself", NGINX,
             lambda d: oldest(d)["platforms"].update({"linux/amd64": oldest(d)["digest"]}),
             "platforms.linux/amd64 is sha256:7e3e"),
    document("a platform that looks alike", NGINX,
             lambda d: oldest(d)["platforms"].update({"linux/\u0430md64": EVIL}),
             "md64 should be named os/architecture, or os/architecture/variant"),
    document("no platform any more", NGINX, lambda d: oldest(d).update(platforms={}),
             "platforms is empty, should name the image of each platform"),
    document("size", NGINX, lambda d: oldest(d).update(size=5), "size was ", against=True),
    document("size 0", NGINX, lambda d: oldest(d).update(size=0), "size is 0, should be that of a manifest"),
    document("size negative", NGINX, lambda d: oldest(d).update(size=-1), "$.builds[0].size: -1 is less than"),
    document("mediaType", NGINX,
             lambda d: oldest(d).update(mediaType="application/vnd.docker.distribution.manifest.list.v2+json"),
             "mediaType was ", against=True),
    document("a mediaType that is no manifest's", NGINX, lambda d: oldest(d).update(mediaType="text/html"),
             "mediaType is text/html, should be one of application/vnd.docker"),
    document("created moved to another minute", NGINX, lambda d: oldest(d).update(created="2025-01-09T02:42:17Z"),
             "should not be there by the builds"),
    document("created moved within its minute", NGINX, lambda d: oldest(d).update(created="2025-01-09T01:42:18Z"),
             'created was "2025-01-09T01:42:17Z", and is "2025-01-09T01:42:18Z"', against=True),
    document("created in another time zone", NGINX, lambda d: oldest(d).update(created="2025-01-09T03:42:17+02:00"),
             "created is 2025-01-09T03:42:17+02:00, should be in UTC"),
    document("seen moved", NGINX, lambda d: oldest(d).update(seen="2025-01-01T00:00:00Z"), "seen was ", against=True),
    document("seen moved past another", NGINX, lambda d: oldest(d).update(seen="2026-12-01T00:00:00Z"),
             "builds are not in order"),
    document("seen in a hundred years", NGINX, lambda d: newest(d).update(seen="2126-01-01T00:00:00Z"),
             "seen is 2126-01-01T00:00:00+00:00, should be in the past"),
    document("gone before it was there", NGINX, lambda d: oldest(d).update(gone="2020-01-01T00:00:00Z"),
             "gone is 2020-01-01T00:00:00+00:00, should be after it was seen"),
    document("seen is no time", NGINX, lambda d: oldest(d).update(seen="yesterday"), "datetime"),
    document("another version", NGINX, lambda d: oldest(d).update(version="1.99.0-r0"),
             "version is 1.99.0-r0, should be that of its package pkg:apk/"),
    Edit("another version of another package", PACKAGES, lambda index: edit(index / NGINX,
         lambda d: oldest(d).update(version="1.99.0-r0", purl="pkg:apk/wolfi/nginx@1.99.0-r0")),
         "lacks pkg:apk/wolfi/nginx@1.99.0-r0, should have it: its own main package"),
    document("a version forgotten", NGINX, lambda d: oldest(d).update(version=None, purl=None),
             'version was "1.27.3-r0"', against=True),
    document("unknown, though it is known", NGINX,
             lambda d: oldest(d).update(unknown={"reason": "x", "candidates": []}),
             "unknown is there, should not be: version is 1.27.3-r0"),
    document("a version without an SBOM", NGINX, lambda d: oldest(d).update(sbom=None), "sbom is null, should be"),
    document("verified without an identity", NGINX, lambda d: oldest(d)["sbom"].update(verified=True),
             "sbom.verified is true with identity null, should be"),
    document("verified by somebody", NGINX,
             lambda d: oldest(d)["sbom"].update(verified=True, identity="ci@example.com"), "sbom was {", against=True),
    document("an issuer of nobody's identity", NGINX, lambda d: oldest(d)["sbom"].update(issuer="https://evil.example"),
             "sbom.issuer is https://evil.example, should not be there"),
    document("an SBOM that is a label", NGINX, lambda d: oldest(d)["sbom"].update(kind="label"),
             "sbom.kind is label with format spdx, should be label both, or neither"),
    document("a label that gives an apk's version", NGINX,
             lambda d: oldest(d)["sbom"].update(kind="label", format="label"), "sbom.kind is label, should not be"),
    document("another SBOM", NGINX, lambda d: oldest(d)["sbom"].update(digest=EVIL), "sbom was {", against=True),
    document("another main package", NGINX, lambda d: d.update(package="other"), "package is other, should be nginx"),
    document("another name", NGINX, lambda d: d.update(name="nginy"), "name is nginy, should be nginx"),
    document("another schema", NGINX, lambda d: d.update(schema=2), "$.schema: 2 is not one of [1]"),
    # What was put right, and what is gone
    document("a tag retracted that is right", NGINX, lambda d: d.update(retracted={unique(d): {
             "digest": d["tags"].pop(unique(d)), "reason": "x"}}), f"retracted.{unique(None)} is "),
    document("a tag retracted that never was", NGINX, lambda d: d.update(
             retracted={"9": {"digest": oldest(d)["digest"], "reason": "x"}}), "retracted.9 names not the minute of"),
    document("a unique tag retracted that never was", NGINX, lambda d: d.update(retracted={
             "1.99-202501090142": {"digest": oldest(d)["digest"], "reason": "x"}}),
             "retracted.1.99-202501090142 is sha256:7e3e", against=True),
    document("a tag retracted to a foreign digest", NGINX, lambda d: d.update(
             retracted={"9": {"digest": EVIL, "reason": "x"}}), f"retracted.9 is {EVIL}, should be the digest of one"),
    document("a tag gone whose build is there", NGINX, lambda d: d.update(gone={unique(d): {
             "digest": d["tags"].pop(unique(d)), "since": "2026-03-01T00:00:00Z"}}), f"gone.{unique(None)} is "),
    document("a build gone, it says, and its tags as they were", NGINX,
             lambda d: oldest(d).update(gone="2026-03-01T00:00:00Z"), "tags.1.27.3 is sha256:7e3e"),
    Edit("a build gone, with all that follows", NGINX, gone, "is gone upstream since 2026-03-01",
         against=True, note=True),
    document("other settings than images.toml's", NGINX, lambda d: d.update(settings={"package": "evil"}), "settings",
             against=True),
    # What is in a build
    document("a package added", PACKAGES, add_package, "packages of sha256:7e3e", against=True),
    document("a package out of order", PACKAGES, lambda d: oldest(d)["added"].reverse(),
             "its changes are not those from build to build"),
    document("the main package taken away", PACKAGES,
             lambda d: newest(d)["added"].remove("apk/wolfi/nginx@1.29.1-r0"),
             "should have it: its own main package"),
    document("a package of no distribution", PACKAGES, lambda d: oldest(d)["added"].append("npm/left-pad@1"),
             "npm/left-pad@1 is no package URL"),
    document("a package with qualifiers", PACKAGES,
             lambda d: oldest(d)["added"].__setitem__(0, f"{oldest(d)['added'][0]}?arch=x86_64"),
             "?arch=x86_64 is no package URL of an installed package, should be one without"),
    document("a package that is none", PACKAGES, lambda d: oldest(d)["added"].append("no package"), "does not match"),
    document("a build's packages taken away", PACKAGES, lambda d: d["builds"].pop(), "should have its packages"),
    document("packages of no build", PACKAGES, lambda d: newest(d).update(digest=EVIL), f"has packages of {EVIL}"),
    document("packages of another image", PACKAGES, lambda d: d.update(name="x"), "name is x, should be nginx"),
    Edit("no packages at all", PACKAGES, lambda index: (index / PACKAGES).unlink(), "is missing or unreadable"),
    # What the catalogue says
    document("where unknown names are sent", CATALOGUE, lambda d: d.update(upstream="evil.example.com/x"),
             "upstream is evil.example.com/x, should be localhost:"),
    document("an image that is not in images.toml", CATALOGUE,
             lambda d: d["images"].update(evil=d["images"]["nginx"]), "images.evil is not in images.toml"),
    document("an image taken away", CATALOGUE, lambda d: d["images"].pop("nginx"),
             "images.nginx is missing, should be there"),
    document("its repository", CATALOGUE, lambda d: d["images"]["postgres"].update(repository="evil.example.com/x"),
             "images.postgres.repository is evil.example.com/x, should be localhost:"),
    document("not refreshed, it says", CATALOGUE, lambda d: d["images"]["nginx"].update(refreshed=False),
             "images.nginx.refreshed is false, should be true"),
    document("frozen, it says", CATALOGUE, lambda d: d["images"]["nginx"].update(frozen=True),
             "images.nginx.frozen is true, should be false"),
    document("its newest version", CATALOGUE, lambda d: d["images"]["nginx"].update(version="9"),
             "images.nginx.version is 9, should be 1.29.1-r0"),
    document("its newest digest", CATALOGUE, lambda d: d["images"]["nginx"].update(digest=EVIL),
             f"images.nginx.digest is {EVIL}, should be sha256:8fd7"),
    document("its number of builds", CATALOGUE, lambda d: d["images"]["nginx"].update(builds=9),
             "images.nginx.builds is 9, should be 10"),
    document("its number of tags", CATALOGUE, lambda d: d["images"]["nginx"].update(tags=1),
             "images.nginx.tags is 1, should be"),
    document("private, it says", CATALOGUE, lambda d: d["images"]["nginx"].update(private=True),
             "images.nginx.private is true, should be "),
    document("a count left out", CATALOGUE, lambda d: d["images"]["nginx"].pop("builds"), "images.nginx.builds is "),
    Edit("no catalogue", CATALOGUE, lambda index: (index / CATALOGUE).unlink(), "is missing, should name every image"),
    # Pages, schema, stamps
    text("a page that advises another image", "nginx/README.md",
         lambda data: data.replace(b"docker pull ", b"docker pull evil.example.com/", 1), "should be `    docker pull"),
    text("the catalogue's page", "README.md", lambda data: data + b"<script>", "should"),
    text("a page of a year", "nginx/2025.md", lambda data: data[:-20], "should"),
    Edit("a page taken away", "nginx/2025.md", lambda index: (index / "nginx/2025.md").unlink(),
         "is missing, should be there"),
    Edit("a page of an image that has none", "postgres/2025.md", page_of_nothing,
         "is no page of the image, should not be there"),
    Edit("a page of a year without builds", "nginx/1999.md", lambda index: (index / "nginx/1999.md").write_text("x"),
         "is no page of the image, should not be there"),
    document("a laxer schema", "schema.json", lambda d: d["$defs"].pop("Auth"), "line "),
    document("a stamp", "refreshed.json", lambda d: d["images"].update(nginx="0" * 16),
             "images.nginx is 0000000000000000, should be "),
    document("a stamp of nothing", "refreshed.json", lambda d: d["images"].update(evil="0" * 16),
             "images.evil is not in images.toml"),
    document("an image that upstream is said to lack", "refreshed.json", lambda d: d.update(absent=["nginx"]),
             "absent has nginx now: that upstream lacks it fails no refresh", against=True, note=True),
    document("one that nobody knows", "refreshed.json", lambda d: d.update(absent=["evil"]),
             "absent has evil, which is not in images.toml"),
    Edit("what is missed, unreadable", "checked.json", checked("junk"), "malformed"),
    Edit("what is missed, and was never there", "checked.json",
         checked(f'{{\n  "missed": {{\n    "nginx {EVIL}": "2026-01-01T00:00:00Z"\n  }}\n}}\n'),
         f"missed has nginx {EVIL}, which is not recorded"),
    Edit("missed in a hundred years", "checked.json", lambda index: checked(
         f'{{\n  "missed": {{\n    "nginx {oldest(json.loads((index / NGINX).read_bytes()))["digest"]}": '
         '"2126-01-01T00:00:00Z"\n  }\n}\n')(index), "should be in UTC, and in the past"),
    Edit("missed for long", "checked.json", lambda index: checked(
         f'{{\n  "missed": {{\n    "nginx {oldest(json.loads((index / NGINX).read_bytes()))["digest"]}": '
         '"2026-03-01T00:00:00Z"\n  }\n}\n')(index), "since 2026-03-01: it is gone, if upstream misses it once more",
         against=True, note=True),
    document("a document that is not to be read", "refreshed.json", lambda d: d.update(refused={"nginx": ["0" * 16]}),
             "refused.nginx has 1 document that is not read again", against=True, note=True),
    document("a document of nobody's", "refreshed.json", lambda d: d.update(refused={"evil": ["0" * 16]}),
             "refused has evil, which is not in images.toml"),
    document("a document by no mark", "refreshed.json", lambda d: d.update(refused={"nginx": ["<b>"]}),
             "does not match"),
    # How a document is written
    document("an unknown key", NGINX, lambda d: d.update(extra=1), "$.extra is no key of this document"),
    document("an unknown key in a build", NGINX, lambda d: oldest(d).update(mirror="evil.example.com"),
             "$.builds[0].mirror is no key of this document"),
    text("a key twice", NGINX, lambda data: data.replace(b'"name": "nginx"', b'"name": "evil",\n  "name": "nginx"'),
         "key name is there twice in one object"),
    text("a key of thousands twice", NGINX, lambda data: data.replace(
         b"{\n", b"{\n" + b"".join(b'"k%d": 1,\n' % n for n in range(20_000)) + b'"k0": 1,\n', 1),
         "key k0 is there twice in one object"),
    text("twenty thousand unknown keys", NGINX, lambda data: data.replace(
         b"{\n", b"{\n" + b"".join(b'"k%d": 1,\n' % n for n in range(20_000)), 1),
         "has 19980 more faults of this kind"),
    text("a number that no computer holds", NGINX,
         lambda data: data.replace(b"{\n", b'{\n"k": ' + b"1" * 9000 + b",\n", 1),
         "$.k is no key of this document"),
    text("a tag twice", NGINX, lambda data: data.replace(b'    "1": ', f'    "1": "{EVIL}",\n    "1": '.encode()),
         "key 1 is there twice in one object"),
    text("another layout", NGINX, lambda data: json.dumps(json.loads(data)).encode(), "was edited: line 1 is"),
    text("escapes for letters", NGINX, lambda data: data.replace(b'"nginx"', b'"\\u006eginx"'), "was edited: line "),
    text("keys in another order", NGINX, lambda data: data.replace(b'"name": "nginx",\n  "package": "nginx"',
         b'"package": "nginx",\n  "name": "nginx"'), "was edited: line "),
    text("a byte order mark", NGINX, lambda data: b"\xef\xbb\xbf" + data, "begins with a byte order mark"),
    text("line ends of Windows", NGINX, lambda data: data.replace(b"\n", b"\r\n"), "has line ends of Windows"),
    text("no last line end", NGINX, lambda data: data[:-1], "should"),
    text("half a file", NGINX, lambda data: data[: len(data) // 2], "truncated"),
    text("not UTF-8", NGINX, lambda data: data.replace(b"nginx", b"ngin\xff", 1), ""),
    text("a list", NGINX, lambda data: b"[]", "$: [] is not of type 'object'"),
    text("without end", NGINX, lambda data: b"[" * 100_000, "Expected `object`"),
    Edit("ten gigabytes, of which git keeps little", "nginx/README.md",
         lambda index: os.truncate(index / "nginx/README.md", 10**10), "10000000000 bytes, over the bound of 2684"),
    Edit("a document of ten gigabytes", NGINX, lambda index: os.truncate(index / NGINX, 10**10), "over the bound of"),
    Edit("a folder whose name looks like an image's", "ng?nx/index.json",
         lambda index: shutil.copytree(index / "nginx", index / "ng\u0456nx"), "name is nginx, should be ng"),
    # What lies in the folder
    Edit("an executable file", NGINX, lambda index: (index / NGINX).chmod(0o755),
         "is executable (mode 755), should not be"),
    Edit("a file of nobody's", "nginx/install.sh", lambda index: (index / "nginx/install.sh").write_text("x"),
         "is no file of an index, should not be there"),
    Edit("a hidden file beside an image", "nginx/.htaccess", lambda index: (index / "nginx/.htaccess").write_text("x"),
         "is no file of an index"),
    Edit("a file at the top", "index.html", lambda index: (index / "index.html").write_text("x"),
         "is no file of an index"),
    Edit("a link to a secret", PACKAGES, link(PACKAGES, "/proc/self/environ"),
         "is a symbolic link, should be a regular file"),
    Edit("a link to a file of the index", PACKAGES, link(PACKAGES, "../python/packages.json"), "is a symbolic link"),
    Edit("a linked image", "nginx", link("nginx", "MOVED"), "is a symbolic link"),
    Edit("a linked page", "README.md", link("README.md", "nginx/README.md"), "is a symbolic link"),
    Edit("a linked images.toml", "images.toml", link("images.toml", "/dev/null"), "is a symbolic link"),
    Edit("a link that nobody asked for", "more", link("more", "/etc"), "is a symbolic link"),
    Edit("a folder in a document's place", NGINX, folder(NGINX), "is a folder, should be a regular file"),
    Edit("a folder in a page's place", "README.md", folder("README.md"), "is a folder, should be a regular file"),
    Edit("a pipe", NGINX, pipe, "is a named pipe, should be a regular file"),
    Edit("an image's folder taken away", NGINX, lambda index: shutil.rmtree(index / "nginx"),
         "is gone, should be there with its 10 builds", against=True),
    # images.toml itself
    text("images.toml with a byte order mark", "images.toml", lambda data: b"\xef\xbb\xbf" + data,
         "begins with a byte order mark; save it as UTF-8 without one"),
    text("images.toml that does not load", "images.toml", lambda data: b"upstraem = 1\n" + data,
         "did you mean upstream?"),
    Edit("an image taken from images.toml", "images.toml",
         lambda index: (index / "images.toml").write_text(
             (index / "images.toml").read_text().replace('[images.nginx]\nsince = "always"\n', "")),
         "[images.nginx] was there, and is not: it is no longer served", against=True, note=True),
)  # fmt: skip
