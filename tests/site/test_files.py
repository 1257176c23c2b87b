"""What is written, and what is not: the same bytes again, only what changed, nothing of others."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree import ElementTree

import msgspec
import pytest

from generator.errors import ConfigurationError, ReverseRegistryError
from generator.record.index import Retracted
from generator.record.store import Store
from generator.site.folder import LIST
from tests.example import INDEX
from tests.query.made import Made, build, refused, run
from tests.site.conftest import make
from tests.site.made import LONG, RESERVED


def contents(folder: Path) -> dict[str, bytes]:
    return {f"{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def written(folder: Path) -> dict[str, int]:
    return {f"{path.relative_to(folder)}": path.stat().st_ino for path in folder.rglob("*") if path.is_file()}


def index(folder: Path, *versions: str) -> Path:
    made = Made(folder)
    made.image("demo", [(build(version, f"2025-01-{day:02}"), []) for day, version in enumerate(versions, 1)])
    return folder


# Bytes


def test_the_same_index_gives_the_same_bytes(tmp_path: Path, made: Path) -> None:
    first, second = contents(make(made, tmp_path / "first")), contents(make(made, tmp_path / "second"))
    assert first.keys() == second.keys()
    assert [path for path in first if first[path] != second[path]] == []


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    target = make(INDEX, tmp_path / "site")
    before = written(target)
    assert run("site", target, index=INDEX).output == f"5 images, 21 builds: {len(before) - 1} files in {target}\n"
    assert written(target) == before


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    target = make(index(tmp_path / "index", "1.0-r0", "1.1-r0"), tmp_path / "site")
    before = written(target)
    make(index(tmp_path / "index", "1.0-r0", "1.1-r0", "1.2-r0"), target)
    after = written(target)
    same = {path for path in before if before[path] == after[path]}
    first = next(path for path in before if re.fullmatch(r"demo/-/\w{12}/index.html", path) and path in same)
    assert {"-/site.css", "404.html", "-/search/index.html", "demo/-/compare/index.html", first} <= same
    assert {"index.html", "demo/index.html", "demo/index.json"}.isdisjoint(same)


# Files of others


def test_what_is_no_more_is_removed_and_what_others_put_there_is_kept(tmp_path: Path) -> None:
    source = index(tmp_path / "index", "1.0-r0")
    target = make(source, tmp_path / "site")
    for path in ("CNAME", "demo/notes.txt", ".well-known/security.txt"):
        (target / path).parent.mkdir(exist_ok=True)
        (target / path).write_text("mine")
    (source / "images.toml").write_text('upstream = "cgr.dev/chainguard"\n')
    assert " removed\n" in run("site", target, index=source).output
    left = contents(target)
    assert {"CNAME", "demo/notes.txt", ".well-known/security.txt"} <= left.keys()
    assert [path for path in left if path.startswith("demo/")] == ["demo/notes.txt"]
    assert not (target / "demo" / "-").exists()


def test_a_file_of_others_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "site"
    target.mkdir()
    (target / "index.html").write_text("mine")
    said = refused("site", target, index=INDEX)
    assert said == f"{target}/index.html: is not of this site; remove it, or choose an empty folder"
    assert (target / "index.html").read_text() == "mine"


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    target, outside = tmp_path / "site", tmp_path / "outside"
    target.mkdir()
    outside.mkdir()
    (target / "example").symlink_to(outside)
    assert "a symbolic link, should be a folder" in refused("site", target, index=INDEX)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("inside", [".", "nginx", "site"])
def test_the_folder_of_the_index_is_not_that_of_the_site(tmp_path: Path, inside: str) -> None:
    source = index(tmp_path / "index", "1.0-r0")
    before = contents(source)
    assert "is in the folder of the index" in refused("site", source / inside, index=source)
    assert contents(source) == before


def test_a_run_that_was_stopped_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = index(tmp_path / "index", "1.0-r0"), tmp_path / "site"
    with monkeypatch.context() as patch:
        patch.setattr("generator.site.search.SearchData.files", lambda *_: iter([("x" * 300, b"")]))
        refused("site", target, index=source)
    assert (target / "demo" / "index.html").exists()
    make(index(tmp_path / "index", "1.0-r0", "1.1-r0"), target)
    assert contents(target) == contents(make(source, tmp_path / "other"))


def test_a_broken_index_leaves_the_site_as_it_was(tmp_path: Path) -> None:
    source = index(tmp_path / "index", "1.0-r0")
    target = make(source, tmp_path / "site")
    before = contents(target)
    (source / "demo" / "index.json").write_text("{")
    assert "demo/index.json" in refused("site", target, index=source)
    assert contents(target) == before


def test_there_has_to_be_an_index(tmp_path: Path) -> None:
    done = run("site", tmp_path / "site", index=tmp_path)
    assert isinstance(done.exception, ConfigurationError | ReverseRegistryError)
    assert not (tmp_path / "site").exists()


# Pages


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.inline: list[str] = []
        self.head: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.links += [given[name] for name in ("href", "src", "action") if name in given]
        self.ids |= {given["id"]} if "id" in given else set()
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        self.inline += [tag] if tag == "style" or (tag == "script" and "src" not in given) else []
        if "http-equiv" in given:
            self.head[given["http-equiv"]] = given["content"]


@pytest.mark.parametrize("name", ["example", "made", "empty"])
def test_every_link_of_every_page_leads_to_a_file_of_the_site(folders: dict[str, Path], name: str) -> None:
    folder, wrong, reached = folders[name], list[str](), {"404.html", "robots.txt", "sitemap.xml", LIST}
    pages = [path for path in contents(folder) if path.endswith(".html")]
    for path in pages:
        base = "https://example.github.io/images/" if path == "404.html" and name == "made" else "http://x/"
        for link in Parsed((folder / path).read_text()).links:
            url = urlsplit(urljoin(base if path == "404.html" else f"http://x/{path}", link))
            if url.netloc == "example.github.io":
                url = url._replace(path=url.path.removeprefix("/images"))
            to = unquote(url.path).lstrip("/")
            to = f"{to}index.html" if to.endswith("/") or not to else to
            reached.add(to)
            if not (folder / to).is_file():
                wrong.append(f"{path}: {link}")
    assert wrong == []
    assert {path for path in contents(folder) if not path.startswith("-/search/")} - reached <= {"-/compare.js"}


@pytest.mark.parametrize("name", ["example", "made", "empty"])
def test_no_page_holds_code_or_style_or_asks_another_host(folders: dict[str, Path], name: str) -> None:
    for path, data in contents(folders[name]).items():
        if path.endswith(".html"):
            page = Parsed(data.decode())
            assert page.inline == [], path
            policy = dict(part.strip().split(" ", 1) for part in page.head["Content-Security-Policy"].split(";"))
            assert policy.pop("default-src") == policy.pop("base-uri") == "'none'"
            assert set(policy.values()) == {"'self'"}
            foreign = {urlsplit(link).netloc for link in page.links} - {"", "example.github.io"}
            assert foreign == set(), path


def test_the_documents_of_the_index_stand_beside_the_pages(folders: dict[str, Path]) -> None:
    for path in ("schema.json", "example/nginx/index.json", "example/nginx/packages.json", "index.json"):
        assert (folders["example"] / path).read_bytes() == (INDEX / path).read_bytes()


def test_every_image_has_a_page_whatever_its_name(folders: dict[str, Path]) -> None:
    for name in RESERVED:
        homes = [folders["made"] / name / "index.html", folders["made"] / "-" / "image" / name / "index.html"]
        (page,) = [home for home in homes if home.is_file() and f'<h1 class="name">{name}</h1>' in home.read_text()]
        assert f"docker pull registry.example.com/{name}:1.0-r0<" in page.read_text()
    assert "<urlset" in (folders["made"] / "sitemap.xml").read_text()


def test_a_long_history_has_pages_for_its_years(folders: dict[str, Path]) -> None:
    history = folders["made"] / "history"
    years = [path for path in (history / "-").iterdir() if re.fullmatch(r"\d{4}", path.name)]
    assert {path.name for path in years} == {"2022", "2023", "2024", "2025"}
    rows = sum((path / "index.html").read_text().count("<tr data-track") for path in years)
    assert rows == LONG
    assert len([path for path in (history / "-").iterdir() if re.fullmatch(r"[0-9a-f]{12}", path.name)]) == LONG


def test_an_image_that_was_never_refreshed_says_so(folders: dict[str, Path]) -> None:
    page = (folders["example"] / "bash" / "index.html").read_text()
    assert "No build is known yet" in page
    assert "reverse-registry refresh bash" in page
    assert "docker pull registry.example.com/bash:latest" in page


def test_an_empty_index_says_how_to_begin(folders: dict[str, Path]) -> None:
    page = (folders["empty"] / "index.html").read_text()
    assert "This index is empty" in page
    assert "reverse-registry add nginx" in page


def test_what_needs_javascript_says_so_and_what_to_do_without(folders: dict[str, Path]) -> None:
    for path, command in (
        ("-/search", "search PACKAGE VERSION"),
        ("example/nginx/-/compare", "diff example/nginx:TAG"),
    ):
        (said,) = re.findall("<noscript>(.*?)</noscript>", (folders["example"] / path / "index.html").read_text())
        assert f"<code>reverse-registry {command}" in said


def test_why_a_version_is_unknown_is_said(folders: dict[str, Path]) -> None:
    page = (folders["made"] / "sparse" / "index.html").read_text()
    assert "2 builds have no known version" in page
    assert "no package is called sparse" in page
    assert "apk/wolfi/sparse-core@1.0-r0" in page


def test_a_build_shows_all_of_its_digests_and_packages(folders: dict[str, Path]) -> None:
    page = next((folders["example"] / "example" / "nginx" / "-").glob("8fd7b1323c26/index.html")).read_text()
    digests = set(re.findall(r"sha256:[0-9a-f]{64}", page))
    assert len(digests) == 3
    for digest in digests:
        assert f'data-copy="{digest}"' in page
    assert page.count("<li><b>") == 13
    assert "docker pull registry.example.com/example/nginx:1.29.1@sha256:8fd7b1323c26" in page


def test_a_build_that_another_signed_than_the_one_before_stands_out(tmp_path: Path) -> None:
    builds = []
    for day, identity in enumerate(("a@example.com", "a@example.com", "b@example.com"), 1):
        made = build(f"1.{day}-r0", f"2025-01-0{day}")
        assert made.sbom
        sbom = msgspec.structs.replace(made.sbom, verified=True, identity=identity, issuer="https://issuer.example")
        builds.append((msgspec.structs.replace(made, sbom=sbom), list[str]()))
    Made(tmp_path / "index").image("demo", builds)
    site = make(tmp_path / "index", tmp_path / "site")
    pages = [(site / "demo" / "-" / each.digest[7:19] / "index.html").read_text() for each, _ in builds]
    assert ["Another signer" in page for page in pages] == [False, False, True]
    assert all("signed by <bdi>a@example.com (https://issuer.example)</bdi>" in page for page in pages)
    assert (site / "demo" / "index.html").read_text().count("another signer") == 1


def test_what_was_retracted_and_what_is_gone_is_told(tmp_path: Path) -> None:
    old, new = build("1.0-r0", "2025-01-01"), build("1.1-r0", "2025-02-01")
    gone = msgspec.structs.replace(old, gone=datetime(2025, 3, 4, tzinfo=UTC))
    Made(tmp_path / "index").image("demo", [(gone, []), (new, [])])
    store = Store(tmp_path / "index")
    index = store.image("demo")
    assert index
    retracted = {"1.2-r0-202502010000": Retracted(digest=new.digest, reason="its version is 1.1-r0 <by its SBOM>")}
    store.write("demo/index.json", msgspec.structs.replace(index, retracted=retracted))
    assert "1.0-r0" in index.gone
    site = make(tmp_path / "index", tmp_path / "site")
    image = (site / "demo" / "index.html").read_text()
    assert "<code>1.2-r0-202502010000</code> is retracted: <bdi>its version is 1.1-r0 &lt;by its SBOM&gt;<" in image
    assert "<code>1.0</code> <code>1.0-r0</code> <code>1.0-r0-202501010000</code> cannot be pulled any more" in image
    assert image.count(">gone</span>") == 1
    old_page = (site / "demo" / "-" / old.digest[7:19] / "index.html").read_text()
    assert "has not had this build since <time" in old_page
    assert "docker pull" not in old_page
    new_page = (site / "demo" / "-" / new.digest[7:19] / "index.html").read_text()
    assert "Retracted, but answered as ever" in new_page
    assert "docker pull localhost:8000/demo:1.1<" in new_page


# For machines


def test_without_its_address_a_site_promises_none(folders: dict[str, Path]) -> None:
    assert not (folders["example"] / "sitemap.xml").exists()
    assert "Sitemap" not in (folders["example"] / "robots.txt").read_text()


def test_the_sitemap_has_every_page_by_its_whole_address(folders: dict[str, Path]) -> None:
    folder, site = folders["made"], "https://example.github.io/images/"
    assert f"\nSitemap: {site}sitemap.xml\n" in (folder / "robots.txt").read_text()
    tree = ElementTree.fromstring((folder / "sitemap.xml").read_bytes())
    found = [each.text or "" for each in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert len(set(found)) == len(found) > LONG
    for address in found:
        assert (folder / address.removeprefix(site) / "index.html").is_file(), address
    assert f"{site}history/" in found


def test_a_large_site_has_several_sitemaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: dict[str, Path]
) -> None:
    monkeypatch.setattr("generator.site.writer.IN_A_SITEMAP", 10)
    target = make(INDEX, tmp_path / "site", settings='site = "https://example.github.io/images/"')
    parts = re.findall(r"<loc>https://example\.github\.io/images/(.*?)</loc>", (target / "sitemap.xml").read_text())
    assert parts == [f"-/sitemap-{number}.xml" for number in range(1, len(parts) + 1)]
    assert sum((target / part).read_text().count("<url>") for part in parts) == 21 + 5 + 1
