"""The pages as HTML: what they say, how they are sent, and that they stay bounded."""

import asyncio
import re
from contextlib import closing
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from server.current import Current
from server.pages import Pages
from tests.pages.made import HOSTILE, LONG, RESERVED, catalogue, synthetic

ASSET = re.compile(r'(?:href|src)="(/_/[^"]+)"')


class InProcess:
    """The pages of an index, asked in this process."""

    def __init__(self, current: Current, public_url: str | None = None) -> None:
        self._transport = httpx.ASGITransport(Starlette(routes=Pages(current, public_url).routes()))

    def get(self, path: str, **options: Any) -> httpx.Response:
        async def get() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://localhost") as client:
                return await client.get(path, **options)

        return asyncio.run(get())


def over(folder: Path, public_url: str | None = None) -> InProcess:
    return InProcess(Current(folder), public_url)


def as_written(client: httpx.Client, path: str) -> HTTPResponse:
    """The answer to a path that is sent as it stands, dots and all."""
    connection = HTTPConnection(client.base_url.host, client.base_url.port, timeout=20)
    with closing(connection):
        connection.putrequest("GET", path)
        connection.endheaders()
        return connection.getresponse()


class Attributes(HTMLParser):
    """The names of all attributes in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names = set[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {name for name, _ in attrs}


# What they say


def test_the_catalogue_has_each_image_with_its_newest_version_and_how_to_pull_it(example: httpx.Client) -> None:
    text = example.get("/").text
    assert '<h3><a href="/example/nginx">example/nginx</a></h3>' in text
    assert '<p class="version"><bdi>1.29.1-r0</bdi></p>' in text
    assert f"<code>docker pull {example.base_url.netloc.decode()}/example/nginx:1.29.1</code>" in text
    assert '<time datetime="2026-02-18T17:56:09+00:00">2026-02-18</time> <span>10 builds</span>' in text
    assert '<li><a href="/bash">bash</a></li>' in text.partition("Not yet refreshed")[2]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("nginx", {"example/nginx", "nginx"}),
        ("libssl3", {"example/nginx", "example/postgres", "example/python"}),
        ("libssl3 3.4.1", {"example/postgres", "example/python"}),
        ("LIBSSL3 3.5", {"example/nginx"}),
        ("postgresql-17", {"example/postgres"}),
        ("3.5.2", set()),
        ("chainguard", set()),
    ],
)
def test_search_finds_images_and_those_whose_newest_build_has_a_package(
    example: httpx.Client, query: str, found: set[str]
) -> None:
    main = example.get("/", params={"q": query}).text.partition("<main")[2].partition("</main>")[0]
    assert set(re.findall(r'<a href="/([a-z/]+)">', main)) == found


def test_a_build_has_its_tags_packages_digest_platforms_and_sbom(example: httpx.Client) -> None:
    text = example.get("/example/nginx").text
    build = text.partition('id="latest-53cd28d3dff8"')[2].partition("</ol>")[0].partition("<li id=")[0]
    for fact in (
        "1.28.0-r0-202504240203",
        "new version",
        '13 packages: <span class="changed">7 changed</span>',
        '<bdi>glibc</bdi> <span class="from"><bdi>2.41-r0</bdi></span>',
        "sha256:53cd28d3dff8ecb5884e8998c3c36d08cc809262f5d872d04a529f4af11639ec",
        "<bdi>linux/amd64</bdi>, <bdi>linux/arm64</bdi>",
        "<bdi>spdx</bdi> from <bdi>cosign-attestation</bdi>, signature not verified",
        '<time datetime="2025-04-24T02:20:14.560000+00:00">2025-04-24 02:20</time>',
    ):
        assert fact in build


def test_tags_are_told_apart_by_what_moves_them(example: httpx.Client) -> None:
    text = example.get("/example/nginx").text
    for kind, tag in (
        ("moving", "1"),
        ("moving", "1.29-dev"),
        ("exact", "1.27.4-r2"),
        ("exact", "1.27.4-r2-dev"),
        ("unique", "1.27.4-r2-202503040140"),
        ("unique", "1.27.4-r2-dev-202502200137"),
    ):
        assert f'<a class="tag {kind}" rel="nofollow" href="?tag={tag}#pull">{tag}</a>' in text


def test_a_rebuild_is_told_from_a_new_version(example: httpx.Client) -> None:
    text = example.get("/example/nginx").text
    assert '<li id="latest-de527d6936e6" class="again">' in text
    assert '<li id="latest-31ae956d823e" class="new">' in text


def test_the_chart_says_in_words_what_it_shows(example: httpx.Client) -> None:
    text = example.get("/example/nginx").text
    assert "1.27: 6 builds from 2025-01-09 to 2025-03-04." in text.partition("<desc")[2].partition("</desc>")[0]
    assert "style=" not in text


def test_packages_that_came_and_went_are_told_from_those_that_changed(made: httpx.Client) -> None:
    text = "".join(made.get("/history", params={"page": page}).text for page in range(1, 14))
    assert re.search(r'<li class="added"><span class="unseen">added: </span><bdi>new\d+</bdi> <span class="to">', text)
    assert re.search(r'<li class="removed"><span class="unseen">removed: </span><bdi>lib\d+</bdi> ', text)
    assert re.search(r'<li class="changed">.*<bdi>lib\d+</bdi> <span class="from">.*<span class="to">', text)
    assert re.search(r"The same \d+ packages as in the build before\.", text)


def test_a_pull_command_is_for_the_tag_that_was_chosen(example: httpx.Client) -> None:
    text = example.get("/example/nginx", params={"tag": "1.27"}).text
    assert "/example/nginx:1.27</code>" in text
    assert "/example/nginx@sha256:de527d6936e6e5e55f41e49e12b52ab83d49438bd765838618282c1867e536ba</code>" in text
    assert "/example/nginx:1.29.1</code>" in example.get("/example/nginx", params={"tag": "no-such"}).text


def test_an_image_without_a_known_version_offers_upstreams_own_tag(made: httpx.Client) -> None:
    for name in ("sparse", "waiting"):
        assert f"/{name}:latest</code>" in made.get(f"/{name}").text


def test_an_image_that_nobody_tracks_is_still_pulled_and_similar_names_are_offered(example: httpx.Client) -> None:
    answer = example.get("/exmple/ngin")
    assert answer.status_code == 404
    assert "/exmple/ngin:latest</code>" in answer.text
    assert '<a href="/example/nginx">' in answer.text
    assert "docker pull" not in example.get("/No such page").text


def test_the_host_of_a_lying_request_is_not_shown(example: httpx.Client) -> None:
    text = example.get("/", headers={"Host": 'evil"><script>'}).text
    assert "evil" not in text
    assert "docker pull localhost/example/nginx" in text


def test_the_public_url_is_shown_where_it_is_set(tmp_path: Path) -> None:
    client = over(synthetic(tmp_path), "https://registry.example.com/")
    assert "docker pull registry.example.com/history:" in client.get("/").text
    assert '<link rel="canonical" href="https://registry.example.com/history">' in client.get("/history").text


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b'{"builds": [{}]}', b"\xff", None])
def test_files_that_broke_since_the_index_was_loaded_cost_only_what_they_would_have_told(
    tmp_path: Path, content: bytes | None
) -> None:
    folder = synthetic(tmp_path)
    client = over(folder)
    for file in ("index.json", "packages.json"):
        (folder / "history" / file).unlink()
        if content is not None:
            (folder / "history" / file).write_bytes(content)
    text = client.get("/history").text
    assert "Its packages are not known." in text
    assert "1.22.0-r0" in text
    assert client.get("/?q=lib").status_code == 200


def test_a_page_follows_the_files_and_the_index_in_use(tmp_path: Path) -> None:
    folder = catalogue(tmp_path, {"one": {"repository": "cgr.dev/chainguard/one", "refreshed": False}})
    current = Current(folder)
    client = InProcess(current)
    assert "<h3>" not in client.get("/").text
    synthetic(folder)
    current.index = Current(folder).index
    assert ">history</a>" in client.get("/").text
    assert "lib05" in client.get("/?q=lib").text


# How they are sent


@pytest.mark.parametrize(
    "path", ["/", "/?q=ssl", "/example/nginx", "/bash", "/unknown", "/feed.atom", "/index/index.json"]
)
def test_nothing_but_this_server_is_trusted(example: httpx.Client, path: str) -> None:
    headers = example.get(path).headers
    policy = dict(each.strip().split(" ", 1) for each in headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "script-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/?q=ssl", "/example/nginx", "/feed.atom", "/index/index.json"])
def test_a_client_that_has_a_page_is_not_sent_it_again(example: httpx.Client, path: str) -> None:
    first = example.get(path)
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "public, max-age=60"
    for held in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = example.get(path, headers={"If-None-Match": held})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert example.get(path, headers={"If-None-Match": '"other"'}).content == first.content
    head = example.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(first.content))


def test_what_a_page_needs_can_be_kept_for_ever(example: httpx.Client) -> None:
    assets = set(ASSET.findall(example.get("/").text))
    types = {example.get(path).headers["content-type"].partition(";")[0] for path in assets}
    assert types == {"text/css", "text/javascript", "image/svg+xml"}
    for path in assets:
        assert example.get(path).headers["cache-control"] == "public, max-age=31536000, immutable"


def test_what_a_page_of_another_release_needs_is_given_but_not_kept(example: httpx.Client) -> None:
    answer = example.get("/_/site.0123456789ab.css")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert example.get("/_/pages.0123456789ab.py").status_code == 404
    assert example.get("/_/..%2fpages.py").status_code == 404


def test_pages_are_not_written_to(example: httpx.Client) -> None:
    assert example.post("/").status_code == 405
    assert example.delete("/example/nginx").status_code == 405


def test_every_link_of_every_page_leads_somewhere(example: httpx.Client) -> None:
    seen, waiting = set[str](), ["/"]
    while waiting:
        path = waiting.pop()
        answer = example.get(path, follow_redirects=True)
        assert answer.status_code == 200, path
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        for target in re.findall(r'href="([^"]+)"', answer.text):
            url = answer.url.join(target.replace("&amp;", "&"))
            if url.host == answer.url.host and url.params.get("tag", "1.27") == "1.27":
                following = url.raw_path.decode()
                if url.fragment and following == answer.url.raw_path.decode():
                    assert f'id="{url.fragment}"' in answer.text
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
    assert {"/bash", "/example/nginx", "/feed.atom", "/example/python/feed.atom", "/index/schema.json"} <= seen


# Bounded


def test_a_long_history_comes_in_pages_of_which_each_is_bounded(made: httpx.Client) -> None:
    pages = [made.get("/history", params={"page": page}).text for page in range(1, 14)]
    builds = [re.findall(r'<li id="([a-z0-9-]+)"', page) for page in pages]
    assert [len(of_page) for of_page in builds] == [20] * 13
    assert len({build for of_page in builds for build in of_page}) == LONG
    assert max(map(len, pages)) < 200_000
    assert "Page 13 of 13" in made.get("/history", params={"page": "99"}).text
    for wrong in ("0", "-1", "x", "1e9", "٣", "9" * 50):
        assert made.get("/history", params={"page": wrong}).status_code == 200


def test_a_large_catalogue_comes_in_pages_of_which_each_is_bounded(tmp_path: Path) -> None:
    folder = synthetic(tmp_path)
    image = (folder / "sparse" / "index.json").read_text()
    images = {}
    for number in range(350):
        name = f"team/image-{number:03}"
        images[name] = {"repository": f"cgr.dev/chainguard/image-{number}", "refreshed": number < 250}
        (folder / name).mkdir(parents=True)
        (folder / name / "index.json").write_text(image)
    client = over(catalogue(folder, images))
    pages = [client.get("/", params={"page": page, "q": "team"}).text for page in (1, 2, 3)]
    assert [page.count("<h3><a") for page in pages] == [100, 100, 50]
    assert '<a rel="next" href="?q=team&amp;page=2#images">' in pages[0]
    assert "and 0 more" not in pages[0]
    assert max(map(len, pages)) < 200_000


def test_a_query_is_bounded(made: httpx.Client) -> None:
    answer = made.get("/", params={"q": "x" * 5000})
    assert answer.status_code == 200
    assert len(answer.text) < 10_000


# Hostile text


@pytest.mark.parametrize("path", ["/", "/hostile", "/?q=a1", "/?q=hostile", "/hostile?page=1&tag=1.0-r0"])
def test_hostile_text_is_inert_in_html(made: httpx.Client, path: str) -> None:
    answer = made.get(path)
    assert answer.status_code == 200
    assert answer.text.count("<script") == 1
    assert not [name for name in Attributes(answer.text).names if name.startswith("on") or name == "style"]
    assert all(character.isprintable() or character == "\n" for character in answer.text)
    assert len(answer.text) < 250_000
    assert "49" not in re.findall(r"1\.3(.{0,40})", answer.text)


def test_hostile_text_is_shown_for_what_it_is(made: httpx.Client) -> None:
    text = made.get("/hostile").text
    assert "<bdi>1.0&lt;script&gt;alert(1)&lt;/script&gt;</bdi>" in text
    assert "1.6⟨U+202E⟩0.1⟨U+2066⟩⟨U+200F⟩⟨U+061C⟩" in text
    assert "1.5⟨U+0000⟩⟨U+0007⟩⟨U+001B⟩[31mred⟨U+007F⟩⟨U+0085⟩⟨U+FFFE⟩" in text
    assert "1.3{{ 7 * 7 }}" in text
    assert HOSTILE["long"] not in text


@pytest.mark.parametrize("name", RESERVED)
def test_an_image_that_is_named_like_another_address_hides_nothing(made: httpx.Client, name: str) -> None:
    assert f'<h1 class="name">{name}</h1>' in made.get(f"/-/{name}").text
    assert made.get("/healthz").text == "ok"
    assert made.get("/feed.atom").headers["content-type"].startswith("application/atom+xml")
    assert made.get("/index/index.json").json()["schema"] == 1


def test_an_odd_address_is_no_error_and_no_redirect(made: httpx.Client) -> None:
    for path in ("//evil.example/", "/history//", "/%00", "/%ff", "/a" * 2000, "/../../etc/passwd", "/-/", "/_/"):
        answer = as_written(made, path)
        assert answer.status in (200, 404), path
        assert not answer.getheader("location")
