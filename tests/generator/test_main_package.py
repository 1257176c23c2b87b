"""Which installed package gives an image its version (design, section 5)."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from generator.errors import VersionUnknownError
from generator.resolve.formats import read_spdx
from generator.resolve.main_package import main_package
from generator.resolve.package import Package, parse_pin, parse_purl
from tests.generator.conftest import Index
from tests.upstream import Build, ExampleUpstream
from tests.upstream import Package as Installed

BASE = ["glibc=2.41-r0", "libcrypto3=3.5.0-r0", "wolfi-baselayout=20230201-r20"]


def packages(*pins: str) -> frozenset[Package]:
    return frozenset(package for pin in (*BASE, *pins) if (package := parse_pin(pin)))


@pytest.mark.parametrize(
    ("image", "installed", "main"),
    [
        ("nginx", ["nginx=1.27.4-r2", "nginx-package-config=1.27.4-r2", "nginx-mainline=1-r0"], "nginx"),
        ("python", ["python-3.13=3.13.1-r3", "python-3.13-base=3.13.1-r3", "py3.13-pip=25-r0"], "python-3.13"),
        ("python", ["python-3.13=3.13.1-r3", "python-3.13-dev=3.13.1-r3", "python-3.13-doc=3-r0"], "python-3.13"),
        ("python", ["python3=3.13.1-r3", "python3-dev=3.13.1-r3"], "python3"),
        ("python", ["python3.13=3.13.1-r3", "libpython3.13=3.13.1-r3"], "python3.13"),
        ("node", ["nodejs-24=24.1.0-r0", "nodejs-24-doc=24.1.0-r0", "npm=11-r0"], "nodejs-24"),
        (
            "postgres",
            ["postgresql-17=17.4-r1", "postgresql-17-client=17.4-r1", "postgresql-17-base=1-r0"],
            "postgresql-17",
        ),
        ("jdk", ["openjdk-21=21.0.6-r0", "openjdk-21-jre=21.0.6-r0", "openjdk-21-jmods=21-r0"], "openjdk-21"),
        ("jre", ["openjdk-21-jre=21.0.6-r0", "openjdk-21-jre-base=21.0.6-r0"], "openjdk-21-jre"),
        ("jre", ["openjdk-21=21.0.6-r0"], "openjdk-21"),
        ("go", ["go-1.25=1.25.0-r0", "git=2.50-r0"], "go-1.25"),
        ("golang", ["go-1.25=1.25.0-r0"], "go-1.25"),
        ("php", ["php-8.4=8.4.3-r0", "php-8.4-curl=8.4.3-r0", "php-8.4-fpm=8.4.3-r0"], "php-8.4"),
        ("httpd", ["apache2=2.4.63-r0", "apache2-utils=2.4.63-r0"], "apache2"),
        ("mongo", ["mongodb-8.0=8.0.4-r0"], "mongodb-8.0"),
        ("dotnet-runtime", ["dotnet-9-runtime=9.0.1-r0", "dotnet-9=9.0.1-r0"], "dotnet-9-runtime"),
        ("python3", ["python3.13=3.13.1-r0", "python32=1-r0"], "python3.13"),
        ("java", ["java=21-r0", "java-17=17-r0"], "java"),
    ],
)
def test_the_image_s_name_leads_to_its_package(image: str, installed: list[str], main: str) -> None:
    assert main_package(packages(*installed), None, "", [image]).name == main


def test_package_of_images_toml_goes_before_the_label_and_the_label_before_the_name() -> None:
    installed = packages("web=1-r0", "nginx=2-r0", "httpd=3-r0")
    assert main_package(installed, "nginx", "httpd", ["web"]).name == "nginx"
    assert main_package(installed, None, "httpd", ["web"]).name == "httpd"
    assert main_package(installed, None, "", ["web"]).name == "web"


def test_the_name_here_goes_before_the_name_of_the_repository() -> None:
    assert main_package(packages("nginx=2-r0", "web=1-r0"), None, "", ["web", "nginx"]).name == "web"
    assert main_package(packages("nginx=2-r0"), None, "", ["web", "nginx"]).name == "nginx"


def test_package_may_leave_the_version_stream_open() -> None:
    assert main_package(packages("python-3.13=3.13.1-r0"), "python", "", ["app"]).version == "3.13.1-r0"


@pytest.mark.parametrize(
    ("wanted", "label", "image", "installed", "message"),
    [
        (
            None,
            "",
            "web",
            ["nginx=1-r0"],
            "no installed package fits the image's name 'web'; candidates: glibc 2.41-r0, ",
        ),
        (
            None,
            "",
            "python",
            ["python-3.12=3.12.9-r0", "python-3.13=3.13.1-r0"],
            "several packages fit the image's name",
        ),
        (None, "", "pythn", ["python=3-r0"], "candidates: python 3-r0; settle it with package = "),
        (
            None,
            "ngnix",
            "nginx",
            ["nginx=1-r0"],
            "no installed package fits the image's label dev.chainguard.package.main",
        ),
        ("apache", "", "nginx", ["nginx=1-r0"], "fits package = 'apache' in images.toml"),
        (None, "", "python", ["python-3.13-base=3.13.1-r0"], "candidates: python-3.13-base 3.13.1-r0;"),
    ],
)
def test_none_or_several_is_reported_with_candidates_and_never_guessed(
    wanted: str | None, label: str, image: str, installed: list[str], message: str
) -> None:
    with pytest.raises(VersionUnknownError) as raised:
        main_package(packages(*installed), wanted, label, [image])
    assert message in str(raised.value)
    assert 'settle it with package = "..."' in str(raised.value)


def test_the_candidates_of_several_are_named() -> None:
    installed = packages("python-3.12=3.12.9-r0", "python-3.13=3.13.1-r0")
    with pytest.raises(VersionUnknownError, match=r"python-3\.12 3\.12\.9-r0, python-3\.13 3\.13\.1-r0; settle"):
        main_package(installed, None, "", ["python"])


def test_nothing_installed_has_no_candidates() -> None:
    with pytest.raises(VersionUnknownError, match="candidates: none"):
        main_package([], None, "", ["nginx"])


def test_sources_recipes_and_images_with_the_package_s_name_do_not_count() -> None:
    purls = [
        "pkg:apk/wolfi/nginx@1.27.4-r2?arch=x86_64",
        "pkg:github/nginx/nginx@release-1.27.4",
        "pkg:generic/nginx@1.99",
        "pkg:github/wolfi-dev/os@0123abc#nginx.yaml",
        "pkg:github/https:/%2Funknown%2Funknown%2Funknown@326e0ed687bdfeadac839dc9b25686e4442c9d04#nginx.melange.yaml",
        "pkg:oci/nginx@sha256:00?arch=amd64&mediaType=application%2Fvnd.oci.image.manifest.v1%2Bjson&os=linux",
        "pkg:deb/debian/nginx@1.22.1-9?arch=source",
        "pkg:rpm/fedora/nginx@1.22.1-9?arch=src",
        "pkg:apk/wolfi/nginx",
    ]
    entries = [{"externalRefs": [{"referenceType": "purl", "referenceLocator": purl}]} for purl in purls]
    document = {"spdxVersion": "SPDX-2.3", "packages": [{"name": "nginx", "versionInfo": "release-1.27.4"}, *entries]}
    assert {package.version for package in read_spdx(json.dumps(document).encode(), "")} == {"1.27.4-r2"}


@pytest.mark.parametrize(
    ("text", "name", "version", "purl"),
    [
        ("pkg:apk/wolfi/nginx@1.27.4-r2?arch=x86_64", "nginx", "1.27.4-r2", "pkg:apk/wolfi/nginx@1.27.4-r2"),
        ("pkg:apk/wolfi/libstdc%2B%2B@14.2.0-r8", "libstdc++", "14.2.0-r8", None),
        ("pkg:deb/debian/git@1%3A2.39.5-0%2Bdeb12u1?arch=amd64", "git", "1:2.39.5-0+deb12u1", None),
        (
            "pkg:rpm/fedora/git@2.39-1.fc40?epoch=2&arch=x86_64",
            "git",
            "2:2.39-1.fc40",
            "pkg:rpm/fedora/git@2.39-1.fc40?epoch=2",
        ),
    ],
)
def test_a_package_url_is_read_in_the_distribution_s_own_form(
    text: str, name: str, version: str, purl: str | None
) -> None:
    package = parse_purl(text)
    assert package
    assert (package.name, package.version) == (name, version)
    assert purl in (None, package.purl)
    assert parse_purl(package.purl) == package


@pytest.mark.parametrize(
    "text", ["nginx", "nginx=", "nginx~=1.27", "nginx>=1.27", "=1.0", "--port=80", "a b=1", "so:libc=1"]
)
def test_what_pins_no_package_is_no_package(text: str) -> None:
    assert parse_pin(text) is None


def test_a_pin_may_name_its_repository() -> None:
    package = parse_pin("nginx=1.27.4-r2@local")
    assert package
    assert (package.name, package.version) == ("nginx", "1.27.4-r2")


def ambiguous(upstream: ExampleUpstream, label: str = "") -> str:
    installed = (Installed("app-core", "1.0-r0"), Installed("app-web", "2.0-r0"))
    return upstream.push(Build("app", "x", datetime.fromisoformat("2026-01-01T00:00:00Z"), installed, label), "latest")


APP = '[images.app]\ntracks = ["latest"]\nsince = "always"\n'


def test_package_of_images_toml_settles_builds_that_are_recorded_as_unclear(
    upstream: ExampleUpstream, tmp_path: Path
) -> None:
    digest = ambiguous(upstream)
    index = Index(upstream, tmp_path, APP)
    outcome = index.refresh()["app"]
    assert "candidates: app-core 1.0-r0, app-web 2.0-r0; settle it with package" in outcome.notes[0]
    assert (outcome.errors, index.versions("app"), index.tags("app")) == ([], [None], {})

    index.images += 'package = "app-web"\n'
    upstream.requests.clear()
    index.refresh()
    assert upstream.requests.count() == 2, "one HEAD and one token: the packages are recorded"
    assert index.versions("app") == ["2.0-r0"]
    assert index.tags("app") == dict.fromkeys(["2", "2.0", "2.0-r0", "2.0-r0-202601010000"], digest)
    assert index.image("app").package == "app-web"


def test_package_of_images_toml_that_is_not_installed_settles_nothing(
    upstream: ExampleUpstream, tmp_path: Path
) -> None:
    ambiguous(upstream)
    index = Index(upstream, tmp_path, APP)
    index.refresh()
    before = index.content()
    index.images += 'package = "app"\n'
    index.refresh()
    assert index.content() == before


def test_a_wrong_label_is_reported(upstream: ExampleUpstream, tmp_path: Path) -> None:
    ambiguous(upstream, label="application")
    outcome = Index(upstream, tmp_path, APP).refresh()["app"]
    assert "the image's label dev.chainguard.package.main = 'application'" in outcome.notes[0]


def test_the_stream_moves_under_the_same_tag(upstream: ExampleUpstream, tmp_path: Path) -> None:
    index = Index(upstream, tmp_path, '[images.python]\nsince = "always"\n')
    index.refresh()
    names = [build.purl and build.purl.partition("@")[0] for build in index.builds("python")]
    assert names == ["pkg:apk/wolfi/python-3.12"] * 2 + ["pkg:apk/wolfi/python-3.13"] * 3
    assert index.image("python").package == "python-3.13"
