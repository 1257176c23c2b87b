"""The site as people use it, in Chromium: from a plain file server below a path, and through our own server."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from generator.site.search import bucket
from tests.example import INDEX
from tests.site.conftest import Visit
from tests.site.made import HOSTILE, LONG

PAGES = [
    ("example", "/"),
    ("example", "/-/search/?q=ssl"),
    ("example", "/-/search/?q=nothing-is-called-this"),
    ("example", "/-/search/"),
    ("ours", "/no/such/page/"),
    ("example", "/example/nginx/"),
    ("example", "/example/nginx/-/8fd7b1323c26/"),
    ("example", "/example/nginx/-/compare/"),
    ("example", "/bash/"),
    ("ours", "/example/nginx/-/compare/"),
    ("made", "/"),
    ("made", "/history/"),
    ("made", "/history/-/2024/"),
    ("made", "/hostile/"),
    ("made", "/sparse/"),
    ("empty", "/"),
    ("empty", "/-/search/?q=nginx"),
]
every_page = pytest.mark.parametrize(("server", "path"), PAGES)
everywhere = pytest.mark.parametrize("server", ["example", "ours"])

NGINX = json.loads((INDEX / "example" / "nginx" / "index.json").read_bytes())


def is_dark(page: Page) -> bool:
    red: str = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0]")
    return int(red) < 128


def search(page: Page, query: str) -> None:
    page.get_by_role("searchbox", name="Search images").fill(query)
    expect(page.get_by_role("heading", name=f"Results for “{query}”")).to_be_visible()


# Searching


@everywhere
def test_search_leads_from_any_page_to_its_results(visit: Visit, server: str) -> None:
    page = visit(server, "/example/nginx/")
    page.get_by_role("searchbox", name="Search images").fill("python")
    page.keyboard.press("Enter")
    page.locator("[data-results] .hits").get_by_role("link", name="example/python", exact=True).first.click()
    expect(page.get_by_role("heading", name="example/python", level=1)).to_be_visible()


def test_results_come_while_one_types_and_have_an_address(visit: Visit) -> None:
    page = visit("example", "/-/search/")
    page.get_by_role("searchbox", name="Search images").press_sequentially("libssl3")
    expect(page.get_by_role("heading", name="libssl3", exact=True)).to_be_visible()
    expect(page.locator("[data-status]")).to_have_text("1 package")
    expect(page).to_have_url(re.compile(r"/\?q=libssl3$"))
    expect(page).to_have_title("libssl3 · reverse-registry")
    page.reload()
    expect(page.get_by_role("heading", name="libssl3", exact=True)).to_be_visible()
    page.get_by_role("searchbox", name="Search images").fill("")
    expect(page.get_by_role("heading", name="Search", level=1)).to_be_visible()


def test_search_data_is_loaded_when_it_is_first_needed(visit: Visit) -> None:
    page = visit("example", "/-/search/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition("/-/search/")[2]))
    search(page, "postgres 17.4")
    assert {"images.json", "packages.json", "versions/17.json"} <= set(asked)
    assert not [path for path in asked if path.startswith("digests/")]


@pytest.mark.parametrize(
    "query",
    [
        "postgres 17.2",
        "example/postgres:17.2",
        "docker pull registry.example.com/example/postgres:17.2",
        "localhost:5055/chainguard/postgres:17.2",
    ],
)
def test_an_older_version_is_found(visit: Visit, query: str) -> None:
    page = visit("example", f"/-/search/?q={query}")
    results = page.locator("[data-results]")
    expect(results.get_by_role("heading", name="example/postgres")).to_be_visible()
    link = results.get_by_role("link", name="17.2-r0", exact=True).first
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("example/postgres 17.2-r0")


def test_a_version_of_whatever_image_is_found(visit: Visit) -> None:
    page = visit("example", "/-/search/?q=1.27.4")
    expect(page.locator("[data-results]").get_by_role("heading", name="example/nginx")).to_be_visible()
    expect(page.locator("[data-results] .hits li")).to_have_count(5)


def test_a_tag_is_found(visit: Visit) -> None:
    page = visit("example", "/-/search/?q=example/nginx:1.27-dev")
    page.get_by_role("link", name="example/nginx:1.27-dev").click()
    expect(page.locator("#pull code").first).to_have_text("docker pull registry.example.com/example/nginx:1.27-dev")


@pytest.mark.parametrize("form", ["{}", "sha256:{}", "example/nginx@sha256:{}"])
@pytest.mark.parametrize("length", [9, 12, 64])
def test_a_build_is_found_by_the_beginning_of_its_digest(visit: Visit, form: str, length: int) -> None:
    build = NGINX["builds"][2]
    page = visit("example", f"/-/search/?q={form.format(build['digest'][7:][:length])}")
    hit = page.locator("[data-results] li").filter(has_text=f"{build['digest'][7:19]} is a build of example/nginx")
    hit.get_by_role("link", name=build["version"], exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"example/nginx {build['version']}")


def test_a_build_is_found_by_the_digest_of_a_platform(visit: Visit) -> None:
    build = NGINX["builds"][0]
    page = visit("example", f"/-/search/?q={build['platforms']['linux/arm64']}")
    results = page.locator("[data-results]")
    expect(results).to_contain_text("is the linux/arm64 image of a build of example/nginx")


def test_a_digest_that_only_begins_alike_is_not_found(visit: Visit) -> None:
    digest = NGINX["builds"][0]["digest"][7:]
    page = visit("example", f"/-/search/?q={digest[:-1]}{'0' if digest[-1] != '0' else '1'}")
    expect(page.locator("[data-status]")).to_contain_text("Nothing in this index")


def test_who_still_has_an_old_package_is_found(visit: Visit) -> None:
    page = visit("example", "/-/search/?q=libssl3 3.4.0-r5")
    results = page.locator("[data-results]")
    expect(results.locator("dt")).to_have_text(["3.4.0-r5"])
    results.get_by_text("3 older builds of example/nginx, example/postgres, example/python").click()
    results.get_by_text("example/postgres: 1 build").click()
    results.get_by_role("link", name="16.6-r0").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("example/postgres 16.6-r0")
    expect(page.locator("ul.packages")).to_contain_text("libssl3 3.4.0-r5")


def test_every_older_version_can_be_reached(visit: Visit) -> None:
    page = visit("made", "/-/search/?q=lib01")
    results = page.locator("[data-results]")
    results.get_by_text(re.compile(r"^\d+ older versions?$")).click()
    expect(results.locator("dt").last).to_have_text("1.0-r1")


def test_the_results_are_those_of_the_last_letter_however_slow_an_earlier_answer_is(visit: Visit) -> None:
    page = visit("example", "/-/search/")
    held: list[object] = []
    page.route("**/-/search/versions/1.json", lambda route: held.append(route))
    page.get_by_role("searchbox", name="Search images").fill("1.27")
    page.wait_for_url("**/?q=1.27")
    while not held:
        page.wait_for_timeout(20)
    search(page, "postgres")
    held[0].continue_()  # type: ignore[attr-defined]
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("heading", name="Results for “postgres”")).to_be_visible()


def test_search_and_its_data_agree_where_a_package_is(visit: Visit) -> None:
    page = visit("example", "/-/search/")
    names = [*HOSTILE, "openssl", "libstdc++", "é", "日本"]
    assert page.evaluate("(names) => names.map(bucket)", names) == [bucket(name) for name in names]


# Pulling


def test_a_command_is_copied(visit: Visit) -> None:
    page = visit("example", "/example/nginx/", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the command: By tag", exact=True).click()
    expect(page.locator("[data-status]")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "docker pull registry.example.com/example/nginx:1.29.1"
    page.get_by_role("button", name="Copy the digest 7e3e0872081c").click()
    expect(page.get_by_role("button", name="Copy the digest 7e3e0872081c")).to_have_text("Copied")
    assert re.fullmatch(r"sha256:7e3e0872081c[0-9a-f]{52}", page.evaluate("navigator.clipboard.readText()"))


def test_a_command_is_copied_where_there_is_no_tls(visit: Visit) -> None:
    page = visit("example", "/")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_role("button", name="Copy “docker pull").first.click()
    expect(page.locator("[data-status]")).to_have_text("Copied")
    page.get_by_role("searchbox", name="Search images").focus()
    page.keyboard.press("Control+V")
    value = "docker pull registry.example.com/example/nginx:1.29.1"
    expect(page.get_by_role("searchbox", name="Search images")).to_have_value(value)


@pytest.mark.parametrize(
    ("client", "command"),
    [
        ("podman", "podman pull {}"),
        ("crane", "crane pull {} image.tar"),
        ("Dockerfile", "FROM {}"),
        ("Kubernetes", "image: {}"),
        ("docker", "docker pull {}"),
    ],
)
def test_commands_are_those_of_the_client_that_was_chosen(visit: Visit, client: str, command: str) -> None:
    page = visit("example", "/example/nginx/")
    page.get_by_text(client, exact=True).click()
    name, digest = "registry.example.com/example/nginx", NGINX["tags"]["1.29.1"]
    references = [f"{name}:1.29.1", f"{name}:1.29.1@{digest}", f"{name}@{digest}"]
    references.append(f"{NGINX['repository']}@{digest}")
    expect(page.locator("#pull code")).to_have_text([command.format(reference) for reference in references])
    page.get_by_role("rowheader", name="1.28.0-r0").first.get_by_role("link").click()
    expect(page.locator("#pull code").first).to_have_text(command.format(f"{name}:1.28.0-dev"))


def test_a_tag_leads_to_its_build_with_commands_for_that_tag(visit: Visit) -> None:
    page = visit("example", "/example/nginx/")
    page.get_by_role("link", name="1.27", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("example/nginx 1.27.4-r2")
    code = page.locator("#pull code")
    expect(code.first).to_have_text("docker pull registry.example.com/example/nginx:1.27")
    expect(code.nth(1)).to_have_text(f"docker pull registry.example.com/example/nginx:1.27@{NGINX['tags']['1.27']}")
    expect(code.nth(2)).to_have_text(f"docker pull registry.example.com/example/nginx@{NGINX['tags']['1.27']}")


def test_a_tag_that_a_build_has_not_is_not_promised(visit: Visit) -> None:
    page = visit("example", f"/example/nginx/-/{NGINX['tags']['1.27'][7:19]}/?tag=9.9")
    expect(page.locator("#pull code").first).to_have_text("docker pull registry.example.com/example/nginx:1.27.4")


# Filtering and comparing


def test_builds_are_filtered_by_tag_version_digest_and_track(visit: Visit) -> None:
    page = visit("example", "/example/nginx/")
    rows, field = page.locator("tbody tr:visible"), page.get_by_placeholder("Filter by tag")
    field.fill("1.27.4")
    expect(rows).to_have_count(5)
    expect(page.locator("output")).to_have_text("5 of 10")
    page.get_by_label("Track").select_option("latest-dev")
    expect(rows).to_have_count(2)
    page.get_by_label("Track").select_option("all")
    page.get_by_label("only where moving tags are").check()
    expect(rows).to_have_count(4)
    field.fill(NGINX["builds"][0]["digest"])
    expect(rows).to_have_count(1)


def test_a_filter_reaches_the_builds_of_former_years_too(visit: Visit) -> None:
    page = visit("made", "/history/")
    page.get_by_placeholder("Filter by tag").fill("2022-11")
    expect(page.locator("output")).to_have_text(re.compile(rf"^[1-9]\d* of {LONG}$"))
    row = page.locator("tbody tr:visible").last
    version = row.get_by_role("rowheader").get_by_role("link").inner_text()
    row.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"history {version}")


def test_images_and_packages_are_filtered(visit: Visit) -> None:
    page = visit("example", "/")
    page.get_by_placeholder("Filter by name").fill("postgresql-17")
    expect(page.locator("tbody tr:visible")).to_have_count(1)
    page.get_by_placeholder("Filter by name").fill("zzz")
    expect(page.get_by_text("No image here is called that.")).to_be_visible()
    page = visit("example", "/example/nginx/-/8fd7b1323c26/")
    page.get_by_placeholder("Filter packages").fill("ssl")
    expect(page.locator("ul.packages li:visible")).to_have_text(["libssl3 3.5.2-r0"])


@everywhere
def test_any_two_builds_are_compared(visit: Visit, server: str) -> None:
    page = visit(server, "/example/nginx/-/8fd7b1323c26/")
    select = page.get_by_label("against")
    select.focus()
    expect(select.locator("option")).to_have_count(9)
    select.select_option(label="1.27.3-r0, latest, 2025-01-09")
    page.get_by_role("button", name="Compare").click()
    difference = page.locator("[data-difference]")
    expect(difference).to_contain_text("From 1.27.3-r0, latest, 2025-01-09 to 1.29.1-r0, latest, 2026-02-18")
    expect(difference.locator("li").filter(has_text="libssl3")).to_have_text("changed: libssl3 3.4.0-r5 → 3.5.2-r0")
    page.get_by_role("combobox", name="to", exact=True).select_option(label="1.27.3-r0, latest, 2025-01-09")
    expect(difference).to_contain_text("The same packages.")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("example/nginx 1.29.1-r0")


def test_without_a_choice_the_newest_build_is_compared_with_the_one_before(visit: Visit) -> None:
    page = visit("example", "/example/nginx/-/compare/")
    said = "From 1.28.0-r0, latest-dev, 2025-04-24 to 1.29.1-r0, latest-dev, 2026-02-18"
    expect(page.locator("[data-difference]")).to_contain_text(said)


def test_a_comparison_can_be_turned_round_and_has_an_address(visit: Visit) -> None:
    first, last = NGINX["tags"]["1.27.3"][7:19], NGINX["tags"]["1"][7:19]
    page = visit("example", f"/example/nginx/-/compare/?from={first}&to={last}")
    page.get_by_role("button", name="Swap the two").click()
    expect(page).to_have_url(re.compile(rf"\?from={last}&to={first}$"))
    expect(page.locator("[data-difference] li").filter(has_text="libssl3")).to_contain_text("3.5.2-r0 → 3.4.0-r5")


def test_a_comparison_says_where_packages_are_not_known(visit: Visit) -> None:
    page = visit("made", "/sparse/-/compare/")
    expect(page.locator("[data-difference]")).to_contain_text("are not known: it came without an SBOM")


def test_a_mark_of_the_chart_leads_to_its_build(visit: Visit) -> None:
    page = visit("example", "/example/nginx/")
    page.locator(".chart a").filter(has_text="1.28.0-r0").first.locator("circle").last.click(force=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("example/nginx 1.28.0-r0")


# Light and dark


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_theme_is_the_systems_until_another_is_chosen_and_stays_chosen(visit: Visit, system: str) -> None:
    page = visit("example", "/", color_scheme=system)
    assert is_dark(page) == (system == "dark")
    page.get_by_role("button", name="Switch to the").click()
    assert is_dark(page) != (system == "dark")
    page.get_by_role("link", name="example/nginx").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("example/nginx")
    assert is_dark(page) != (system == "dark")
    page.get_by_role("button", name="Switch to the").click()
    assert is_dark(page) == (system == "dark")


# Small screens, no JavaScript, keyboard, everybody


@every_page
def test_no_page_is_wider_than_a_phone(visit: Visit, server: str, path: str) -> None:
    page = visit(server, path, viewport={"width": 360, "height": 740}, is_mobile=True)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@everywhere
def test_everything_is_readable_without_javascript(visit: Visit, server: str) -> None:
    page = visit(server, "/", java_script_enabled=False)
    assert [button.inner_text() for button in page.get_by_role("button").all()] == ["Search"]
    page.get_by_role("rowheader", name="example/nginx").get_by_role("link").click()
    expect(page.locator("#pull code").first).to_have_text("docker pull registry.example.com/example/nginx:1.29.1")
    page.get_by_role("link", name="1.27", exact=True).click()
    expect(page.locator("#pull code").nth(2)).to_contain_text(NGINX["tags"]["1.27"])
    expect(page.locator("ul.packages")).to_contain_text("libssl3 3.4.1-r1")


def test_the_content_is_one_key_away(visit: Visit) -> None:
    page = visit("example", "/example/nginx/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Images")).to_be_focused()


def test_whatever_has_the_focus_shows_it(visit: Visit) -> None:
    page = visit("example", "/")
    for _ in range(14):
        page.keyboard.press("Tab")
        style = page.evaluate(
            "(({outlineStyle: s, outlineWidth: w}) => s + w)(getComputedStyle(document.activeElement))"
        )
        assert style == "solid3px", page.evaluate("document.activeElement.outerHTML")


def test_slash_goes_to_the_search_but_is_a_letter_in_it(visit: Visit) -> None:
    page = visit("example", "/")
    page.keyboard.press("/")
    field = page.get_by_role("searchbox", name="Search images")
    expect(field).to_be_focused()
    page.keyboard.type("example/nginx")
    expect(field).to_have_value("example/nginx")


@every_page
def test_axe_finds_nothing_in_light_and_dark(visit: Visit, axe: str, server: str, path: str) -> None:
    page = visit(server, path, bypass_csp=True)
    page.wait_for_load_state("networkidle")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    page.evaluate(axe)
    for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = page.evaluate("(rules) => axe.run(document, { resultTypes: ['violations'], ...rules })", rules)
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []


# Text from elsewhere


def test_hostile_text_does_nothing(visit: Visit) -> None:
    for path in ("/hostile/", "/-/search/?q=alert", "/-/search/?q=<script>alert(1)</script>", "/-/search/?q=evil"):
        page = visit("made", path)
        page.wait_for_load_state("networkidle")
        for summary in page.locator("summary").all():
            summary.evaluate("(each) => each.click()")
        page.wait_for_load_state("networkidle")
        assert page.locator("main script, main img, main b b").count() == 0
        attributes = "[...document.querySelectorAll('*')].flatMap((each) => [...each.attributes].map((a) => a.name))"
        assert not {name for name in page.evaluate(attributes) if name.startswith("on") or name == "style"}
        links = page.evaluate("[...document.links].map((link) => link.href)")
        assert [link for link in links if not link.startswith(page.url.partition("/made/")[0])] == []


def test_hostile_text_is_compared_as_text(visit: Visit) -> None:
    page = visit("made", "/hostile/-/compare/")
    expect(page.locator("[data-difference] li").first).to_be_visible()
    for option in page.get_by_label("From").locator("option").all()[:12]:
        page.get_by_label("From").select_option(option.get_attribute("value") or "")
        expect(page.locator("[data-difference]")).not_to_have_attribute("aria-busy", "true")
        assert page.locator("main script, main img").count() == 0
