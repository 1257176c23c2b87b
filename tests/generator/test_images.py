"""images.toml: what it may say, and every mistake in it as one clear line."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from generator.errors import ConfigurationError
from generator.images import Image, parse
from generator.reference import Repository

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def only(text: str) -> Image:
    (image,) = parse(text.encode(), "images.toml").images.values()
    return image


def test_everything_but_the_name_is_optional() -> None:
    image = only("[images.nginx]")
    assert image == Image("nginx", Repository("cgr.dev", "chainguard/nginx"))
    assert image.tracks == ("latest", "latest-dev")
    assert image.horizon(NOW) == NOW - timedelta(days=90)


def test_everything_can_be_said() -> None:
    image = only("""
        upstream = "registry.example:5000"
        [images."team/web"]
        repository = "localhost/demo/nginx"
        package = "nginx"
        version-label = "org.opencontainers.image.version"
        tracks = ["stable"]
        constraint = '^1\\.2'
        since = 2025-01-01
        frozen = true
    """)
    assert str(image.repository) == "localhost/demo/nginx"
    assert image.names == ("web", "nginx")
    assert (image.package, image.tracks, image.frozen) == ("nginx", ("stable",), True)
    assert image.version_label == "org.opencontainers.image.version"
    assert image.constraint
    assert image.constraint.search("1.27.4-r2")
    assert image.horizon(NOW) == datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "horizon"),
    [
        ("2025-01-01", datetime(2025, 1, 1, tzinfo=UTC)),
        ("2025-01-01T10:00:00+02:00", datetime(2025, 1, 1, 8, tzinfo=UTC)),
        ("2025-01-01T10:00:00", datetime(2025, 1, 1, 10, tzinfo=UTC)),
        ('"now"', NOW),
        ('"always"', datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_how_far_back_history_is_read(since: str, horizon: datetime) -> None:
    assert only(f"[images.x]\nsince = {since}").horizon(NOW) == horizon


def test_every_command_names_the_address_that_clients_pull_from() -> None:
    images = parse(b'address = "registry.example.com:8443/mirror"\n[images.x]', "images.toml")
    assert images.address == "registry.example.com:8443/mirror"
    assert images.images["x"].address == images.address
    assert parse(b"[images.x]", "").images["x"].address == "localhost:8000"


@pytest.mark.parametrize("address", ['"https://registry.example.com"', '"registry"', '""', "5", '"a.example/UP"'])
def test_an_address_is_a_registry_host(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\Aimages\.toml: address: "):
        parse(f"address = {address}".encode(), "images.toml")


@pytest.mark.parametrize(
    ("given", "site"),
    [
        ("https://example.github.io/images", "https://example.github.io/images/"),
        ("https://example.github.io/", "https://example.github.io/"),
        ("http://localhost:8000", "http://localhost:8000/"),
    ],
)
def test_a_site_is_the_address_of_a_folder(given: str, site: str) -> None:
    assert parse(f'site = "{given}"'.encode(), "").site == site
    assert parse(b"", "").site is None


@pytest.mark.parametrize(
    "site",
    [
        *("example.com", "ftp://example.com", "https://", "https://example.com/?q", "https://example.com/#a"),
        *("https://me:secret@example.com/", "https://example.com/a b", "https://example.com/../x/<b>", "//example.com"),
        *("https://example.com:99999/", "javascript:alert(1)", "https://example.com//"),
    ],
)
def test_any_other_site_is_refused(site: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\Aimages\.toml: site: .* is not the URL of a folder"):
        parse(f"site = '{site}'".encode(), "images.toml")


def test_images_keep_their_order_and_may_be_none() -> None:
    assert list(parse(b"[images.b]\n[images.a]", "").images) == ["b", "a"]
    assert not parse(b"", "").images


@pytest.mark.parametrize(
    ("host", "endpoint", "is_plain", "path"),
    [
        ("cgr.dev", "cgr.dev", False, "demo/x"),
        ("localhost", "localhost:80", True, "demo/x"),
        ("localhost:5000", "localhost:5000", True, "demo/x"),
        ("127.0.0.1:5000", "127.0.0.1:5000", True, "demo/x"),
        ("[::1]:5000", "[::1]:5000", True, "demo/x"),
        ("registry.localhost", "registry.localhost", True, "demo/x"),
        ("localhost.example.com", "localhost.example.com", False, "demo/x"),
        ("docker.io", "registry-1.docker.io", False, "demo/x"),
    ],
)
def test_a_registry_on_this_machine_is_spoken_to_over_plain_http(
    host: str, endpoint: str, is_plain: bool, path: str
) -> None:
    repository = only(f'upstream = "{host}/demo"\n[images.x]').repository
    assert (repository.endpoint, repository.plain, repository.api_path) == (endpoint, is_plain, path)


def test_docker_hub_s_own_images_are_in_library() -> None:
    assert only('upstream = "docker.io"\n[images.nginx]').repository.api_path == "library/nginx"


@pytest.mark.parametrize("package", ["nginx", "libstdc++", "generic/perl", "golang/github.com/a/b", "npm/@angular/cli"])
def test_package_is_a_name_or_the_type_and_path_of_a_package_url(package: str) -> None:
    assert only(f'[images.x]\npackage = "{package}"').package == package


IMAGE = "images.toml: [images.x]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[images.x", "images.toml: Expected ']' at the end of a table declaration (at end of document)"),
        ("[images.x]\n[images.x]", "images.toml: Cannot declare ('images', 'x') twice (at line 2, column 10)"),
        ("upstrem = 1", "images.toml: unknown key 'upstrem' (did you mean upstream?); allowed: upstream, "),
        ("[image.x]", "images.toml: unknown key 'image' (did you mean images?); allowed: upstream, "),
        ("upstream = 1", "images.toml: upstream: not a string; write host[:port]/path"),
        ('upstream = ""', "images.toml: upstream: '' does not begin with a registry host"),
        ('upstream = "chainguard"', "'chainguard' does not begin with a registry host such as cgr.dev"),
        ('upstream = "https://cgr.dev/x"', "'https://cgr.dev/x' has a scheme; write host[:port]/path"),
        ('upstream = "cgr.dev/Chainguard"', "'Chainguard' is not a repository name"),
        ('upstream = "cgr.dev/x/"', "'x/' is not a repository name"),
        ('upstream = "cgr.dev:99999/x"', "does not begin with a registry host"),
        ('upstream = "user@cgr.dev/x"', "does not begin with a registry host"),
        ('upstream = "cgr.dev/x?y=1"', "'x?y=1' is not a repository name"),
        ("images = 1", "images.toml: images is not a table; write [images.NAME] for each image"),
        ("[images]\nx = 1", f"{IMAGE}: not a table; write [images.NAME] and its keys below"),
        ('[images."Nginx"]', "[images.'Nginx']: not an image name: lower-case letters and digits"),
        ('[images."../x"]', "[images.'../x']: not an image name"),
        ('[images."a//b"]', "not an image name"),
        ('[images."a\\nb"]', "[images.'a?b']: not an image name"),
        ('[images."a\\u001b[31m"]', "[images.'a?[31m']: not an image name"),
        ('[images."index.json"]', "index.json ends like a file of the index (.json, .md, .toml)"),
        ('[images."x/readme.md"]', "readme.md ends like a file of the index (.json, .md, .toml)"),
        (
            "[images.x]\ntrack = []",
            f"{IMAGE}: unknown key 'track' (did you mean tracks?); allowed: repository, package",
        ),
        ("[images.x]\nrepository = 1", f"{IMAGE} repository: not a string"),
        ('[images.x]\nrepository = "cgr.dev"', "'cgr.dev' names a registry but no repository in it"),
        ('[images.x]\nrepository = "nginx"', "'nginx' does not begin with a registry host"),
        ("[images.x]\npackage = 1", f"{IMAGE} package: not a string with something in it"),
        ('[images.x]\npackage = ""', f"{IMAGE} package: not a string with something in it"),
        ('[images.x]\npackage = "a b"', f"{IMAGE} package: 'a b' is neither a package's name (nginx) nor"),
        ('[images.x]\npackage = "generic/"', f"{IMAGE} package: 'generic/' is neither a package's name"),
        ('[images.x]\npackage = "/perl"', f"{IMAGE} package: '/perl' is neither a package's name"),
        ('[images.x]\nversion-label = ""', f"{IMAGE} version-label: not a string with something in it"),
        ('[images.x]\ntracks = "latest"', f'{IMAGE} tracks: not a list of tags, such as ["latest", "latest-dev"]'),
        ("[images.x]\ntracks = []", f"{IMAGE} tracks: not a list of tags"),
        ("[images.x]\ntracks = [1]", f"{IMAGE} tracks: '1' is not a tag"),
        ('[images.x]\ntracks = ["a/b"]', f"{IMAGE} tracks: 'a/b' is not a tag"),
        ('[images.x]\ntracks = ["a", "a"]', f"{IMAGE} tracks: a tag is named twice"),
        ("[images.x]\nconstraint = '('", f"{IMAGE} constraint: not a regular expression: missing )"),
        ("[images.x]\nconstraint = 1", f"{IMAGE} constraint: not a string"),
        ('[images.x]\nsince = "2025-01-01"', "'2025-01-01' is neither a date (2025-01-01, without quotes) nor"),
        ('[images.x]\nsince = "ever"', "'ever' is neither a date"),
        ("[images.x]\nsince = 12:00:00", "'12:00:00' is neither a date"),
        ("[images.x]\nsince = 0001-01-01T00:00:00+14:00", "is neither a date"),
        ("[images.x]\nsince = 2025-13-01", "images.toml: "),
        ("[images.x]\nfrozen = 1", f"{IMAGE} frozen: '1' is neither true nor false"),
        ('keep = "yes"', "images.toml: keep: 'yes' is neither true nor false"),
        ('[images.x]\nfrozen = "yes"', f"{IMAGE} frozen: 'yes' is neither true nor false"),
        (f"x = {'1' * 5000}", "images.toml: "),
        (f"x = {'[' * 100_000}", "images.toml: nested too deeply"),
        (f"x = {'{a=' * 100_000}", "images.toml: nested too deeply"),
    ],
)
def test_a_mistake_is_one_line_that_says_where_and_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)) as raised:
        parse(text.encode(), "images.toml")
    line = str(raised.value)
    assert line.startswith("images.toml: ")
    assert line.isprintable()
    assert len(line) < 400


def test_what_is_not_utf_8_is_told_by_its_place() -> None:
    with pytest.raises(ConfigurationError, match=r"images.toml: byte 2 is not UTF-8"):
        parse(b"# \xff", "images.toml")


def test_a_registry_that_deletes_nothing_is_said_so_once() -> None:
    images = parse(b"keep = true\n[images.a]\n[images.b]\nkeep = false\n", "images.toml").images
    assert (images["a"].keep, images["b"].keep) == (True, False)
    assert not only("[images.a]").keep
