"""Every image of Chainguard's free catalogue, as its publisher locked it on 2026-08-22, and the version it gets.

`public_images.jsonl` holds facts taken from the chainguard-images/images repository (Apache-2.0): of each image its
tags, title, label and the packages of linux/amd64.
"""

from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.json import decode

from generator.errors import VersionUnknownError
from generator.package.purl import Package, parse_pin
from generator.resolve.main_package import LABEL, TITLES, main_package, own_label

FOLDER = Path(__file__).parent

EXPECTED = """
apko apko 1.2.39-r1
aspnet-runtime dotnet-10 10.0.111-r0
bash bash 5.3-r12
busybox busybox 1.38.0-r1
busybox-static busybox-static 1.38.0-r1
chainctl chainctl 0.2.336-r0
cinc-auditor cinc-auditor 7.1.7-r6
cosign cosign-3 3.1.3-r3
crane crane 0.21.9-r1
curl curl 8.21.0-r2
dfc dfc 0.10.0-r15
dfc-mcp dfc-mcp-server 0.10.0-r15
dive dive 0.13.1-r24
docker-dind docker-dind-29 29.7.2-r4
dotnet-runtime dotnet-10 10.0.111-r0
dotnet-sdk dotnet-sdk-10.0.3 10.0.303-r1
gcc-glibc gcc 16.2.0-r0
git git 2.55.0-r4
glibc-dynamic glibc-2.43 2.43-r15
go go-1.27 1.27.0-r1
gradle gradle-9 9.7.1-r0
grype grype 0.117.0-r3
haproxy haproxy-3.4 3.4.0-r0
helm helm-4 4.2.4-r2
hollywood hollywood 1.25-r1
hugo hugo 0.165.0-r2
jdk openjdk-26 26.0.2.1-r0
jre openjdk-26-jre 26.0.2.1-r0
k3s k3s 1.36.3.1-r4
k3s-static k3s-static 1.36.3.1-r4
ko ko 0.19.1-r5
kubectl kubectl-1.36 1.36.4-r1
malcontent malcontent 1.25.9-r3
mariadb mariadb-12.3 12.3.2-r1
maven maven-3.9 3.9.16-r2
melange melange 0.59.1-r2
minio minio 0.20260717.120751-r9
minio-client mc 0.20250813.083541-r21
mongodb mongod-8.3 8.3.8-r0
nginx nginx-mainline 1.31.4-r0
node nodejs-26 26.7.0-r0
openscap openscap 1.4.4-r6
opentelemetry-collector-contrib opentelemetry-collector-contrib 0.159.0-r1
php php-8.5 8.5.9-r0
postgres postgresql-18 18.6-r0
python python-3.14 3.14.7-r1
pytorch py3.14-pytorch-cuda-13.0 2.13.0-r1
redis redis-8.8 8.8.2-r0
ruby ruby-4.0 4.0.6-r3
rust rust-1.97 1.97.1-r0
stunnel stunnel 5.80-r1
tomcat tomcat-11.0-openjdk-25 11.0.25-r1
valkey valkey-9.1 9.1.1-r1
wait-for-it wait-for-it 0.20200823-r10
wolfi-base wolfi-base 1-r7
wordpress wordpress 7.1-r0
"""

# Images that are about no package: a version would be somebody's guess.
UNKNOWN = {
    "static": "certificates, time zones and users for binaries of one's own: none of the three is what it is about",
    "laravel": "what the framework needs (PHP and its extensions); the framework itself comes with the application",
    "min-toolkit-debug": "some 120 tools for debugging, of which none is the one",
}


class Locked(Struct, frozen=True):
    image: str
    tags: tuple[str, ...]
    title: str
    label: str | None
    packages: str

    @property
    def installed(self) -> list[Package]:
        return [package for pin in self.packages.split() if (package := parse_pin(pin))]

    @property
    def labels(self) -> dict[str, str]:
        return {TITLES[0]: self.title, LABEL: self.label or ""}

    def main(self, name: str) -> Package:
        """The main package, were the image called `name`."""
        return main_package(self.installed, None, own_label(self.labels, [name]), [name])


LOCKED = [decode(line, type=Locked) for line in (FOLDER / "public_images.jsonl").read_text().splitlines()]
VERSIONS = {image: (package, version) for image, package, version in map(str.split, EXPECTED.strip().splitlines())}


def test_there_is_an_expectation_for_each_of_the_59() -> None:
    assert {locked.image for locked in LOCKED} == VERSIONS.keys() | UNKNOWN.keys()
    assert len(VERSIONS) + len(UNKNOWN) == 59


@pytest.mark.parametrize("locked", LOCKED, ids=lambda locked: f"{locked.image}:{locked.tags[0]}")
def test_every_free_image_has_its_version_or_none_that_is_wrong(locked: Locked) -> None:
    if locked.image in UNKNOWN:
        with pytest.raises(VersionUnknownError, match="no installed package fits"):
            locked.main(locked.image)
    else:
        package = locked.main(locked.image)
        assert (package.name, package.version) == VERSIONS[locked.image]


@pytest.mark.parametrize("locked", LOCKED, ids=lambda locked: f"{locked.image}:{locked.tags[0]}")
def test_an_image_that_is_built_upon_one_of_them_has_not_its_version(locked: Locked) -> None:
    with pytest.raises(VersionUnknownError, match="no installed package fits the image's name 'team-app'"):
        locked.main("team-app")


@pytest.mark.parametrize("locked", LOCKED, ids=lambda locked: f"{locked.image}:{locked.tags[0]}")
def test_the_order_of_the_packages_and_a_second_namespace_change_nothing(locked: Locked) -> None:
    if locked.image in UNKNOWN:
        return
    doubled = [
        Package(each.name, each.version, each.type, each.purl.replace("pkg:apk/", f"pkg:apk/{namespace}/"))
        for each in reversed(locked.installed)
        for namespace in ("wolfi", "chainguard")
    ]
    package = main_package(doubled, None, own_label(locked.labels, [locked.image]), [locked.image])
    assert (package.name, package.version) == VERSIONS[locked.image]


@pytest.mark.parametrize("variant", ["-fips", "-iamguarded", "-bitnami"])
@pytest.mark.parametrize("image", ["python", "nginx", "node", "postgres", "jdk", "redis", "helm", "curl"])
def test_a_variant_of_an_image_has_its_version(image: str, variant: str) -> None:
    locked = next(locked for locked in LOCKED if locked.image == image)
    assert locked.main(image + variant) == locked.main(image)
