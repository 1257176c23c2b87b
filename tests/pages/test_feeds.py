"""Feeds, by what the Atom Syndication Format (RFC 4287) requires."""

from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx
import pytest

from server.names import is_digest
from tests.pages.made import HOSTILE, RESERVED, catalogue, synthetic
from tests.pages.test_html import over

ATOM = "{http://www.w3.org/2005/Atom}"
FEEDS = [("example", "/feed.atom"), ("example", "/example/nginx/feed.atom"), ("made", "/feed.atom")]
FEEDS += [("made", f"/{name}/feed.atom") for name in ("history", "hostile", "sparse", "waiting")]
every_feed = pytest.mark.parametrize(("server", "path"), [*FEEDS, ("empty", "/feed.atom")])


@pytest.fixture
def feed(servers: dict[str, str], server: str, path: str) -> ElementTree.Element:
    answer = httpx.get(servers[server] + path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/atom+xml"
    return ElementTree.fromstring(answer.content)


def one(element: ElementTree.Element, name: str) -> str:
    found = element.findall(ATOM + name)
    assert len(found) == 1, f"{name}: {len(found)}"
    assert found[0].text
    return found[0].text


def links(element: ElementTree.Element) -> dict[str, str]:
    found = [(link.attrib["rel"], link.attrib["href"]) for link in element.findall(f"{ATOM}link")]
    assert len(dict(found)) == len(found)
    return dict(found)


@every_feed
def test_a_feed_has_what_the_format_requires(feed: ElementTree.Element, server: str, path: str) -> None:
    """RFC 4287, 4.1.1: one id, title and updated, an author, at most one link for each relation and type."""
    assert feed.tag == f"{ATOM}feed"
    assert urlsplit(one(feed, "id")).scheme == "http"
    assert one(feed, "title").startswith("New versions")
    assert feed.find(f"{ATOM}author/{ATOM}name") is not None
    assert links(feed)["self"].endswith(path)
    assert links(feed)["self"] == one(feed, "id")
    entries = [datetime.fromisoformat(one(entry, "updated")) for entry in feed.findall(f"{ATOM}entry")]
    assert datetime.fromisoformat(one(feed, "updated")) == max(
        entries, default=datetime.fromisoformat("1970-01-01T00:00Z")
    )
    assert entries == sorted(entries, reverse=True)
    assert len(entries) <= 50


@every_feed
def test_an_entry_has_what_the_format_requires(feed: ElementTree.Element) -> None:
    """RFC 4287, 4.1.2: one id, title and updated; ids that differ; XHTML content is one div (3.1.1.3)."""
    ids = [one(entry, "id") for entry in feed.findall(f"{ATOM}entry")]
    assert len(set(ids)) == len(ids)
    assert all(id_.startswith("urn:uuid:") for id_ in ids)
    for entry in feed.findall(f"{ATOM}entry"):
        assert one(entry, "title")
        assert datetime.fromisoformat(one(entry, "published")).tzinfo
        assert datetime.fromisoformat(one(entry, "updated")).tzinfo
        assert urlsplit(links(entry)["alternate"]).scheme == "http"
        content = entry.find(f"{ATOM}content")
        assert content is not None
        assert content.attrib == {"type": "xhtml"}
        assert [child.tag for child in content] == ["{http://www.w3.org/1999/xhtml}div"]


def titles(text: str) -> list[str]:
    return [one(entry, "title") for entry in ElementTree.fromstring(text).findall(f"{ATOM}entry")]


def test_there_is_one_entry_for_each_new_version_the_newest_first(example: httpx.Client) -> None:
    versions = ["1.29.1-r0", "1.28.0-r0", "1.27.4-r2", "1.27.4-r0", "1.27.3-r0"]
    assert titles(example.get("/example/nginx/feed.atom").text) == [f"example/nginx {version}" for version in versions]


def test_the_feed_of_all_has_the_versions_of_every_image(example: httpx.Client) -> None:
    named = {title.split()[0] for title in titles(example.get("/feed.atom").text)}
    assert named == {"example/nginx", "example/postgres", "example/python"}


def test_an_entry_leads_to_the_build_of_the_version(example: httpx.Client) -> None:
    for entry in ElementTree.fromstring(example.get("/feed.atom").text).findall(f"{ATOM}entry"):
        url = httpx.URL(links(entry)["alternate"])
        assert is_digest(url.params["build"])
        assert f'id="{url.fragment}"' in example.get(url).text


def test_ids_stay_whatever_the_host_and_whatever_else_becomes_known(tmp_path: Path) -> None:
    folder = synthetic(tmp_path)
    answers = [over(folder, url).get("/history/feed.atom").text for url in (None, "https://registry.example.com")]
    ids = [[one(entry, "id") for entry in ElementTree.fromstring(each).findall(f"{ATOM}entry")] for each in answers]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 50


def test_addresses_are_those_of_the_public_url(tmp_path: Path) -> None:
    client = over(catalogue(tmp_path, {}), "https://registry.example.com/")
    feed = ElementTree.fromstring(client.get("/feed.atom", headers={"Host": "lies.example"}).text)
    assert one(feed, "id") == "https://registry.example.com/feed.atom"
    assert links(feed)["alternate"] == "https://registry.example.com/"


def test_hostile_text_is_text_in_a_feed(made: httpx.Client) -> None:
    answer = made.get("/hostile/feed.atom")
    shown = dict(zip(HOSTILE, reversed(titles(answer.text)), strict=True))
    assert shown["markup"] == f"hostile {HOSTILE['markup']}"
    assert shown["cdata"] == f"hostile {HOSTILE['cdata']}"
    assert shown["bidi"] == "hostile 1.6⟨U+202E⟩0.1⟨U+2066⟩⟨U+200F⟩⟨U+061C⟩"
    assert len(shown["long"]) < 150
    tags = {element.tag for element in ElementTree.fromstring(answer.text).iter() if "xhtml" in element.tag}
    assert {tag.partition("}")[2] for tag in tags} == {"div", "p", "bdi", "pre", "code"}
    assert "\x00" not in answer.text
    assert "<!DOCTYPE" not in answer.text


@pytest.mark.parametrize("name", RESERVED)
def test_an_image_that_is_named_like_another_address_has_its_feed(made: httpx.Client, name: str) -> None:
    assert titles(made.get(f"/_/feed/{name}").text) == [f"{name} 1.0-r0"]


def test_an_image_that_nobody_tracks_has_no_feed(example: httpx.Client) -> None:
    assert example.get("/unknown/feed.atom").status_code == 404
