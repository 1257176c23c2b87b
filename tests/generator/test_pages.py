"""The Markdown pages, as people read them on GitHub."""

import re
from pathlib import Path

import msgspec

from generator import images
from generator.record.index import Build
from generator.record.packages import expand
from generator.record.store import Store
from generator.render.pages import LONG_YEAR, render_catalogue, render_image
from tests.example import INDEX
from tests.query.made import Made, build

STORE = Store(INDEX)
NAMES = ("example/nginx", "example/postgres", "example/python")


def pages(folder: Path, name: str, address: str = "registry.example.com") -> dict[str, str]:
    index = Store(folder).image(name)
    assert index
    return render_image(index, ("latest", "latest-dev"), expand(Store(folder).packages(name)), address)


def test_the_catalogue_says_how_to_pull() -> None:
    catalogue = STORE.catalogue()
    assert catalogue
    page = render_catalogue(catalogue, "registry.example.com", "https://example.github.io/images/")
    assert "\n    docker pull registry.example.com/example/nginx:1.29.1\n" in page
    assert "<https://example.github.io/images/>" in page


def test_an_empty_catalogue_promises_no_pull(tmp_path: Path) -> None:
    Made(tmp_path)
    wanted = images.load(tmp_path / "images.toml")
    assert not wanted.images
    catalogue = STORE.catalogue()
    assert catalogue
    waiting = type(catalogue)(upstream=catalogue.upstream, images={"nginx": catalogue.images["nginx"]})
    assert "docker pull" not in render_catalogue(waiting)
    assert "1 image, 0 of them refreshed" in render_catalogue(waiting)


def test_every_row_of_tags_leads_to_its_build() -> None:
    for name in NAMES:
        of_image = pages(INDEX, name)
        rows = [line for line in of_image["README.md"].splitlines() if line.startswith("| `")]
        assert rows
        for row in rows:
            (page, anchor) = re.findall(r"\]\((\d{4}\.md)#([\w.-]+)\) \|$", row)[0]
            assert of_image[page].count(f'<a id="{anchor}"></a>') == 1


def test_no_date_in_a_table_is_broken_at_its_hyphens() -> None:
    catalogue = STORE.catalogue()
    assert catalogue
    for page in (render_catalogue(catalogue), *(pages(INDEX, name)["README.md"] for name in NAMES)):
        assert not [row for row in page.splitlines() if row.startswith("|") and re.search(r"\d{4}-\d\d-\d\d", row)]


def test_a_long_year_lists_its_months_which_have_pages_of_their_own(tmp_path: Path) -> None:
    days = [f"2025-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 8)]
    assert len(days) > LONG_YEAR
    Made(tmp_path).image("demo", [(build(f"1.{at}-r0", day), []) for at, day in enumerate([*days, "2024-05-05"])])
    of_image = pages(tmp_path, "demo")
    assert of_image.keys() == {"README.md", "2024.md", "2025.md", *(f"2025-{month:02}.md" for month in range(1, 13))}
    assert "| [March](2025-03.md) | 7 | `1.20-r0`" in of_image["2025.md"]
    assert of_image["2025-03.md"].count("\n### ") == 7
    assert "](2025-03.md#latest-" in of_image["README.md"]
    assert max(map(len, of_image.values())) < 100_000


def test_a_build_says_who_signed_it_and_stands_out_where_that_is_another(tmp_path: Path) -> None:
    def signed(day: int, identity: str | None, issuer: str | None = None) -> Build:
        made = build(f"1.{day}-r0", f"2025-01-0{day}")
        assert made.sbom
        sbom = msgspec.structs.replace(made.sbom, verified=bool(identity), identity=identity, issuer=issuer)
        return msgspec.structs.replace(made, sbom=sbom)

    builds = [
        signed(1, None),
        signed(2, "ci@a.example", "https://a.example"),
        signed(3, "ci@a.example", "https://a.example"),
    ]
    builds += [signed(4, "key:sha256:ab"), signed(5, None), signed(6, None)]
    Made(tmp_path).image("demo", [(each, []) for each in builds])
    newest, *_, second, first = pages(tmp_path, "demo")["2025.md"].split("\n### ")[1:]
    assert "signature not verified" in first
    assert "signed by `ci@a.example (https://a.example)`" in second
    text = pages(tmp_path, "demo")["2025.md"]
    assert text.count("**another signer**: the build before was signed by `ci@a.example (https://a.example)`") == 1
    assert text.count("**no verified signature**: the build before was signed by `key:sha256:ab`") == 1
    assert "**" not in first + second + newest
