"""Passthrough: a client's own credentials reach upstream's token endpoint, and nothing else does."""

import json
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import pytest

from tests.server.conftest import Serve, error, image, write
from tests.upstream import Answer, ExampleUpstream, Fault, Huge, redirect
from tests.upstream.registry import basic

PUBLIC = "https://registry.example.com"
SCOPE = "repository:nginx:pull"
THEIRS = {"Authorization": basic("user", "secret")}


@pytest.fixture
def client(serve: Serve, upstream: ExampleUpstream) -> httpx.Client:
    upstream.options.private = frozenset({"chainguard/nginx"})
    return serve(auth="passthrough", public_url=PUBLIC)


def token(client: httpx.Client, scope: str = SCOPE, headers: dict[str, str] | None = None) -> str:
    answer = client.get("/token", params={"service": "registry.example.com", "scope": scope}, headers=headers)
    assert answer.status_code == 200, answer.text
    granted: str = answer.json()["token"]
    return granted


def bearer(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}


class TestTheChallenge:
    @pytest.mark.parametrize("path", ["/v2/", "/v2", "/v2/_catalog"])
    def test_the_version_check_says_where_tokens_are(self, client: httpx.Client, path: str) -> None:
        answer = client.get(path)
        assert error(answer) == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == f'Bearer realm="{PUBLIC}/token",service="registry.example.com"'

    @pytest.mark.parametrize("path", ["manifests/1.27.4", "manifests/latest", "tags/list", f"blobs/sha256:{'0' * 64}"])
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_every_request_needs_a_token_for_its_repository(
        self, client: httpx.Client, upstream: ExampleUpstream, method: str, path: str
    ) -> None:
        answer = client.request(method, f"/v2/nginx/{path}")
        assert answer.status_code == 401
        assert f'scope="{SCOPE}"' in answer.headers["www-authenticate"]
        assert len(upstream.requests) == 0

    def test_a_lying_host_changes_nothing(self, client: httpx.Client) -> None:
        lies = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
        assert f'realm="{PUBLIC}/token"' in client.get("/v2/", headers=lies).headers["www-authenticate"]

    def test_basic_credentials_are_for_the_token_endpoint_only(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        assert client.get("/v2/nginx/manifests/latest", headers=THEIRS).status_code == 401
        assert len(upstream.requests) == 0


class TestTheToken:
    def test_the_right_credentials_pull_a_private_image(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        granted = bearer(token(client, headers=THEIRS))
        store = upstream.store("nginx")
        digest = store.tags["latest"]
        assert client.head("/v2/nginx/manifests/1.27.4", headers=granted).headers["docker-content-digest"] == digest
        for tag in ("1.27.4", "latest"):
            answer = client.get(f"/v2/nginx/manifests/{tag}", headers=granted)
            assert (answer.status_code, answer.content) == (200, store.manifests[digest].data)
        assert client.get(f"/v2/nginx/manifests/{digest}", headers=granted).status_code == 200
        assert client.get(f"/v2/nginx/blobs/{next(iter(store.blobs))}", headers=granted).status_code == 307

    def test_the_scope_is_upstreams_name_for_the_repository(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        token(client, f"{SCOPE},push", THEIRS)
        (asked,) = upstream.requests.matching("/token")
        assert asked.query == {"service": upstream.host, "scope": "repository:chainguard/nginx:pull"}
        assert asked.authorization == THEIRS["Authorization"]

    def test_without_credentials_a_private_image_is_refused(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        answer = client.get("/v2/nginx/manifests/latest", headers=bearer(token(client)))
        assert error(answer) == (401, "UNAUTHORIZED")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert f'scope="{SCOPE}"' in answer.headers["www-authenticate"]

    def test_wrong_credentials_are_refused_at_the_login(self, client: httpx.Client) -> None:
        answer = client.get("/token", headers={"Authorization": basic("user", "wrong")})
        assert error(answer) == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert "wrong" not in answer.text

    @pytest.mark.parametrize("authorization", ["Basic", "Basic !!!", "Negotiate abc", "Bearer x"])
    def test_what_is_no_such_credentials_is_refused_as_well(self, client: httpx.Client, authorization: str) -> None:
        answer = client.get("/token", headers={"Authorization": authorization})
        assert error(answer) == (401, "UNAUTHORIZED")

    def test_a_token_that_upstream_no_longer_takes_reads_nothing(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        path = f"/v2/nginx/manifests/{upstream.store('nginx').tags['latest']}"
        granted = bearer(token(client, headers=THEIRS))
        assert client.get(path, headers=granted).status_code == 200
        upstream.revoke_tokens()
        assert client.get(path, headers=granted).status_code == 401

    def test_what_one_may_read_is_not_given_to_another_from_memory(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        path = f"/v2/nginx/manifests/{upstream.store('nginx').tags['latest']}"
        assert client.get(path, headers=bearer(token(client, headers=THEIRS))).status_code == 200
        assert client.get(path, headers=bearer(token(client))).status_code == 401
        assert client.get(path, headers=bearer("made-up")).status_code == 401

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize(
        "path", ["manifests/latest", "manifests/1.27.4", "tags/list?attached=true", "blobs/{}", "referrers/{}"]
    )
    def test_what_one_was_told_by_name_is_asked_for_each(
        self, client: httpx.Client, upstream: ExampleUpstream, path: str, method: str
    ) -> None:
        """Nothing that one token read upstream is remembered for another, for seconds or at all."""
        store, blob = upstream.store("nginx"), next(iter(upstream.store("nginx").blobs))
        at = f"/v2/nginx/{path.format(blob if 'blobs' in path else store.tags['latest'])}"
        theirs = bearer(token(client, headers=THEIRS))
        assert client.request(method, at, headers=theirs).status_code in (200, 307)
        if method == "HEAD" and "1.27.4" in path:
            pytest.skip("what the index says is no secret of upstream's")
        assert client.request(method, at, headers=bearer(token(client))).status_code == 401
        assert client.request(method, at, headers=bearer("made-up")).status_code == 401
        assert client.request(method, at, headers=theirs).status_code in (200, 307)

    def test_no_shared_cache_may_keep_an_answer(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        granted = bearer(token(client, headers=THEIRS))
        for reference in ("1.27.4", "latest", upstream.store("nginx").tags["latest"]):
            answer = client.get(f"/v2/nginx/manifests/{reference}", headers=granted)
            assert "public" not in answer.headers["cache-control"]
            assert "private" in answer.headers["cache-control"]

    def test_a_public_image_needs_no_credentials(self, client: httpx.Client) -> None:
        granted = bearer(token(client, "repository:python:pull"))
        assert client.get("/v2/python/manifests/latest", headers=granted).status_code == 200

    def test_a_token_expired_upstream_is_asked_for_anew(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        upstream.options.token_lifetime = -1
        assert (
            client.get("/v2/nginx/manifests/latest", headers=bearer(token(client, headers=THEIRS))).status_code == 401
        )


class TestOAuth2:
    def grant(self, client: httpx.Client, **fields: str) -> httpx.Response:
        form = {"service": "registry.example.com", "client_id": "docker", "scope": SCOPE, **fields}
        return client.post("/token", data=form)

    def test_a_password_gives_a_refresh_token_and_that_gives_tokens(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        first = self.grant(client, grant_type="password", username="user", password="secret", access_type="offline")
        refresh_token = first.json()["refresh_token"]
        second = self.grant(client, grant_type="refresh_token", refresh_token=refresh_token)
        for answer in (first, second):
            granted = bearer(answer.json()["token"])
            assert client.get("/v2/nginx/manifests/latest", headers=granted).status_code == 200

    def test_wrong_ones_are_refused(self, client: httpx.Client) -> None:
        answer = self.grant(client, grant_type="refresh_token", refresh_token="wrong")
        assert error(answer) == (401, "UNAUTHORIZED")

    @pytest.mark.parametrize(
        ("body", "status", "code", "message"),
        [
            (b"", 400, "UNSUPPORTED", "a request for a token names its grant_type"),
            (b"a=b", 400, "UNSUPPORTED", "a request for a token names its grant_type"),
            (b"grant_type=password&x", 400, "UNSUPPORTED", "a request for a token is a form of fields"),
            (b"grant_type=password&" + b"&".join([b"a=b"] * 32), 400, "UNSUPPORTED", "a request for a token is a form"),
            (b"\xff=\xfe", 400, "UNSUPPORTED", "a request for a token is a form of fields"),
            (b"grant_type=" + b"a" * 65_536, 413, "SIZE_INVALID", "this is no request for a token: it is too long"),
        ],
    )
    def test_what_is_no_such_form_is_refused(
        self, client: httpx.Client, upstream: ExampleUpstream, body: bytes, status: int, code: str, message: str
    ) -> None:
        answer = client.post("/token", content=body)
        assert error(answer) == (status, code)
        assert answer.json()["errors"][0]["message"].startswith(message)
        assert len(upstream.requests) == 0

    @pytest.mark.parametrize("body", [b"grant_type=" + b"a" * 65_525, b"grant_type=x&" + b"&".join([b"a=b"] * 31)])
    def test_one_of_the_size_that_is_allowed_is_upstreams_to_refuse(
        self, client: httpx.Client, upstream: ExampleUpstream, body: bytes
    ) -> None:
        assert error(client.post("/token", content=body)) == (401, "UNAUTHORIZED")
        assert upstream.requests.count("POST /token") == 1


class TestWhereCredentialsGo:
    def test_never_to_a_redirects_host(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        upstream.inject(Fault(redirect(f"http://{upstream.cdn_host}/token"), path="/token", side="registry"))
        assert client.get("/token", headers=THEIRS).status_code == 502
        assert upstream.requests.count(side="cdn") == 0

    def test_never_to_a_realm_that_upstream_only_now_speaks_of(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        challenge = {"WWW-Authenticate": f'Bearer realm="http://{upstream.cdn_host}/token"'}
        upstream.inject(Fault(Answer(401, challenge), path="/v2/", times=None))
        client.get("/v2/nginx/manifests/latest", headers=bearer("x"))
        client.get("/token", params={"scope": SCOPE}, headers=THEIRS)
        assert upstream.requests.count(side="cdn") == 0

    def test_only_to_the_registry_of_the_indexs_upstream(
        self, index: Path, serve: Serve, upstream: ExampleUpstream
    ) -> None:
        """An image of another registry gets an anonymous token from there."""
        with ExampleUpstream() as other:
            write(index, upstream, {"nginx": image(upstream, "nginx"), "foreign": image(other, "nginx")})
            client = serve(auth="passthrough", public_url=PUBLIC)
            granted = token(client, "repository:foreign:pull", THEIRS)
            assert client.get("/v2/foreign/manifests/latest", headers=bearer(granted)).status_code == 200
            client.post(
                "/token",
                data={"grant_type": "refresh_token", "scope": "repository:foreign:pull", "refresh_token": "theirs"},
            )
            assert {request.authorization for request in other.requests.matching("/token")} == {None}
            assert other.requests.count("POST") == 0
            assert len(upstream.requests) == 0

    def test_a_token_of_that_registry_goes_to_no_other(
        self, index: Path, serve: Serve, upstream: ExampleUpstream
    ) -> None:
        with ExampleUpstream() as other:
            write(index, upstream, {"nginx": image(upstream, "nginx"), "foreign": image(other, "nginx")})
            client = serve(auth="passthrough", public_url=PUBLIC)
            granted = token(client, headers=THEIRS)
            for path in ("manifests/latest", "tags/list", f"blobs/{next(iter(other.store('nginx').blobs))}"):
                assert client.get(f"/v2/foreign/{path}", headers=bearer(granted)).status_code in (200, 307)
            assert other.requests.count("/v2/")
            assert not [each for each in other.requests if granted in (each.authorization or "")]

    def test_those_of_a_registry_that_the_user_names_go_there_and_nowhere_else(
        self, index: Path, serve: Serve, upstream: ExampleUpstream
    ) -> None:
        with ExampleUpstream() as other:
            other.options.private = frozenset({"chainguard/nginx"})
            write(index, upstream, {"nginx": image(upstream, "nginx"), "foreign": image(other, "nginx")})
            client = serve(auth="passthrough", public_url=PUBLIC)
            named = {"Authorization": basic(f"{other.host.replace(':', '_')}/user", "secret")}
            granted = token(client, "repository:foreign:pull", named)
            blob = next(iter(other.store("nginx").blobs))
            for path in ("manifests/latest", "manifests/1.27.4", "tags/list", f"blobs/{blob}"):
                assert client.get(f"/v2/foreign/{path}", headers=bearer(granted)).status_code in (200, 307)
                assert client.get(f"/v2/foreign/{path}", headers=bearer("made-up")).status_code in (200, 401)
            form = {"grant_type": "password", "username": f"{other.host.replace(':', '_')}/user", "password": "secret"}
            scope = {"scope": "repository:foreign:pull", "access_type": "offline", "client_id": "docker"}
            first = client.post("/token", data=form | scope).json()
            again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": "docker"}
            for answer in (first, client.post("/token", data=again | scope).json()):
                assert client.get("/v2/foreign/manifests/latest", headers=bearer(answer["token"])).status_code == 200
            assert client.get("/token", headers=named).status_code == 200
            assert client.get("/v2/nginx/manifests/latest", headers=bearer(granted)).status_code == 200
            assert token(client, headers=named)
            assert {request.authorization for request in upstream.requests.matching("/token")} == {None}
            value = granted.partition("/")[2]
            assert not [each for each in upstream.requests if value in (each.authorization or "")]

    def test_nowhere_while_the_index_records_no_endpoint(
        self, index: Path, serve: Serve, upstream: ExampleUpstream
    ) -> None:
        write(index, upstream, {})
        client = serve(auth="passthrough", public_url=PUBLIC)
        answer = client.get("/token", params={"scope": "repository:python:pull"}, headers=THEIRS)
        assert error(answer) == (403, "DENIED")
        assert "refresh" in answer.json()["errors"][0]["message"]
        assert len(upstream.requests) == 0

    def test_not_in_plain_text_over_a_network(
        self, index: Path, serve: Serve, upstream: ExampleUpstream, names: dict[str, list[str]]
    ) -> None:
        auth = {"realm": f"http://registry.example.com:{upstream.host.partition(':')[2]}/token", "service": None}
        document = image(upstream, "nginx", auth=auth) | {"repository": "registry.example.com/nginx"}
        write(index, upstream, {"nginx": document})
        (index / "index.json").write_text(
            json.dumps(json.loads((index / "index.json").read_text()) | {"upstream": "registry.example.com"})
        )
        names["registry.example.com"] = ["127.0.0.1"]
        client = serve(auth="passthrough", public_url=PUBLIC)
        answer = client.get("/token", params={"scope": SCOPE}, headers=THEIRS)
        assert error(answer) == (502, "UNAVAILABLE")
        assert "not an https address" in answer.text
        assert len(upstream.requests) == 0

    def test_what_a_client_says_of_itself_is_for_that_registry_alone(
        self, index: Path, serve: Serve, upstream: ExampleUpstream
    ) -> None:
        with ExampleUpstream() as other:
            write(index, upstream, {"nginx": image(upstream, "nginx"), "foreign": image(other, "postgres")})
            client = serve(auth="passthrough", public_url=PUBLIC)
            itself = {"account": "user", "client_id": "docker", "offline_token": "true"}
            foreign, own = "repository:foreign:pull", "repository:nginx:pull"
            for scopes in ([foreign], [foreign, own], [f"{foreign} {own}"]):
                client.get("/token", params={"scope": scopes, **itself}, headers=THEIRS)
                form = {"grant_type": "password", "username": "user", "password": "secret", "scope": " ".join(scopes)}
                client.post("/token", data=itself | form)
            assert [request.method for request in other.requests] == ["GET"] * 6
            for request in other.requests:
                assert request.query == {"service": other.host, "scope": "repository:chainguard/postgres:pull"}
                assert request.authorization is None
                assert request.body == b""
            assert len(upstream.requests) == 0

    def test_scopes_of_another_registry_are_left_out(
        self, index: Path, serve: Serve, upstream: ExampleUpstream
    ) -> None:
        with ExampleUpstream() as other:
            write(index, upstream, {"nginx": image(upstream, "nginx"), "foreign": image(other, "postgres")})
            client = serve(auth="passthrough", public_url=PUBLIC)
            scopes = ["repository:nginx:pull", "repository:foreign:pull", "repository:python:pull"]
            client.get("/token", params={"scope": scopes}, headers=THEIRS)
            form = {"grant_type": "password", "username": "user", "password": "secret", "scope": " ".join(scopes)}
            client.post("/token", data=form)
            assert upstream.requests.count("/token") == 2
            assert "foreign" not in str(list(upstream.requests))
            assert "postgres" not in str(list(upstream.requests))
            assert len(other.requests) == 0

    def test_a_form_reaches_upstream_with_nothing_that_is_not_of_it(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        fields = {"grant_type": "password", "username": "user", "password": "secret", "client_id": "docker"}
        extra = {"service": "registry.example.com", "redirect_uri": "http://evil.example/", "scope": SCOPE}
        client.post("/token", data=fields | extra, headers={"Cookie": "a=b", "X-Api-Key": "k"})
        (asked,) = upstream.requests.matching("POST /token")
        expected = fields | {"service": upstream.host, "scope": "repository:chainguard/nginx:pull"}
        assert dict(parse_qsl(asked.body.decode())) == expected
        assert asked.query == {}
        assert not {"cookie", "x-api-key", "authorization"} & set(asked.headers)

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_an_answer_without_end_is_not_read_to_its_end(
        self, client: httpx.Client, upstream: ExampleUpstream, method: str
    ) -> None:
        upstream.inject(Fault(Huge(300_000_000, is_stated=False), path="/token"))
        form = {"grant_type": "refresh_token", "refresh_token": "x"} if method == "POST" else None
        assert error(client.request(method, "/token", data=form, headers={})) == (502, "UNAVAILABLE")
        (asked,) = upstream.requests.matching("/token")
        assert asked.sent < 100_000_000

    def test_an_answer_that_is_sound_but_too_long_is_refused(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        body = json.dumps({"token": "t", "padding": "x" * 100_000}).encode()
        upstream.inject(Fault(Answer(200, {}, body), path="/token"))
        assert error(client.get("/token")) == (502, "UNAVAILABLE")

    @pytest.mark.parametrize(
        "scope",
        [
            "",
            "registry:catalog:*",
            "repository:../x:pull",
            "repository:nginx:push",
            "repository:NGINX:pull",
            "x" * 5000,
        ],
    )
    def test_no_other_scope_is_asked_for(self, client: httpx.Client, upstream: ExampleUpstream, scope: str) -> None:
        token(client, scope, THEIRS)
        (asked,) = upstream.requests.matching("/token")
        assert "scope" not in asked.query

    @pytest.mark.parametrize("stated", ["60", '"60"', "60.0", "60.9"])
    def test_a_lifetime_is_a_whole_number_as_go_reads_it(
        self, client: httpx.Client, upstream: ExampleUpstream, stated: str
    ) -> None:
        body = f'{{"token": "t", "expires_in": {stated}}}'.encode()
        upstream.inject(Fault(Answer(200, {}, body), path="/token"))
        assert '"expires_in":60}' in client.get("/token", headers=THEIRS).text

    def test_only_known_fields_of_the_answer_are_handed_on(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        body = json.dumps({"token": "t", "expires_in": 60, "internal": "x"}).encode()
        upstream.inject(Fault(Answer(200, {"Set-Cookie": "a=b"}, body), path="/token"))
        answer = client.get("/token", headers=THEIRS)
        assert answer.text == '{"token":"t","access_token":"t","expires_in":60}'
        assert "set-cookie" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"


def test_there_is_no_token_endpoint_without_passthrough(serve: Serve, upstream: ExampleUpstream) -> None:
    assert serve().get("/token", headers=THEIRS).status_code == 404
    assert len(upstream.requests) == 0


def test_who_asks_is_told_to_upstream_by_the_fields_of_the_specification_alone(
    client: httpx.Client, upstream: ExampleUpstream
) -> None:
    asked = {"scope": SCOPE, "account": "user", "client_id": "docker", "offline_token": "true", "other": "x"}
    client.get("/token", params=asked, headers=THEIRS)
    (request,) = upstream.requests.matching("/token")
    assert request.query == {
        "service": upstream.host,
        "scope": "repository:chainguard/nginx:pull",
        "account": "user",
        "client_id": "docker",
        "offline_token": "true",
    }


def test_a_public_address_may_end_in_a_slash(serve: Serve, upstream: ExampleUpstream) -> None:
    answer = serve(auth="passthrough", public_url=f"{PUBLIC.rstrip('/')}/").get("/v2/nginx/manifests/latest")
    challenge = answer.headers["www-authenticate"]
    assert f'realm="{PUBLIC.rstrip("/")}/token"' in challenge
    assert f'service="{PUBLIC.partition("://")[2].rstrip("/")}"' in challenge


def test_a_realm_that_is_stated_with_a_scope_is_asked_by_a_form_without_it(
    index: Path, serve: Serve, upstream: ExampleUpstream
) -> None:
    auth = {"realm": f"{upstream.url}/token?scope=repository:chainguard/other:pull", "service": upstream.host}
    write(index, upstream, {"nginx": image(upstream, "nginx", auth=auth)})
    form = {"grant_type": "password", "username": "user", "password": "secret", "scope": SCOPE}
    assert serve(auth="passthrough", public_url=PUBLIC).post("/token", data=form).status_code == 200
    (asked,) = upstream.requests.matching("/token")
    assert (asked.method, asked.query) == ("POST", {})
    assert dict(parse_qsl(asked.body.decode()))["scope"] == "repository:chainguard/nginx:pull"
