"""Feeds, by what the Atom Syndication Format (RFC 4287) requires."""

from datetime import datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

import pytest

ATOM = "{http://www.w3.org/2005/Atom}"
SITE = "https://example.github.io/images/"
FEEDS = [("example", "-/feed.atom"), ("example", "example/nginx/-/feed.atom"), ("empty", "-/feed.atom")]
FEEDS += [
    ("made", path) for path in ("-/feed.atom", "history/-/feed.atom", "hostile/-/feed.atom", "sparse/-/feed.atom")
]
every_feed = pytest.mark.parametrize(("name", "path"), FEEDS)


def read(folders: dict[str, Path], name: str, path: str) -> ElementTree.Element:
    return ElementTree.fromstring((folders[name] / path).read_bytes())


def one(element: ElementTree.Element, name: str) -> str:
    (found,) = element.findall(ATOM + name)
    assert found.text
    return found.text


def links(element: ElementTree.Element) -> dict[str, str]:
    found = [(link.attrib["rel"], link.attrib["href"]) for link in element.findall(f"{ATOM}link")]
    assert len(dict(found)) == len(found)
    return dict(found)


@every_feed
def test_a_feed_has_what_the_format_requires(folders: dict[str, Path], name: str, path: str) -> None:
    """RFC 4287, 4.1.1: one id, title and updated, an author, at most one link for each relation and type."""
    feed = read(folders, name, path)
    assert feed.tag == f"{ATOM}feed"
    assert one(feed, "id").startswith("urn:uuid:")
    assert one(feed, "title").startswith("New versions")
    assert feed.find(f"{ATOM}author/{ATOM}name") is not None
    times = [datetime.fromisoformat(one(entry, "updated")) for entry in feed.findall(f"{ATOM}entry")]
    never = datetime.fromisoformat("1970-01-01T00:00Z")
    assert datetime.fromisoformat(one(feed, "updated")) == max(times, default=never)
    assert times == sorted(times, reverse=True)
    assert len(times) <= 50


@every_feed
def test_an_entry_leads_to_its_build(folders: dict[str, Path], name: str, path: str) -> None:
    entries = read(folders, name, path).findall(f"{ATOM}entry")
    assert entries or name == "empty" or "sparse" in path
    for entry in entries:
        page = urljoin(f"http://x/{path}", links(entry)["alternate"])
        page = page.removeprefix(SITE if name == "made" else "http://x/")
        assert urlsplit(page).scheme == ""
        assert (folders[name] / page / "index.html").is_file()
        assert one(entry, "id").startswith("urn:uuid:")


def test_addresses_are_whole_where_the_site_has_one(folders: dict[str, Path]) -> None:
    assert links(read(folders, "made", "history/-/feed.atom")) == {
        "self": f"{SITE}history/-/feed.atom",
        "alternate": f"{SITE}history/",
    }


def test_an_entry_is_a_version_and_says_how_to_pull_it(folders: dict[str, Path]) -> None:
    entries = read(folders, "example", "example/nginx/-/feed.atom").findall(f"{ATOM}entry")
    assert [one(entry, "title") for entry in entries] == [
        f"example/nginx {version}" for version in ("1.29.1-r0", "1.28.0-r0", "1.27.4-r2", "1.27.4-r0", "1.27.3-r0")
    ]
    assert len({one(entry, "id") for entry in entries}) == 5
    text = "".join(entries[0].itertext())
    assert "docker pull registry.example.com/example/nginx:1.29.1" in text
