"""The example upstream is what its README says, seen from outside."""

import base64
import gzip
import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.upstream import (
    Answer,
    Build,
    Corrupt,
    ExampleUpstream,
    Fault,
    Hang,
    Huge,
    Mislabel,
    Options,
    Package,
    PortInUseError,
    Reset,
    Slow,
    Truncate,
    blob,
    manifest,
    redirect,
)
from tests.upstream.images import NGINX, POSTGRES, PYTHON
from tests.upstream.oci import CONFIG, INDEX

FIXED_DIGESTS = {
    "nginx:latest 1.27.3-r0": "sha256:7e3e0872081c908157db72d88861b14205b4c55eeb9aac0e93e42a7372c1ff25",
    "nginx:latest-dev 1.29.1-r0": "sha256:13fbaeb286b9a8a05db8c4520349fedbf655b376bf6fad348a5fa4c437bb1456",
    "python:latest-dev 3.13.2-r0": "sha256:b4e3542ccf338e51e3e1c7a0dc60270696c923a95d5279264e3c0b2fb79faae5",
    "postgres:latest 17.4-r1": "sha256:b959d7299dbd1f9dec1fc0abe1060a14a065ec8967a5f498d953a5ff10602010",
}


class Client(httpx.Client):
    """Fetches as a registry client does, with a token for the repository."""

    def __init__(self, upstream: ExampleUpstream, repository: str = "chainguard/nginx") -> None:
        super().__init__(base_url=upstream.url, timeout=10, verify=False)
        self.prefix = f"/v2/{repository}"
        parameters = {"scope": f"repository:{repository}:pull", "service": upstream.host}
        token = httpx.get(f"{upstream.url}/token", params=parameters, verify=False).json()["token"]
        self.headers["Authorization"] = f"Bearer {token}"
        upstream.requests.clear()

    def manifest(self, reference: str) -> httpx.Response:
        return self.get(f"{self.prefix}/manifests/{reference}")

    def blob(self, digest: str, **headers: str) -> httpx.Response:
        return self.get(f"{self.prefix}/blobs/{digest}", headers=headers, follow_redirects=True)

    def history(self, tag: str = "latest", **query: str) -> list[tuple[str, str]]:
        answer = self.get(f"{self.prefix}/_chainguard/history/{tag}", params=query).json()
        return [(record["updateTimestamp"], record["digest"]) for record in answer["history"]]


@pytest.fixture
def upstream() -> Iterator[ExampleUpstream]:
    with ExampleUpstream() as running:
        yield running


@pytest.fixture
def client(upstream: ExampleUpstream) -> Iterator[Client]:
    with Client(upstream) as opened:
        yield opened


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def error_code(answer: httpx.Response) -> str:
    code: str = answer.json()["errors"][0]["code"]
    return code


def platform(client: Client, architecture: str, reference: str = "latest") -> dict[str, Any]:
    children: list[dict[str, Any]] = client.manifest(reference).json()["manifests"]
    return next(child for child in children if child["platform"]["architecture"] == architecture)


def layer_files(client: Client, architecture: str) -> dict[str, bytes]:
    child = client.manifest(platform(client, architecture)["digest"]).json()
    with tarfile.open(fileobj=io.BytesIO(client.blob(child["layers"][0]["digest"]).content)) as archive:
        return {member.name: found.read() for member in archive if (found := archive.extractfile(member)) is not None}


class TestImages:
    def test_digests_are_the_same_everywhere(self) -> None:
        assert {
            f"{move.build.image}:{move.tag} {move.build.version}": move.build.digest
            for move in (NGINX[0], NGINX[-1], PYTHON[-1], POSTGRES[-1])
        } == FIXED_DIGESTS

    def test_every_content_has_its_digest_and_size(self, client: Client) -> None:
        answer = client.manifest("latest")
        assert answer.headers["content-type"] == INDEX
        assert answer.headers["docker-content-digest"] == sha256(answer.content)
        assert answer.json()["annotations"]["org.opencontainers.image.created"] == "2026-02-18T17:56:09Z"
        for child in answer.json()["manifests"]:
            image = client.manifest(child["digest"])
            assert (sha256(image.content), len(image.content)) == (child["digest"], child["size"])
            for part in (image.json()["config"], *image.json()["layers"]):
                data = client.blob(part["digest"]).content
                assert (sha256(data), len(data)) == (part["digest"], part["size"])

    def test_config_describes_the_uncompressed_layer(self, client: Client) -> None:
        image = client.manifest(platform(client, "arm64")["digest"]).json()
        config = client.blob(image["config"]["digest"]).json()
        layer = gzip.decompress(client.blob(image["layers"][0]["digest"]).content)
        assert config["rootfs"]["diff_ids"] == [sha256(layer)]
        assert config["config"]["Entrypoint"] == ["/usr/bin/nginx"]
        assert config["config"]["Labels"]["dev.chainguard.package.main"] == "nginx"

    def test_program_prints_its_version(self, client: Client, tmp_path: Path) -> None:
        architecture = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
        program = tmp_path / "nginx"
        program.write_bytes(layer_files(client, architecture)["usr/bin/nginx"])
        program.chmod(0o755)
        output = subprocess.run([program], capture_output=True, text=True, check=True).stdout
        assert output == "nginx 1.29.1-r0 (an example image of reverse-registry)\n"

    def test_layer_has_the_apk_database(self, client: Client) -> None:
        files = layer_files(client, "arm64")
        assert b"ID=wolfi\n" in files["etc/os-release"]
        assert b"P:nginx\nV:1.29.1-r0\nA:aarch64\n" in files["lib/apk/db/installed"]

    def test_roll_back_repeats_a_digest(self, client: Client) -> None:
        digests = [digest for _, digest in client.history()]
        assert (len(digests), len(set(digests))) == (7, 6)


class TestAttestations:
    def predicates(self, client: Client, subject: str) -> dict[str, Any]:
        attached = client.manifest(f"{subject.replace(':', '-')}.att").json()
        found = {}
        for layer in attached["layers"]:
            assert layer["mediaType"] == "application/vnd.dsse.envelope.v1+json"
            envelope = client.blob(layer["digest"]).json()
            assert envelope["payloadType"] == "application/vnd.in-toto+json"
            statement = json.loads(base64.b64decode(envelope["payload"]))
            assert f"sha256:{statement['subject'][0]['digest']['sha256']}" == subject
            assert statement["predicateType"] == layer["annotations"]["predicateType"]
            found[statement["predicateType"]] = statement["predicate"]
        return found

    def test_three_predicates_on_each_platform(self, client: Client) -> None:
        for architecture in ("amd64", "arm64"):
            predicates = self.predicates(client, platform(client, architecture)["digest"])
            assert set(predicates) == {
                "https://spdx.dev/Document",
                "https://apko.dev/image-configuration",
                "https://slsa.dev/provenance/v1",
            }
            configuration = predicates["https://apko.dev/image-configuration"]
            assert "nginx=1.29.1-r0" in configuration["contents"]["packages"]
            definition = predicates["https://slsa.dev/provenance/v1"]["buildDefinition"]
            assert definition["internalParameters"]["nginx"] == "1.29.1-r0"

    def test_spdx_names_nginx_more_than_once(self, client: Client) -> None:
        predicates = self.predicates(client, platform(client, "arm64")["digest"])
        packages = predicates["https://spdx.dev/Document"]["packages"]
        purls = {
            package["externalRefs"][0]["referenceLocator"]: package["versionInfo"]
            for package in packages
            if package["name"] == "nginx"
        }
        assert purls == {
            "pkg:apk/wolfi/nginx@1.29.1-r0?arch=aarch64": "1.29.1-r0",
            "pkg:github/nginx/nginx@release-1.29.1": "release-1.29.1",
        }
        assert {package["primaryPackagePurpose"] for package in packages} == {
            *("CONTAINER", "OPERATING_SYSTEM", "APPLICATION", "INSTALL", "SOURCE")
        }
        assert "nginx.yaml" in {package["name"] for package in packages}
        assert len({package["SPDXID"] for package in packages}) == len(packages)

    def test_python_changes_its_stream(self, upstream: ExampleUpstream) -> None:
        with Client(upstream, "chainguard/python") as client:
            streams = []
            for _, digest in client.history():
                predicates = self.predicates(client, platform(client, "amd64", digest)["digest"])
                packages = predicates["https://apko.dev/image-configuration"]["contents"]["packages"]
                streams.append(next(package for package in packages if package.startswith("python-3.")))
        assert streams[0] == "python-3.12-base=3.12.8-r1"
        assert streams[-1] == "python-3.13-base=3.13.2-r0"


class TestTokens:
    def test_challenge(self, upstream: ExampleUpstream) -> None:
        answer = httpx.get(f"{upstream.url}/v2/chainguard/nginx/manifests/latest")
        assert (answer.status_code, error_code(answer)) == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == (
            f'Bearer realm="http://{upstream.host}/token",service="{upstream.host}"'
            ',scope="repository:chainguard/nginx:pull"'
        )

    def test_ping(self, upstream: ExampleUpstream, client: Client) -> None:
        assert httpx.get(f"{upstream.url}/v2/").status_code == 401
        assert client.get("/v2/").json() == {}

    def test_token_is_for_one_repository(self, client: Client) -> None:
        answer = client.get("/v2/chainguard/python/manifests/latest")
        assert answer.status_code == 401
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]

    @pytest.mark.parametrize("token", ["x", "é", "bm90IGEKdG9rZW4Kb2YKb3Vycw"])
    def test_invented_token(self, client: Client, token: str) -> None:
        answer = client.get("/v2/", headers={b"Authorization": f"Bearer {token}".encode()})
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]

    def test_token_expires(self) -> None:
        with ExampleUpstream(Options(token_lifetime=-1, token_expiry=True)) as upstream:
            with Client(upstream) as client:
                assert "has expired" in client.manifest("latest").text
                assert set(client.get("/token").json()) == {"token", "expires_in", "issued_at"}
            upstream.options.token_lifetime = 300
            with Client(upstream) as client:
                assert client.manifest("latest").status_code == 200

    def test_without_tokens(self) -> None:
        with ExampleUpstream(Options(tokens=False)) as upstream:
            assert httpx.get(f"{upstream.url}/v2/chainguard/nginx/manifests/latest").status_code == 200


class TestManifests:
    def test_head(self, client: Client) -> None:
        head = client.head(f"{client.prefix}/manifests/latest-dev")
        get = client.manifest("latest-dev")
        for name in ("docker-content-digest", "content-type", "content-length"):
            assert head.headers[name] == get.headers[name]
        assert head.content == b""

    @pytest.mark.parametrize(
        ("repository", "reference", "code"),
        [
            ("chainguard/nginx", "1.27.4", "MANIFEST_UNKNOWN"),
            ("chainguard/nginx", f"sha256:{'0' * 64}", "MANIFEST_UNKNOWN"),
            ("chainguard/no-such", "latest", "NAME_UNKNOWN"),
        ],
    )
    def test_unknown(self, upstream: ExampleUpstream, repository: str, reference: str, code: str) -> None:
        with Client(upstream, repository) as client:
            answer = client.manifest(reference)
        assert (answer.status_code, error_code(answer)) == (404, code)

    def test_write_is_refused(self, client: Client) -> None:
        answer = client.put(f"{client.prefix}/manifests/latest", content=b"{}")
        assert (answer.status_code, error_code(answer)) == (405, "UNSUPPORTED")
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}

    def test_tags_are_paged(self, client: Client) -> None:
        path, pages = f"{client.prefix}/tags/list?n=9", []
        while path:
            answer = client.get(path)
            pages.append(answer.json()["tags"])
            path = answer.links.get("next", {}).get("url", "")
        tags = [tag for page in pages for tag in page]
        assert [len(page) for page in pages] == [9, 9, 4]
        assert tags[:2] == ["latest", "latest-dev"]
        assert all(tag.endswith(".att") for tag in tags[2:])
        assert tags == sorted(client.get(f"{client.prefix}/tags/list").json()["tags"])
        assert error_code(client.get(f"{client.prefix}/tags/list?n=many")) == "PAGINATION_NUMBER_INVALID"


class TestBlobs:
    @pytest.fixture
    def layer(self, client: Client) -> str:
        image = client.manifest(platform(client, "amd64")["digest"]).json()
        digest: str = image["layers"][0]["digest"]
        return digest

    @pytest.fixture
    def location(self, client: Client, layer: str) -> str:
        answer = client.get(f"{client.prefix}/blobs/{layer}")
        assert answer.status_code == 307
        return answer.headers["location"]

    def test_cdn_is_another_host(self, upstream: ExampleUpstream, location: str) -> None:
        assert location.startswith(f"http://{upstream.cdn_host}/sha256/")
        assert upstream.host.startswith("localhost:")
        assert upstream.cdn_host.startswith("127.0.0.1:")

    def test_cdn_refuses_authorization(self, location: str) -> None:
        answer = httpx.get(location, headers={"Authorization": "Bearer x"})
        assert answer.status_code == 400
        assert "<Code>InvalidArgument</Code>" in answer.text

    def test_cdn_refuses_another_signature(self, location: str) -> None:
        assert httpx.get(location[:-1] + ("0" if location[-1] != "0" else "1")).status_code == 403
        assert httpx.get(location.partition("?")[0]).status_code == 403

    def test_url_expires(self) -> None:
        with ExampleUpstream(Options(url_lifetime=-1)) as upstream, Client(upstream) as client:
            image = client.manifest(platform(client, "amd64")["digest"]).json()
            answer = client.blob(image["config"]["digest"])
        assert answer.status_code == 403
        assert "Request has expired" in answer.text

    def test_head(self, location: str, client: Client, layer: str) -> None:
        assert client.head(f"{client.prefix}/blobs/{layer}").status_code == 307
        assert httpx.head(location).headers["content-length"] == str(len(httpx.get(location).content))

    def test_unknown_blob(self, client: Client) -> None:
        assert error_code(client.blob(f"sha256:{'0' * 64}")) == "BLOB_UNKNOWN"

    @pytest.mark.parametrize("redirect_blobs", [True, False])
    @pytest.mark.parametrize(
        ("header", "status", "part"),
        [
            ("bytes=0-9", 206, slice(0, 10)),
            ("bytes=100-", 206, slice(100, None)),
            ("bytes=-5", 206, slice(-5, None)),
            ("bytes=10-999999999", 206, slice(10, None)),
            ("bytes=5-2", 200, slice(None)),
            ("lines=1-2", 200, slice(None)),
            ("bytes=999999999-", 416, slice(0, 0)),
        ],
    )
    def test_range(
        self,
        upstream: ExampleUpstream,
        client: Client,
        layer: str,
        redirect_blobs: bool,
        header: str,
        status: int,
        part: slice,
    ) -> None:
        upstream.options.redirect_blobs = redirect_blobs
        whole = upstream.store("nginx").blobs[layer]
        answer = client.blob(layer, Range=header)
        assert (answer.status_code, answer.content) == (status, whole[part])
        assert (len(answer.history) == 1) is redirect_blobs
        if status == 206:
            start, end, _ = part.indices(len(whole))
            assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(whole)}"


class TestHistory:
    def test_oldest_first_with_fractions(self, client: Client) -> None:
        history = client.history()
        assert history[0] == ("2025-01-09T01:58:03.412Z", NGINX[0].build.digest)
        assert history == sorted(history)
        assert history[-1][1] == client.manifest("latest").headers["docker-content-digest"]

    def test_pages_by_start(self, upstream: ExampleUpstream, client: Client) -> None:
        whole = client.history()
        upstream.options.page_limit = 3
        found = client.history()
        while (page := client.history(start=found[-1][0])) != found[-1:]:
            assert page[0] == found[-1]
            assert len(page) <= 3
            found += page[1:]
        assert found == whole

    def test_range_is_inclusive(self, client: Client) -> None:
        whole = client.history()
        assert client.history(start=whole[1][0], end=whole[3][0]) == whole[1:4]
        assert client.history(start="2026-01-01") == whole[-1:]
        assert client.get(f"{client.prefix}/_chainguard/history/latest?end=soon").status_code == 400

    def test_options(self, upstream: ExampleUpstream, client: Client) -> None:
        whole = client.history()
        upstream.options.history_fractions = False
        assert client.history()[0][0] == "2025-01-09T01:58:03Z"
        upstream.options.history_fractions, upstream.options.history_shuffled = True, True
        assert client.history() != whole
        assert sorted(client.history()) == whole
        upstream.options.history = False
        assert client.get(f"{client.prefix}/_chainguard/history/latest").status_code == 404

    def test_needs_a_token_and_a_tag(self, upstream: ExampleUpstream, client: Client) -> None:
        path = f"{client.prefix}/_chainguard/history/latest"
        assert "repository:chainguard/nginx:pull" in httpx.get(upstream.url + path).headers["www-authenticate"]
        assert client.get(path + "-no-such").status_code == 404


class TestChanges:
    def test_push_moves_the_tag(self, upstream: ExampleUpstream, client: Client) -> None:
        build = Build(
            "nginx",
            version="1.29.2-r0",
            created=datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC),
            packages=(Package("nginx", "1.29.2-r0"),),
        )
        digest = upstream.push(build, "latest")
        assert client.manifest("latest").headers["docker-content-digest"] == digest
        assert client.history()[-1] == ("2026-03-01T04:19:06.312Z", digest)
        assert client.manifest(next(iter(build.attestations))).status_code == 200

    def test_point_and_forget(self, upstream: ExampleUpstream, client: Client) -> None:
        digest = NGINX[0].build.digest
        upstream.point("nginx", "latest", digest, at=datetime(2026, 4, 1, tzinfo=UTC))
        assert client.history()[-1] == ("2026-04-01T00:00:00Z", digest)
        assert client.manifest("latest").status_code == 200
        upstream.forget("nginx", digest)
        assert client.manifest("latest").status_code == 404
        assert client.manifest(digest).status_code == 404
        assert digest in [listed for _, listed in client.history()]

    def test_referrers(self, upstream: ExampleUpstream, client: Client) -> None:
        subject = NGINX[0].build.index
        sbom = manifest(
            blob({}, "application/vnd.oci.empty.v1+json"),
            [blob({"spdxVersion": "SPDX-2.3"}, "application/spdx+json")],
            artifact_type="application/spdx+json",
            subject=subject,
        )
        other = manifest(blob({"os": "linux"}, CONFIG), [], subject=subject)
        upstream.store("nginx").push(sbom)
        upstream.store("nginx").push(other)
        path = f"{client.prefix}/referrers/{subject.digest}"
        assert client.get(path).status_code == 404

        upstream.options.referrers = True
        answer = client.get(path)
        assert answer.headers["content-type"] == INDEX
        assert {found["digest"]: found["artifactType"] for found in answer.json()["manifests"]} == {
            sbom.digest: "application/spdx+json",
            other.digest: CONFIG,
        }
        filtered = client.get(path, params={"artifactType": "application/spdx+json"})
        assert [found["digest"] for found in filtered.json()["manifests"]] == [sbom.digest]
        assert filtered.headers["oci-filters-applied"] == "artifactType"
        assert client.get(f"{client.prefix}/referrers/sha256:{'0' * 64}").json()["manifests"] == []


class TestRequests:
    def test_are_recorded(self, upstream: ExampleUpstream, client: Client) -> None:
        client.head(f"{client.prefix}/manifests/latest", headers={"User-Agent": "a test"})
        size = len(client.get(f"{client.prefix}/tags/list", params={"n": "1"}, headers={"Range": "x"}).content)
        head, tags = upstream.requests
        assert (head.method, head.path, head.status, head.sent) == (
            "HEAD",
            "/v2/chainguard/nginx/manifests/latest",
            200,
            0,
        )
        assert (head.side, head.user_agent, head.range) == ("registry", "a test", None)
        assert (tags.query, tags.range, tags.sent) == ({"n": "1"}, "x", size)
        assert tags.authorization == client.headers["Authorization"]

    def test_are_counted(self, upstream: ExampleUpstream, client: Client) -> None:
        image = client.manifest(platform(client, "amd64")["digest"]).json()
        client.blob(image["config"]["digest"])
        client.manifest("no-such")
        assert len(upstream.requests) == 5
        assert upstream.requests.count("GET .*/manifests/") == 3
        assert upstream.requests.count("/manifests/", status=404) == 1
        assert upstream.requests.count(side="cdn") == 1
        (fetched,) = upstream.requests.matching(side="cdn")
        assert fetched.authorization is None
        assert fetched.sent == image["config"]["size"]
        upstream.requests.clear()
        assert upstream.requests.count() == 0


class TestFaults:
    def test_answer(self, upstream: ExampleUpstream, client: Client) -> None:
        upstream.inject(Fault(Answer(429, {"Retry-After": "7"}, b"later"), times=2))
        for _ in range(2):
            answer = client.manifest("latest")
            assert (answer.status_code, answer.headers["retry-after"], answer.text) == (429, "7", "later")
        assert client.manifest("latest").status_code == 200
        assert upstream.requests.count(status=429) == 2

    def test_redirect(self, upstream: ExampleUpstream, client: Client) -> None:
        upstream.inject(Fault(redirect("/v2/elsewhere", 302)))
        answer = client.manifest("latest")
        assert (answer.status_code, answer.headers["location"]) == (302, "/v2/elsewhere")

    def test_hang(self, upstream: ExampleUpstream, client: Client) -> None:
        upstream.inject(Fault(Hang(0.3)), Fault(Hang(60)))
        begin = time.monotonic()
        assert client.manifest("latest").status_code == 200
        assert time.monotonic() - begin >= 0.3
        with pytest.raises(httpx.ReadTimeout):
            client.get("/v2/", timeout=0.2)
        assert [request.status for request in upstream.requests] == [200, None]

    def test_close_ends_what_hangs(self) -> None:
        with ExampleUpstream() as upstream:
            upstream.inject(Fault(Hang(60)))
            address = ("127.0.0.1", int(upstream.host.partition(":")[2]))
            waiting = socket.create_connection(address)
            waiting.sendall(b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while not upstream.requests:
                time.sleep(0.01)
            begin = time.monotonic()
        assert time.monotonic() - begin < 30
        waiting.close()

    def test_reset(self, upstream: ExampleUpstream) -> None:
        upstream.inject(Fault(Reset()))
        address = ("127.0.0.1", int(upstream.host.partition(":")[2]))
        with socket.create_connection(address) as connection:
            connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        assert [request.status for request in upstream.requests] == [None]

    def test_truncate(self, upstream: ExampleUpstream, client: Client) -> None:
        upstream.inject(Fault(Truncate(100)))
        with client.stream("GET", f"{client.prefix}/manifests/latest") as answer:
            assert answer.status_code == 200
            with pytest.raises(httpx.RemoteProtocolError, match="received 100 bytes, expected"):
                answer.read()
        assert [request.sent for request in upstream.requests] == [100]

    def test_corrupt(self, upstream: ExampleUpstream, client: Client) -> None:
        good = client.manifest("latest")
        upstream.inject(Fault(Corrupt()))
        bad = client.manifest("latest")
        assert bad.headers["docker-content-digest"] == good.headers["docker-content-digest"]
        assert len(bad.content) == len(good.content)
        assert bad.json() != good.json()

    @pytest.mark.parametrize("body", [b"", b"x", b"1"])
    def test_corrupt_anything(self, body: bytes) -> None:
        assert len(Corrupt.corrupted(body)) == len(body)
        assert Corrupt.corrupted(body) != body or not body

    def test_mislabel(self, upstream: ExampleUpstream, client: Client) -> None:
        upstream.inject(Fault(Mislabel({"Docker-Content-Digest": None, "Content-Type": "text/html"})))
        answer = client.manifest("latest")
        assert answer.headers["content-type"] == "text/html"
        assert "docker-content-digest" not in answer.headers
        assert "manifests" in answer.json()

    @pytest.mark.parametrize("is_stated", [True, False])
    def test_huge(self, upstream: ExampleUpstream, client: Client, is_stated: bool) -> None:
        upstream.inject(Fault(Huge(1_000_001, is_stated)))
        answer = client.manifest("latest")
        assert len(answer.content) == 1_000_001
        assert ("content-length" in answer.headers) is is_stated
        assert answer.headers["content-type"] == INDEX

    def test_huge_ends_with_its_reader(self, upstream: ExampleUpstream, client: Client) -> None:
        upstream.inject(Fault(Huge(1 << 40)))
        with client.stream("GET", f"{client.prefix}/manifests/latest") as answer:
            next(answer.iter_raw())
        assert client.manifest("latest").status_code == 200

    def test_slow(self, upstream: ExampleUpstream, client: Client) -> None:
        good = client.manifest("latest")
        upstream.inject(Fault(Slow(size=200, seconds=0.05)))
        begin = time.monotonic()
        assert client.manifest("latest").content == good.content
        assert time.monotonic() - begin >= 0.05 * (len(good.content) // 200)

    def test_matching(self, upstream: ExampleUpstream, client: Client) -> None:
        refuse = Answer(503)
        upstream.inject(
            Fault(refuse, path="/manifests/latest$", method="HEAD|DELETE"),
            Fault(refuse, path=r"tags/list\?n=2"),
            Fault(refuse, side="cdn"),
        )
        assert client.manifest("latest").status_code == 200
        assert client.head(f"{client.prefix}/manifests/latest-dev").status_code == 200
        assert client.head(f"{client.prefix}/manifests/latest").status_code == 503
        assert client.get(f"{client.prefix}/tags/list?n=1").status_code == 200
        assert client.get(f"{client.prefix}/tags/list?n=2").status_code == 503
        assert client.blob(platform_config(client)).status_code == 503
        assert client.blob(platform_config(client)).status_code == 200

    def test_probability_is_seeded(self) -> None:
        outcomes = []
        for _ in range(2):
            with ExampleUpstream(Options(tokens=False), seed=7) as upstream:
                upstream.inject(Fault(Answer(500), times=None, probability=0.5))
                with httpx.Client(base_url=upstream.url, verify=False) as client:
                    outcomes.append([client.get("/v2/").status_code for _ in range(20)])
                    upstream.faults.clear()
                    assert client.get("/v2/").status_code == 200
        assert outcomes[0] == outcomes[1]
        assert set(outcomes[0]) == {200, 500}


def platform_config(client: Client) -> str:
    digest: str = client.manifest(platform(client, "amd64")["digest"]).json()["config"]["digest"]
    return digest


class TestCommand:
    def start(self, *ports: int) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "tests.upstream",
            "--port",
            str(ports[0]),
            "--cdn-port",
            str(ports[1]),
        ]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_serves_until_told_to_end(self, number: signal.Signals) -> None:
        process = self.start(0, 0)
        assert process.stdout
        line = process.stdout.readline()
        host = line.split()[3].rstrip(",")
        assert line.startswith("example upstream at localhost:")
        assert httpx.get(f"http://{host}/v2/").status_code == 401
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("", "")
        assert process.returncode == 0

    def test_port_in_use(self, upstream: ExampleUpstream) -> None:
        port = int(upstream.host.partition(":")[2])
        process = self.start(port, 0)
        output, errors = process.communicate(timeout=10)
        assert (output, process.returncode) == ("", 1)
        assert errors.count("\n") == 1
        assert f"port {port} of 127.0.0.1 is in use" in errors
        with pytest.raises(PortInUseError):
            ExampleUpstream(cdn_port=port)

    def test_localhost_by_either_protocol(self, upstream: ExampleUpstream) -> None:
        port = int(upstream.host.partition(":")[2])
        assert httpx.get(f"http://127.0.0.1:{port}/v2/").status_code == 401
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError:
                pytest.skip("this machine has no ::1")
        assert httpx.get(f"http://[::1]:{port}/v2/").status_code == 401
