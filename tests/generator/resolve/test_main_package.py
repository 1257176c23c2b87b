"""Which installed package gives an image its version (design, section 5)."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from generator.errors import VersionUnknownError
from generator.package.purl import Package, parse_pin
from generator.resolve.main_package import LABEL, main_package, own_label
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
        (
            "dotnet-sdk",
            ["dotnet-10-sdk=10.0.105-r1", "dotnet-10=10.0.105-r1", "dotnet-10-runtime=10.0.105-r1"],
            "dotnet-10-sdk",
        ),
        ("aspnet-runtime", ["aspnet-9-runtime=9.0.6-r0", "dotnet-9-runtime=9.0.6-r0"], "aspnet-9-runtime"),
        ("node-lts", ["nodejs-24=24.1.0-r0", "npm=11-r0"], "nodejs-24"),
        ("helm", ["helm-3=3.18.0-r0", "kubectl-1.33=1.33.1-r0"], "helm-3"),
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
        ({"dev.chainguard.image.title": "app"}, ""),
        ({LABEL: "dotnet 10", "dev.chainguard.image.title": "app"}, ""),
        ({LABEL: "x" * 201, "dev.chainguard.image.title": "app"}, ""),
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


def ambiguous(upstream: ExampleUpstream, label: str = "") -> str:
    installed = (Installed("app-core", "1.0-r0"), Installed("app-web", "2.0-r0"))
    return upstream.push(Build("app", "x", datetime.fromisoformat("2026-01-01T00:00:00Z"), installed, label), "latest")


def test_a_version_that_apk_refuses_is_no_version() -> None:
    with pytest.raises(VersionUnknownError, match="the version of demo is none by the rules of apk"):
        main_package(packages("demo=0.1-r2-r3"), None, "", ["demo"])


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
    assert (outcome.errors, index.versions("app")) == ([], [None])
    assert index.tags("app") == {"latest-202601010000": digest}

    index.images += 'package = "app-web"\n'
    upstream.requests.clear()
    index.refresh()
    assert upstream.requests.count() == 2, "one HEAD and one token: the packages are recorded"
    assert index.versions("app") == ["2.0-r0"]
    names = ["2", "2.0", "2.0-r0", "2.0-r0-202601010000", "latest-202601010000"]
    assert index.tags("app") == dict.fromkeys(names, digest)
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
