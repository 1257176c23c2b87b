"""Package URLs and pins, as the packages that they name."""

import json

import pytest

from generator.package.purl import parse_pin, parse_purl
from generator.resolve.formats.spdx import read_spdx
from generator.resolve.main_package import main_package


def test_sources_recipes_and_images_with_the_package_s_name_do_not_count() -> None:
    purls = [
        "pkg:apk/wolfi/nginx@1.27.4-r2?arch=x86_64",
        "pkg:github/nginx/nginx@release-1.27.4",
        "pkg:generic/nginx@1.99",
        "pkg:generic/nginx@1.98?checksum=sha256%3A00&download_url=https%3A%2F%2Fnginx.org%2Fnginx-1.98.tar.gz",
        "pkg:generic/nginx@1.97?vcs_url=git%2Bhttps%3A%2F%2Fgithub.com%2Fnginx%2Fnginx%40release-1.97",
        "pkg:github/wolfi-dev/os@0123abc#nginx.yaml",
        "pkg:github/https:/%2Funknown%2Funknown%2Funknown@326e0ed687bdfeadac839dc9b25686e4442c9d04#nginx.melange.yaml",
        "pkg:oci/nginx@sha256:00?arch=amd64&mediaType=application%2Fvnd.oci.image.manifest.v1%2Bjson&os=linux",
        "pkg:deb/debian/nginx@1.22.1-9?arch=source",
        "pkg:rpm/fedora/nginx@1.22.1-9?arch=src",
        "pkg:apk/wolfi/nginx",
    ]
    entries = [{"externalRefs": [{"referenceType": "purl", "referenceLocator": purl}]} for purl in purls]
    document = {"spdxVersion": "SPDX-2.3", "packages": [{"name": "nginx", "versionInfo": "release-1.27.4"}, *entries]}
    installed = read_spdx(json.dumps(document).encode(), "", "")
    assert {(package.type, package.version) for package in installed} == {("apk", "1.27.4-r2"), ("generic", "1.99")}
    assert main_package(installed, None, "", ["nginx"]).version == "1.27.4-r2"


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
        ("pkg:deb/ubuntu/libcrypt1@4.4.27-1?epoch=1", "libcrypt1", "1:4.4.27-1", None),
        ("pkg:deb/ubuntu/libcrypt1@1:4.4.27-1?epoch=1", "libcrypt1", "1:4.4.27-1", None),
        ("pkg:deb/debian/bash@5.2.15-2?epoch=0", "bash", "5.2.15-2", "pkg:deb/debian/bash@5.2.15-2"),
        ("pkg:rpm/redhat/bash@5.1-1.el9?epoch=0", "bash", "5.1-1.el9", "pkg:rpm/redhat/bash@5.1-1.el9"),
        ("pkg:alpine/musl@1.2.5-r1?arch=x86_64", "musl", "1.2.5-r1", "pkg:apk/alpine/musl@1.2.5-r1"),
        (
            "pkg:bitnami/postgresql@18.6.0-3?arch=amd64&distro=photon-5",
            "postgresql",
            "18.6.0-3",
            "pkg:bitnami/postgresql@18.6.0-3",
        ),
        ("pkg:generic/perl@5.40.2", "perl", "5.40.2", "pkg:generic/perl@5.40.2"),
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
