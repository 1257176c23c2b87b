"""The pages as people use them, in Chromium."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.pages.conftest import Visit
from tests.pages.made import RESERVED

PAGES = [
    ("example", "/"),
    ("example", "/?q=ssl"),
    ("example", "/?q=nothing-is-called-this"),
    ("example", "/example/nginx"),
    ("example", "/example/nginx?tag=1.27"),
    ("example", "/bash"),
    ("example", "/exmple/ngin"),
    ("example", "/No such page"),
    ("made", "/"),
    ("made", "/history"),
    ("made", "/history?page=3"),
    ("made", "/hostile"),
    ("made", "/sparse"),
    ("empty", "/"),
    ("empty", "/nginx"),
]
every_page = pytest.mark.parametrize(("server", "path"), PAGES)


@pytest.fixture
def catalogue(visit: Visit) -> Page:
    return visit("example", "/")


def is_dark(page: Page) -> bool:
    red: str = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0]")
    return int(red) < 128


# Searching


def test_results_come_while_one_types(catalogue: Page) -> None:
    catalogue.evaluate("window.stayed = true")
    catalogue.get_by_role("searchbox").press_sequentially("libssl3")
    expect(catalogue.get_by_role("heading", name="libssl3", exact=True)).to_be_visible()
    expect(catalogue.get_by_role("status")).to_have_text("0 images, and 1 package in newest builds.")
    expect(catalogue.locator(".packages")).to_contain_text(re.compile(r"3\.5\.2-r0\s*example/nginx"))
    expect(catalogue).to_have_url(re.compile(r"/\?q=libssl3$"))
    expect(catalogue).to_have_title("libssl3 · reverse-registry")
    assert catalogue.evaluate("window.stayed")


def test_an_emptied_search_shows_everything_again(visit: Visit) -> None:
    page = visit("example", "/?q=libssl3")
    page.get_by_role("searchbox").fill("")
    expect(page.get_by_role("heading", name="Every image, by version")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/$"))


def test_the_results_are_those_of_the_last_letter_however_slow_an_earlier_answer_is(catalogue: Page) -> None:
    def late(route: object) -> None:
        catalogue.wait_for_timeout(600)
        route.continue_()  # type: ignore[attr-defined]

    catalogue.route("**/?q=p", late)
    search = catalogue.get_by_role("searchbox")
    search.press_sequentially("p")
    catalogue.wait_for_timeout(250)
    search.press_sequentially("ostgres")
    expect(catalogue.get_by_role("heading", name="Results for “postgres”")).to_be_visible()
    catalogue.wait_for_timeout(700)
    expect(catalogue.get_by_role("heading", name="Results for “postgres”")).to_be_visible()


def test_search_leads_from_any_page_to_the_catalogue(visit: Visit) -> None:
    page = visit("example", "/example/nginx")
    page.get_by_role("searchbox").fill("python")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="example/python")).to_be_visible()


# Copying


def test_a_command_is_copied(visit: Visit) -> None:
    page = visit("example", "/example/nginx", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy “docker pull").first.click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"docker pull localhost:[0-9]+/example/nginx:1\.29\.1", copied)


def test_a_command_is_copied_where_there_is_no_tls(visit: Visit) -> None:
    page = visit("example", "/")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_role("button", name="Copy “docker pull").first.click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    page.get_by_role("searchbox").focus()
    page.keyboard.press("Control+V")
    expect(page.get_by_role("searchbox")).to_have_value(re.compile("^docker pull localhost:"))


def test_what_search_found_can_be_copied_too(visit: Visit) -> None:
    page = visit("example", "/", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("searchbox").fill("postgres")
    expect(page.get_by_role("heading", name="Results for")).to_be_visible()
    page.get_by_role("button", name="Copy “docker pull").click()
    assert page.evaluate("navigator.clipboard.readText()").endswith("/example/postgres:17.4")


# Light and dark


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_theme_is_the_systems_until_another_is_chosen_and_stays_chosen(visit: Visit, system: str) -> None:
    page = visit("example", "/", color_scheme=system)
    assert is_dark(page) == (system == "dark")
    page.get_by_role("button", name="Switch to the").click()
    assert is_dark(page) != (system == "dark")
    page.get_by_role("link", name="example/nginx").first.click()
    page.wait_for_url("**/example/nginx*")
    assert is_dark(page) != (system == "dark")
    page.get_by_role("button", name="Switch to the").click()
    assert is_dark(page) == (system == "dark")


# Small screens, no JavaScript, keyboard


@every_page
def test_no_page_is_wider_than_a_phone(visit: Visit, server: str, path: str) -> None:
    page = visit(server, path, viewport={"width": 360, "height": 740}, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_everything_works_without_javascript(visit: Visit) -> None:
    page = visit("example", "/", java_script_enabled=False)
    assert [button.inner_text() for button in page.get_by_role("button").all()] == ["Search"]
    page.get_by_role("searchbox").fill("libssl3 3.5")
    page.get_by_role("button", name="Search").click()
    page.locator(".packages").get_by_role("link", name="example/nginx").click()
    page.get_by_role("link", name="1.27", exact=True).first.click()
    expect(page.locator("#pull code").first).to_have_text(re.compile(r"^docker pull .*/example/nginx:1\.27$"))
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("rowheader", name="1.28", exact=True)).to_be_visible()


def test_the_content_is_one_key_away(visit: Visit) -> None:
    page = visit("example", "/example/nginx")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Images")).to_be_focused()


def test_whatever_has_the_focus_shows_it(catalogue: Page) -> None:
    for _ in range(12):
        catalogue.keyboard.press("Tab")
        style = catalogue.evaluate(
            "(({outlineStyle: s, outlineWidth: w}) => s + w)(getComputedStyle(document.activeElement))"
        )
        assert style == "solid3px", catalogue.evaluate("document.activeElement.outerHTML")


def test_slash_goes_to_the_search_but_is_a_letter_in_it(catalogue: Page) -> None:
    catalogue.keyboard.press("/")
    expect(catalogue.get_by_role("searchbox")).to_be_focused()
    catalogue.keyboard.type("example/nginx")
    expect(catalogue.get_by_role("searchbox")).to_have_value("example/nginx")


# Long histories


def test_a_tag_leads_to_its_build_on_whatever_page_that_is(visit: Visit) -> None:
    page = visit("made", "/history")
    page.get_by_text("older versions").first.click()
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="1.19.2-r0", exact=True))
    digest = row.locator(".digest a").inner_text()
    row.locator(".digest a").click()
    page.wait_for_url("**/history?build=sha256:*")
    target = page.locator(":target")
    expect(target).to_be_in_viewport()
    expect(target).to_contain_text(digest)


# Names and text from elsewhere


def test_hostile_text_does_nothing(visit: Visit) -> None:
    for path in ("/hostile", "/?q=alert", "/?q=<script>alert(1)</script>", "/hostile?tag=<script>&build=<script>"):
        page = visit("made", path)
        page.mouse.move(640, 400)
        assert page.locator("script").count() == 1
        assert (
            page.evaluate("[...document.querySelectorAll('*')].filter(e => e.hasAttribute('onmouseover')).length") == 0
        )
        assert not re.search(
            "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", page.inner_text("body")
        )


@pytest.mark.parametrize("name", RESERVED)
def test_an_image_that_is_named_like_another_address_has_its_page(visit: Visit, name: str) -> None:
    page = visit("made", "/")
    page.locator(".images").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    feed = page.locator('link[rel=alternate][type="application/atom+xml"]').last.get_attribute("href")
    assert f"New versions of {name}</title>" in page.request.get(page.url.partition("/-/")[0] + str(feed)).text()


# Accessibility


@every_page
def test_axe_finds_nothing_in_light_and_dark(visit: Visit, axe: str, server: str, path: str) -> None:
    page = visit(server, path, bypass_csp=True)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    page.evaluate(axe)
    for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = page.evaluate("rules => axe.run(document, { resultTypes: ['violations'], ...rules })", rules)
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
