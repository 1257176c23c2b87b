"""The catalogue: what the example upstream holds, and when each of its tags moved.

Digests of these images are asserted in tests and recorded in `tests/example/`: a change here changes them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tests.upstream.build import Build
from tests.upstream.sbom import Package


@dataclass(frozen=True)
class Move:
    """At that time the image's tag was pointed at the build."""

    tag: str
    at: datetime
    build: Build


def moves(tag: str, *rows: tuple[str, Build]) -> Iterator[Move]:
    return (Move(tag, datetime.fromisoformat(at), build) for at, build in rows)


def openssl(version: str) -> tuple[Package, ...]:
    source = f"openssl/openssl@openssl-{version.partition('-')[0]}"
    return tuple(Package(name, version, "Apache-2.0", "openssl", source) for name in ("libcrypto3", "libssl3"))


def base(glibc: str = "2.40-r8") -> tuple[Package, ...]:
    return (
        Package("ca-certificates-bundle", "20241121-r1", "MPL-2.0 AND MIT", "ca-certificates"),
        Package("wolfi-baselayout", "20230201-r16"),
        Package("ld-linux", glibc, "LGPL-2.1-or-later", "glibc"),
        Package("glibc", glibc, "LGPL-2.1-or-later"),
        Package("libgcc", "14.2.0-r8", "GPL-3.0-or-later", "gcc"),
        Package("libstdc++", "14.2.0-r8", "GPL-3.0-or-later", "gcc"),
        Package("zlib", "1.3.1-r6", "Zlib", source="madler/zlib@v1.3.1"),
    )


DEVELOPMENT = (
    Package("bash", "5.2.37-r2", "GPL-3.0-or-later"),
    Package("busybox", "1.37.0-r1", "GPL-2.0-only", source="mirror/busybox@1_37_0"),
    Package("apk-tools", "2.14.10-r0", "GPL-2.0-only"),
)


def nginx(version: str, created: str, *extra: Package, ssl: str, glibc: str = "2.40-r8") -> Build:
    source = f"nginx/nginx@release-{version.partition('-')[0]}"
    return Build(
        image="nginx",
        version=version,
        created=datetime.fromisoformat(created),
        packages=(
            *base(glibc),
            *openssl(ssl),
            Package("libpcre2-8-0", "10.44-r2", "BSD-3-Clause", "pcre2", "PCRE2Project/pcre2@pcre2-10.44"),
            Package("nginx", version, "BSD-2-Clause", source=source),
            Package("nginx-package-config", version, "BSD-2-Clause", "nginx", source),
            Package("nginx-mainline-package-config", version, "BSD-2-Clause", "nginx", source),
            *extra,
        ),
        label="nginx",
    )


def python(stream: str, version: str, created: str, *extra: Package, ssl: str, development: bool = False) -> Build:
    origin, source = f"python-{stream}", f"python/cpython@v{version.partition('-')[0]}"
    parts = [origin, f"{origin}-base", *([f"{origin}-dev"] if development else [])]
    return Build(
        image="python",
        version=version,
        created=datetime.fromisoformat(created),
        packages=(
            *base(),
            *openssl(ssl),
            Package("sqlite-libs", "3.48.0-r0", "blessing", "sqlite"),
            *(Package(part, version, "PSF-2.0", origin, source) for part in parts),
            *extra,
        ),
    )


def postgres(stream: str, version: str, created: str, *, ssl: str) -> Build:
    origin = f"postgresql-{stream}"
    source = f"postgres/postgres@REL_{version.partition('-')[0].replace('.', '_')}"
    parts = [origin, f"{origin}-base", f"{origin}-client", f"{origin}-oci-entrypoint"]
    return Build(
        image="postgres",
        version=version,
        created=datetime.fromisoformat(created),
        packages=(
            *base(),
            *openssl(ssl),
            Package("icu-libs", "76.1-r1", "MIT", "icu"),
            *(Package(part, version, "PostgreSQL", origin, source) for part in parts),
        ),
    )


NGINX_REBUILT = nginx("1.27.4-r2", "2025-03-04T01:40:12Z", ssl="3.4.1-r1", glibc="2.41-r0")
NGINX = (
    *moves(
        "latest",
        ("2025-01-09T01:58:03.412Z", nginx("1.27.3-r0", "2025-01-09T01:42:17Z", ssl="3.4.0-r5")),
        ("2025-02-06T02:11:47.090Z", nginx("1.27.4-r0", "2025-02-06T01:55:20Z", ssl="3.4.0-r7")),
        ("2025-02-20T01:49:30.877Z", nginx("1.27.4-r2", "2025-02-20T01:36:08Z", ssl="3.4.1-r0")),
        # Nothing of nginx changed here, other packages did.
        ("2025-03-04T01:57:59.001Z", NGINX_REBUILT),
        ("2025-04-24T02:20:14.560Z", nginx("1.28.0-r0", "2025-04-24T02:03:31Z", ssl="3.5.0-r1")),
        # A roll back: the same digest a second time.
        ("2025-04-25T08:12:02.235Z", NGINX_REBUILT),
        ("2026-02-18T18:10:41.700Z", nginx("1.29.1-r0", "2026-02-18T17:56:09Z", ssl="3.5.2-r0")),
    ),
    *moves(
        "latest-dev",
        (
            "2025-02-06T02:13:22.318Z",
            nginx("1.27.4-r0", "2025-02-06T01:56:02Z", *DEVELOPMENT, ssl="3.4.0-r7"),
        ),
        (
            "2025-02-20T01:51:16.040Z",
            nginx("1.27.4-r2", "2025-02-20T01:37:44Z", *DEVELOPMENT, ssl="3.4.1-r0"),
        ),
        (
            "2025-04-24T02:23:40.999Z",
            nginx("1.28.0-r0", "2025-04-24T02:05:10Z", *DEVELOPMENT, ssl="3.5.0-r1"),
        ),
        (
            "2026-02-18T18:12:03.154Z",
            nginx("1.29.1-r0", "2026-02-18T17:57:30Z", *DEVELOPMENT, ssl="3.5.2-r0"),
        ),
    ),
)

PIP = Package("py3.13-pip", "25.0-r1", "MIT", "py3-pip", "pypa/pip@25.0")
PYTHON = (
    *moves(
        "latest",
        ("2025-01-03T03:05:51.620Z", python("3.12", "3.12.8-r1", "2025-01-03T02:48:00Z", ssl="3.4.0-r5")),
        ("2025-02-05T02:31:18.007Z", python("3.12", "3.12.9-r0", "2025-02-05T02:14:39Z", ssl="3.4.0-r7")),
        # From here on the same tag installs another version stream.
        ("2025-02-07T02:29:44.485Z", python("3.13", "3.13.1-r0", "2025-02-07T02:12:55Z", ssl="3.4.0-r7")),
        ("2025-02-12T02:30:09.941Z", python("3.13", "3.13.1-r3", "2025-02-12T02:13:27Z", ssl="3.4.1-r0")),
        ("2025-03-05T02:33:36.273Z", python("3.13", "3.13.2-r0", "2025-03-05T02:15:41Z", ssl="3.4.1-r1")),
    ),
    *moves(
        "latest-dev",
        (
            "2025-02-05T02:34:50.518Z",
            python("3.12", "3.12.9-r0", "2025-02-05T02:16:03Z", *DEVELOPMENT, ssl="3.4.0-r7", development=True),
        ),
        (
            "2025-02-12T02:33:27.806Z",
            python(
                "3.13",
                "3.13.1-r3",
                "2025-02-12T02:15:12Z",
                *DEVELOPMENT,
                PIP,
                ssl="3.4.1-r0",
                development=True,
            ),
        ),
        (
            "2025-03-05T02:36:02.131Z",
            python(
                "3.13",
                "3.13.2-r0",
                "2025-03-05T02:17:20Z",
                *DEVELOPMENT,
                PIP,
                ssl="3.4.1-r1",
                development=True,
            ),
        ),
    ),
)

POSTGRES = tuple(
    moves(
        "latest",
        ("2025-01-14T02:40:27.346Z", postgres("16", "16.6-r0", "2025-01-14T02:22:10Z", ssl="3.4.0-r5")),
        ("2025-02-03T02:41:58.719Z", postgres("17", "17.2-r0", "2025-02-03T02:24:46Z", ssl="3.4.0-r7")),
        ("2025-03-11T02:43:11.064Z", postgres("17", "17.4-r1", "2025-03-11T02:25:33Z", ssl="3.4.1-r1")),
    )
)

CATALOGUE = (*NGINX, *PYTHON, *POSTGRES)
