"""Whatever an upstream says is text, on every page and in every feed."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from generator.images import Image
from generator.record.index import Build, ImageIndex, Sbom, Unknown
from generator.reference import Repository
from generator.site.feed import News
from generator.site.image import ImageSite
from generator.site.render import Renderer
from tests.hostile.texts import LINES, WORDS
from tests.query.made import digest

RENDER = Renderer("registry.example.com", None, "cgr.dev/chainguard")
AT = datetime(2025, 1, 1, tzinfo=UTC)

hostile = st.lists(
    st.sampled_from([*WORDS, *LINES, "<", ">", "&", '"', "'", "]]>", "{{", "{%", "\ud7ff", "\u202e", "\x00"])
    | st.text(max_size=6),
    min_size=1,
    max_size=3,
).map(lambda parts: "".join(parts)[:24] or "x")


class Skeleton(HTMLParser):
    """The elements of a page and the names of their attributes, without any text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.parts: list[object] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append((tag, [name for name, _ in attrs]))

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.parts.append(f"<!-- {data}")


def site(text: str) -> ImageSite:
    build = Build(
        digest=digest("build"),
        media_type=text,
        size=1,
        track="latest",
        version=None,
        purl=None,
        created=AT,
        seen=AT,
        platforms={text: digest("platform")},
        sbom=Sbom(kind="referrer", format="spdx", digest=digest("sbom"), verified=True, identity=text, issuer=text),
        unknown=Unknown(reason=text, candidates=(text, text)),
    )
    index = ImageIndex(
        name="demo",
        repository="cgr.dev/chainguard/demo",
        package=text,
        auth=None,
        tracks={},
        tags={},
        builds=(build,),
    )
    return ImageSite(Image("demo", Repository("cgr.dev", "chainguard/demo")), index, {})


def pages(text: str) -> list[str]:
    image = site(text)
    (row,) = image.rows
    return [RENDER.image(image), RENDER.build(image, row), RENDER.year(image, 2025, [row]), RENDER.compare(image)]


PLAIN = [Skeleton(page).parts for page in pages("plain")]


@given(hostile)
def test_a_text_adds_nothing_to_a_page(text: str) -> None:
    for page, plain in zip(pages(text), PLAIN, strict=True):
        assert Skeleton(page).parts == plain
        assert all(each.isprintable() or each == "\n" for each in page)


def feed(version: str) -> list[str]:
    news = News("demo", "cgr.dev/chainguard/demo", version, "latest", digest("build"), None, AT, "demo/-/x/")
    return [element.tag for element in ElementTree.fromstring(RENDER.feed("-/feed.atom", "", None, [news])).iter()]


@given(hostile)
def test_a_text_adds_nothing_to_a_feed(text: str) -> None:
    assert feed(text) == feed("plain")
