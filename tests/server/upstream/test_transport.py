"""What an upstream is believed for: its certificate first; and that a secret never leaves TLS."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.example import ROOT
from tests.server.conftest import Serve, error, image, write
from tests.upstream import Answer, ExampleUpstream, Fault, Mislabel, Options, Slow, redirect
from tests.upstream.registry import basic

PATHS = ["manifests/latest", "tags/list", f"referrers/sha256:{'0' * 64}", f"blobs/sha256:{'0' * 64}"]


@pytest.fixture
def over_tls(index: Path, secure: ExampleUpstream) -> Path:
    """An index whose upstream speaks HTTPS."""
    write(index, secure, {"nginx": image(secure, "nginx")})
    return index


@pytest.fixture
def trusting(over_tls: Path, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> httpx.Client:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "secure.pem"))
    return serve()


class TestTheServer:
    def test_an_authority_that_the_environment_names_is_trusted(
        self, trusting: httpx.Client, secure: ExampleUpstream
    ) -> None:
        answer = trusting.get("/v2/postgres/manifests/latest")
        assert answer.status_code == 200
        assert answer.headers["docker-content-digest"] == secure.store("postgres").tags["latest"]
        blob = trusting.get(f"/v2/nginx/blobs/{next(iter(secure.store('nginx').blobs))}")
        assert blob.headers["location"].startswith(f"https://{secure.cdn_host}/")

    @pytest.mark.parametrize("path", PATHS)
    def test_an_authority_that_nobody_named_is_not(
        self, over_tls: Path, serve: Serve, secure: ExampleUpstream, path: str
    ) -> None:
        assert error(serve().get(f"/v2/postgres/{path}")) == (502, "UNAVAILABLE")
        assert len(secure.requests) == 0

    def test_a_certificate_of_another_name_is_not(
        self,
        over_tls: Path,
        serve: Serve,
        secure: ExampleUpstream,
        names: dict[str, list[str]],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The authority is trusted, the address is right, but it is no certificate of that registry."""
        host, port = secure.host.split(":")
        names["registry.example.com"] = [host]
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "secure.pem"))
        for file in over_tls.rglob("index.json"):
            file.write_text(file.read_text().replace(secure.host, f"registry.example.com:{port}"))
        assert error(serve().get("/v2/postgres/manifests/latest")) == (502, "UNAVAILABLE")
        assert len(secure.requests) == 0

    def test_neither_is_that_of_a_host_that_it_redirects_to(
        self, trusting: httpx.Client, secure: ExampleUpstream
    ) -> None:
        with ExampleUpstream(Options(tokens=False), tls=True) as other:
            elsewhere = redirect(f"{other.url}/v2/chainguard/postgres/manifests/latest")
            secure.inject(Fault(elsewhere, path="/manifests/latest", times=None))
            assert error(trusting.get("/v2/postgres/manifests/latest")) == (502, "UNAVAILABLE")
            assert len(other.requests) == 0

    @pytest.mark.parametrize("path", ["manifests/latest", "tags/list"])
    def test_a_redirect_from_https_to_http_is_not_followed(
        self, trusting: httpx.Client, secure: ExampleUpstream, upstream: ExampleUpstream, path: str
    ) -> None:
        upstream.options.tokens = False
        elsewhere = redirect(f"{upstream.url}/v2/chainguard/postgres/{path}")
        secure.inject(Fault(elsewhere, path=f"/v2/.*/{path}", times=None))
        assert error(trusting.get(f"/v2/postgres/{path}")) == (502, "UNAVAILABLE")
        assert len(upstream.requests) == 0


class TestAPlainTokenEndpointOfAnEncryptedRegistry:
    def test_it_is_not_asked_where_a_challenge_names_it(
        self, over_tls: Path, trusting: httpx.Client, secure: ExampleUpstream, upstream: ExampleUpstream
    ) -> None:
        challenge = {"WWW-Authenticate": f'Bearer realm="{upstream.url}/token",service="{upstream.host}"'}
        secure.inject(Fault(Answer(401, challenge), path="/v2/", times=None))
        assert error(trusting.get("/v2/postgres/manifests/latest")) == (502, "UNAVAILABLE")
        assert secure.requests.count("/v2/") == 1
        assert len(upstream.requests) == 0

    @pytest.mark.parametrize("auth", ["anonymous", "passthrough"])
    def test_nor_where_the_index_does(
        self,
        index: Path,
        serve: Serve,
        secure: ExampleUpstream,
        upstream: ExampleUpstream,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        auth: str,
    ) -> None:
        """It is there and would answer: what it must not be given are the credentials."""
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "secure.pem"))
        realm = {"realm": f"{upstream.url}/token", "service": upstream.host}
        write(index, secure, {"nginx": image(secure, "nginx", auth=realm)})
        client = serve(auth=auth, public_url="https://registry.example.com")
        if auth == "anonymous":
            assert error(client.get("/v2/postgres/manifests/latest")) == (502, "UNAVAILABLE")
        theirs = {"Authorization": basic("user", "secret")}
        asked = {"scope": "repository:nginx:pull"}
        form = {"grant_type": "password", "username": "user", "password": "secret", **asked}
        statuses = {
            client.get("/token", params=asked, headers=theirs).status_code,
            client.post("/token", data=form).status_code,
        }
        assert statuses == ({502} if auth == "passthrough" else {404, 405})
        assert len(upstream.requests) == 0


class TestTheGenerator:
    def refresh(self, secure: ExampleUpstream, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        folder.mkdir()
        (folder / "images.toml").write_text(
            f'upstream = "{secure.host}/chainguard"\n[images.postgres]\nsince = "now"\n'
        )
        command = [sys.executable, "-m", "generator", "refresh", "--index", str(folder)]
        surroundings = {**os.environ, **environment}
        return subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False)

    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
    def test_an_authority_that_the_environment_names_is_trusted(
        self, secure: ExampleUpstream, tmp_path: Path, variable: str
    ) -> None:
        done = self.refresh(secure, tmp_path / "index", **{variable: str(tmp_path / "secure.pem")})
        assert done.returncode == 0, done.stderr
        assert secure.store("postgres").tags["latest"] in (tmp_path / "index/postgres/index.json").read_text()

    def test_an_authority_that_nobody_named_is_not(self, secure: ExampleUpstream, tmp_path: Path) -> None:
        done = self.refresh(secure, tmp_path / "index")
        assert done.returncode != 0
        assert "ertificate" in done.stderr + done.stdout
        assert not (tmp_path / "index/postgres/index.json").exists()
        assert len(secure.requests) == 0


@pytest.mark.parametrize("path", ["manifests/latest", "tags/list"])
def test_an_answer_of_no_stated_length_is_read_to_its_end(
    client: httpx.Client, upstream: ExampleUpstream, path: str
) -> None:
    expected = client.get(f"/v2/python/{path}").content
    upstream.inject(Fault(Mislabel({"Content-Length": None}), path=f"postgres/{path}", times=None))
    answer = client.get(f"/v2/postgres/{path}")
    assert answer.status_code == 200
    assert len(answer.content) > len(expected) // 4


def test_a_blob_whose_upstream_pauses_for_too_long_is_cut(serve: Serve, upstream: ExampleUpstream) -> None:
    upstream.options.redirect_blobs = False
    store = upstream.store("nginx")
    layer = store.manifests[store.tags["latest"]].children[0].children[0].digest
    upstream.inject(Fault(Slow(1, 60), path="/blobs/"))
    with pytest.raises(httpx.RemoteProtocolError):
        serve(timeout=0.5).get(f"/v2/nginx/blobs/{layer}")
