"""Packages of several kinds in one image: whose counts, and when two of one name have to agree."""

import pytest

from generator.errors import VersionUnknownError
from generator.package.purl import Package, parse_purl
from generator.resolve.main_package import agreed, main_package


def of(*purls: str, wanted: str = "") -> list[Package]:
    return [package for purl in purls if (package := parse_purl(f"pkg:{purl}", wanted))]


DEBIAN = of("deb/debian/dash@0.5.12-2", "deb/debian/libc6@2.36-9", "deb/debian/perl-base@5.36.0-7")
PHOTON = of("rpm/photon/bash@5.2-1.ph5", "rpm/photon/postgresql@17.1-1.ph5")


@pytest.mark.parametrize(
    ("image", "installed", "main"),
    [
        # Bitnami's own component goes before the system's of that name.
        ("postgresql", [*PHOTON, *of("bitnami/postgresql@18.6.0-3", "bitnami/gosu@1.17.0-1")], "18.6.0-3"),
        ("postgres", [*PHOTON, *of("bitnami/postgresql@18.6.0-3")], "18.6.0-3"),
        # What an official image has built itself, beside what it was built with.
        ("python", [*DEBIAN, *of("generic/python@3.13.1", "deb/debian/python3.11@3.11.2-6")], "3.13.1"),
        ("node", [*DEBIAN, *of("generic/node@24.1.0")], "24.1.0"),
        # Debian's own, where its publisher means them.
        ("nginx", [*DEBIAN, *of("deb/debian/nginx@1.22.1-9")], "1.22.1-9"),
        (
            "postgres",
            [*DEBIAN, *of("deb/debian/postgresql-17@17.4-1", "deb/debian/postgresql-client-17@17.4-1")],
            "17.4-1",
        ),
        ("nginx", of("deb/debian/nginx@1.22.1-9", "generic/nginx@sha256:0123"), "1.22.1-9"),
        ("mysql", of("rpm/oracle/mysql-community-server-minimal@9.2.0-1.el9"), "9.2.0-1.el9"),
        ("php", of("generic/php-cli@8.4.3", "generic/php-fpm@8.4.3"), "8.4.3"),
        ("golang", of("generic/go@1.25.0", "deb/debian/gcc@12.2.0-3"), "1.25.0"),
        ("mongo", of("deb/debian/mongodb-org@8.0.4", "deb/debian/mongodb-org-server@8.0.4"), "8.0.4"),
        ("jdk", of("rpm/redhat/java-21-openjdk-devel@21.0.6-1.el9?epoch=1"), "1:21.0.6-1.el9"),
        ("redis", [*DEBIAN, *of("deb/debian/redis-server@7.0.15-1?epoch=5")], "5:7.0.15-1"),
        # Both agree: the distribution's says more.
        ("nginx", of("deb/debian/nginx@1.22.1+dfsg-9", "generic/nginx@1.22.1"), "1.22.1+dfsg-9"),
        ("dash", of("deb/debian/dash@0.5.12-2", "generic/dash@0.5.12"), "0.5.12"),
        # Alpine's, by what an official image has built upon it.
        ("python", of("apk/alpine/musl@1.2.5-r1", "generic/python@3.13.1"), "3.13.1"),
    ],
)
def test_packages_of_other_publishers_count_in_the_order_of_who_means_them(
    image: str, installed: list[Package], main: str
) -> None:
    assert main_package(installed, None, "", [image]).version == main


@pytest.mark.parametrize(
    ("image", "installed", "message"),
    [
        ("dash", DEBIAN, "no installed package fits the image's name 'dash'"),
        ("perl", [*DEBIAN, *of("deb/debian/perl@5.36.0-7")], "no installed package fits the image's name 'perl'"),
        ("gcc", [*DEBIAN, *of("deb/debian/gcc@12.2.0-3?epoch=4")], "no installed package fits the image's name 'gcc'"),
        ("bash", PHOTON, "no installed package fits the image's name 'bash'"),
        ("python", [*DEBIAN, *of("deb/debian/python3.11@3.11.2-6")], "no installed package fits the image's name"),
        ("php", of("rpm/redhat/php8@8.0-1"), "no installed package fits the image's name 'php'"),
        ("a-b", of("deb/debian/a-1-b@1.0-1"), "no installed package fits the image's name 'a-b'"),
        (
            "perl",
            [*DEBIAN, *of("deb/debian/perl@5.36.0-7", "generic/perl@5.40.2")],
            "candidates: deb/perl 5.36.0-7, generic/perl 5.40.2; settle it",
        ),
        (
            "nginx",
            of("deb/debian/nginx@1.22.1-9", "generic/nginx@1.27.4"),
            "several packages fit the image's name 'nginx'; candidates: deb/nginx 1.22.1-9, generic/nginx 1.27.4",
        ),
        (
            "postgres",
            of("deb/debian/postgresql-15@15.1-1", "generic/postgresql@17.4"),
            "candidates: deb/postgresql-15 15.1-1, generic/postgresql 17.4",
        ),
    ],
)
def test_a_system_s_own_package_is_not_taken_for_what_an_image_is_about(
    image: str, installed: list[Package], message: str
) -> None:
    with pytest.raises(VersionUnknownError) as raised:
        main_package(installed, None, "", [image])
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        ("generic/perl", "5.40.2"),
        ("deb/perl", "5.36.0-7"),
        ("deb/debian/perl", "5.36.0-7"),
        ("dash", "0.5.12-2"),
        ("golang/github.com/prometheus/prometheus", "v0.53.1"),
        ("golang/prometheus", "v0.53.1"),
        ("npm/@angular/cli", "17.0.1"),
        ("Generic/perl", "5.40.2"),
    ],
)
def test_package_of_images_toml_may_name_any_package_url(wanted: str, version: str) -> None:
    type_ = wanted.partition("/")[0].lower()
    purls = (
        "deb/debian/perl@5.36.0-7",
        "deb/debian/dash@0.5.12-2",
        "generic/perl@5.40.2",
        "golang/github.com/prometheus/prometheus@v0.53.1",
        "golang/github.com/prometheus/common@v0.55.0",
        "npm/%40angular/cli@17.0.1",
    )
    assert main_package(of(*purls, wanted=type_), wanted, "", ["app"]).version == version


def test_a_package_in_two_namespaces_is_one() -> None:
    installed = of("apk/wolfi/demo@1.0-r0", "apk/chainguard/demo@1.0-r0")
    assert main_package(installed, None, "", ["demo"]).version == "1.0-r0"
    with pytest.raises(VersionUnknownError, match="several packages fit"):
        main_package([*installed, *of("apk/chainguard/demo@1.0-r1")], None, "", ["demo"])


def test_documents_agree_on_a_version_or_none_of_them_is_believed() -> None:
    assert agreed(of("apk/wolfi/demo@1.0-r0", "generic/demo@1.0")).type == "apk"
    with pytest.raises(VersionUnknownError, match=r"disagree about its version: demo 1\.0-r0, demo 1\.0-r1$"):
        agreed(of("apk/wolfi/demo@1.0-r0", "apk/wolfi/demo@1.0-r1"))
