"""Which installed package gives an image its version (design, section 5)."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from generator.errors import VersionUnknownError
from generator.resolve.formats.spdx import read_spdx
from generator.resolve.main_package import LABEL, agreed, main_package, own_label
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
        ("nginx", ["nginx-mainline=1.31.4-r0", "nginx-mainline-config=1.31.4-r0"], "nginx-mainline"),
        ("nginx", ["nginx-stable=1.30.1-r0"], "nginx-stable"),
        ("mongodb", ["mongod-8.3=8.3.8-r0", "mongo-8.3=8.3.8-r0"], "mongod-8.3"),
        ("minio-client", ["mc=0.20250813.083541-r21"], "mc"),
        ("gcc-glibc", ["gcc=16.2.0-r0", "glibc-2.43=2.43-r15", "libgcc=16.2.0-r0"], "gcc"),
        ("tomcat", ["tomcat-11.0-openjdk-25=11.0.25-r1", "tomcat-native=2.0.15-r1"], "tomcat-11.0-openjdk-25"),
        ("pytorch", ["py3.13-pytorch=2.7.0-r0"], "py3.13-pytorch"),
        ("pytorch", ["py3.14-pytorch-cuda-13.0=2.13.0-r1", "python-3.14=3.14.7-r1"], "py3.14-pytorch-cuda-13.0"),
        (
            "pytorch",
            ["py3.13-torch-cuda-12.8=2.11.0-r0", "py3.13-torch-cuda-12.8-bin=2.11.0-r0", "py3.13-torchvision=0.26-r0"],
            "py3.13-torch-cuda-12.8",
        ),
        ("rabbitmq", ["rabbitmq-server=4.1.0-r0", "erlang-27=27-r0"], "rabbitmq-server"),
        ("cert-manager-controller", ["cert-manager-1.15-controller=1.15.3-r0"], "cert-manager-1.15-controller"),
        ("kube-apiserver", ["kube-apiserver-1.33=1.33.1-r0", "kube-apiserver-1.33-compat=1-r0"], "kube-apiserver-1.33"),
        ("cilium-operator-generic", ["cilium-1.17-operator-generic=1.17.3-r0"], "cilium-1.17-operator-generic"),
        ("istio-pilot", ["istio-pilot-1.27=1.27.0-r0", "istio-pilot-discovery-1.27=1-r0"], "istio-pilot-1.27"),
        ("php-fpm", ["php-8.4=8.4.3-r0", "php-8.4-fpm=8.4.3-r0", "php-8.4-fpm-config=1-r0"], "php-8.4-fpm"),
        ("redis", ["redis-8.8=8.8.2-r0", "redis-cli-8.8=8.8.2-r0"], "redis-8.8"),
        ("valkey", ["valkey-9.1=9.1.1-r1", "valkey-9.1-cli=9.1.1-r1"], "valkey-9.1"),
        ("envoy", ["envoy-1.35=1.35.0-r0", "envoy-1.35-config=1-r0", "envoy-1.35-oci-entrypoint=1-r0"], "envoy-1.35"),
        ("kubectl-fips", ["kubectl-fips-1.33=1.33.1-r0", "kubectl-1.32=1.32.0-r0"], "kubectl-fips-1.33"),
        ("python-fips", ["python-3.13=3.13.1-r0", "openssl-provider-fips=3.1.2-r0"], "python-3.13"),
        ("jre", ["openjdk-21=21.0.6-r0", "openjdk-21-jre=21.0.6-r0"], "openjdk-21-jre"),
    ],
)
def test_the_image_s_name_leads_to_its_package(image: str, installed: list[str], main: str) -> None:
    assert main_package(packages(*installed), None, "", [image]).name == main


def test_package_of_images_toml_goes_before_the_label_and_the_label_before_the_name() -> None:
    installed = packages("web=1-r0", "nginx=2-r0", "httpd=3-r0")
    assert main_package(installed, "nginx", "httpd", ["web"]).name == "nginx"
    assert main_package(installed, None, "httpd", ["web"]).name == "httpd"
    assert main_package(installed, None, "", ["web"]).name == "web"


def test_a_label_that_fits_no_package_leaves_it_to_the_name() -> None:
    installed = packages("kubectl-1.36=1.36.4-r1", "kubectl-1.36-default=1.36.4-r1")
    assert main_package(installed, None, "kubernetes-1.36", ["kubectl"]).name == "kubectl-1.36"


@pytest.mark.parametrize(
    ("labels", "label"),
    [
        ({LABEL: "dotnet-10", "dev.chainguard.image.title": "app"}, "dotnet-10"),
        ({LABEL: "dotnet-10", "dev.chainguard.image.title": "upstream-app"}, "dotnet-10"),
        ({LABEL: "dotnet-10", "org.opencontainers.image.title": "app"}, "dotnet-10"),
        ({LABEL: "dotnet-10", "dev.chainguard.image.title": " ", "org.opencontainers.image.title": "app"}, "dotnet-10"),
        ({LABEL: "dotnet-10", "dev.chainguard.image.title": "runtime", "org.opencontainers.image.title": "app"}, ""),
        ({LABEL: "dotnet-10", "dev.chainguard.image.title": "dotnet-runtime"}, ""),
        ({LABEL: "dotnet-10", "dev.chainguard.image.title": ""}, ""),
        ({LABEL: "dotnet-10"}, ""),
        ({LABEL: "  ", "dev.chainguard.image.title": "app"}, ""),
        ({}, ""),
    ],
)
def test_a_label_counts_where_the_title_says_that_it_is_about_this_image(labels: dict[str, str], label: str) -> None:
    assert own_label(labels, ["app", "upstream-app"]) == label


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
        (None, "go", "web", ["go-1.24=1-r0", "go-1.25=2-r0"], "several packages fit the image's label dev.chainguard"),
        (None, "kubernetes-1.36", "web", ["kubectl-1.36=1-r0"], "no installed package fits the image's name 'web'"),
        ("apache", "", "nginx", ["nginx=1-r0"], "fits package = 'apache' in images.toml"),
        (None, "", "python", ["python-3.13-base=3.13.1-r0"], "candidates: python-3.13-base 3.13.1-r0;"),
        (None, "", "nginx", ["nginx-mainline=1.31.4-r0", "nginx-stable=1.30.1-r0"], "several packages fit"),
        (None, "", "a-b", ["a-1-b=1-r0", "a-2-b=2-r0"], "several packages fit the image's name 'a-b'"),
        ("apk/nginx", "", "nginx", ["nginx-mainline=1-r0"], "fits package = 'apk/nginx' in images.toml"),
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
    installed = read_spdx(json.dumps(document).encode(), "")
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


def ambiguous(upstream: ExampleUpstream, label: str = "") -> str:
    installed = (Installed("app-core", "1.0-r0"), Installed("app-web", "2.0-r0"))
    return upstream.push(Build("app", "x", datetime.fromisoformat("2026-01-01T00:00:00Z"), installed, label), "latest")


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


def test_a_version_that_apk_refuses_is_no_version() -> None:
    with pytest.raises(VersionUnknownError, match="the version of demo is none by the rules of apk"):
        main_package(packages("demo=0.1-r2-r3"), None, "", ["demo"])


def test_a_package_in_two_namespaces_is_one() -> None:
    installed = of("apk/wolfi/demo@1.0-r0", "apk/chainguard/demo@1.0-r0")
    assert main_package(installed, None, "", ["demo"]).version == "1.0-r0"
    with pytest.raises(VersionUnknownError, match="several packages fit"):
        main_package([*installed, *of("apk/chainguard/demo@1.0-r1")], None, "", ["demo"])


def test_documents_agree_on_a_version_or_none_of_them_is_believed() -> None:
    assert agreed(of("apk/wolfi/demo@1.0-r0", "generic/demo@1.0")).type == "apk"
    with pytest.raises(VersionUnknownError, match=r"disagree about its version: demo 1\.0-r0, demo 1\.0-r1$"):
        agreed(of("apk/wolfi/demo@1.0-r0", "apk/wolfi/demo@1.0-r1"))


words = st.from_regex(r"[a-z]{1,4}(-[a-z]{1,4}){0,2}", fullmatch=True)
streams = st.from_regex(r"[1-9][0-9]?(\.[0-9]{1,2}){0,2}", fullmatch=True)
ends = st.sampled_from(["base", "dev", "compat", "config", "default", "oci-entrypoint", "doc", "libs"])


@given(words, streams, st.lists(ends, unique=True), st.integers(0, 2), st.data())
def test_a_stream_at_the_end_or_at_any_one_hyphen_leads_to_the_package(
    name: str, stream: str, subpackages: list[str], place: int, data: st.DataObject
) -> None:
    parts = name.split("-")
    place = min(place, len(parts) - 1)
    streamed = "-".join([*parts[: place + 1], stream, *parts[place + 1 :]])
    pins = [f"{streamed}=1.0-r0", *(f"{streamed}-{end}=2.0-r0" for end in subpackages)]
    installed = [package for pin in data.draw(st.permutations(pins)) if (package := parse_pin(pin))]
    assert main_package(installed, None, "", [name]).name == streamed


@given(words, st.lists(streams, min_size=2, max_size=4, unique=True))
def test_several_streams_are_never_chosen_from(name: str, several: list[str]) -> None:
    installed = [package for stream in several if (package := parse_pin(f"{name}-{stream}={stream}-r0"))]
    with pytest.raises(VersionUnknownError, match="several packages fit"):
        main_package(installed, None, "", [name])


@given(words, words, st.lists(streams, min_size=1, max_size=3))
def test_an_image_has_no_version_of_a_package_that_bears_another_name(
    name: str, other: str, several: list[str]
) -> None:
    assume(name != other)
    installed = [package for each in several if (package := parse_pin(f"{other}-{each}-x={each}-r0"))]
    with pytest.raises(VersionUnknownError, match="no installed package fits"):
        main_package(installed, None, "", [name])


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
    index.images += 'package = "app"\n'
    index.refresh()
    (build,) = index.builds("app")
    assert (build.version, index.image("app").package) == (None, None)
    assert build.unknown
    assert build.unknown.reason == "no installed package fits package = 'app' in images.toml"
    before = index.content()
    index.refresh()
    assert index.content() == before


def test_the_index_says_why_a_version_is_unknown_and_what_would_fit(upstream: ExampleUpstream, tmp_path: Path) -> None:
    ambiguous(upstream)
    index = Index(upstream, tmp_path, APP)
    index.refresh()
    (build,) = index.builds("app")
    assert build.unknown
    assert build.unknown.reason == "no installed package fits the image's name 'app'"
    assert build.unknown.candidates == ("apk/wolfi/app-core@1.0-r0", "apk/wolfi/app-web@2.0-r0")


def test_the_stream_moves_under_the_same_tag(upstream: ExampleUpstream, tmp_path: Path) -> None:
    index = Index(upstream, tmp_path, '[images.python]\nsince = "always"\n')
    index.refresh()
    names = [build.purl and build.purl.partition("@")[0] for build in index.builds("python")]
    assert names == ["pkg:apk/wolfi/python-3.12"] * 2 + ["pkg:apk/wolfi/python-3.13"] * 3
    assert index.image("python").package == "python-3.13"
