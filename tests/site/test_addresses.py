"""Where pages are: no two at one place, and no image's at one of the site's or the server's own."""

import msgspec
import pytest

from generator.site.addresses import build_names, image_folder, root
from tests.query.made import build

DIGITS = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("nginx", "nginx/"),
        ("team/nginx", "team/nginx/"),
        ("v2", "-/image/v2/"),
        ("index/nginx", "-/image/index/nginx/"),
        ("team/index.html", "-/image/team/index.html/"),
        ("robots.txt/nginx", "-/image/robots.txt/nginx/"),
        ("v2ray", "v2ray/"),
    ],
)
def test_an_image_has_a_folder_that_nothing_else_has(name: str, folder: str) -> None:
    assert image_folder(name) == folder


def test_a_build_is_named_by_the_beginning_of_its_digest() -> None:
    made = build("1.0-r0", "2025-01-01")
    assert build_names([made]) == {made.key: made.digest[7:19]}


def test_builds_whose_digests_begin_alike_or_are_the_same_have_names_of_their_own() -> None:
    first = msgspec.structs.replace(build("1.0-r0", "2025-01-01"), digest=f"sha256:{DIGITS}")
    alike = msgspec.structs.replace(first, digest=f"sha256:{DIGITS[:-1]}0")
    same = msgspec.structs.replace(first, track="latest-dev")
    assert list(build_names([first, alike, same]).values()) == [
        DIGITS[:12],
        f"{DIGITS[:-1]}0",
        f"{DIGITS[:12]}-latest-dev",
    ]


def test_links_lead_back_to_the_root() -> None:
    assert [root(path) for path in ("", "nginx/", "team/nginx/-/0123456789ab/")] == ["", "../", "../../../../"]
