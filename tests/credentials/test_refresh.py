"""A refresh of private images: the credentials go to their own registry's token endpoint, and nowhere else."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.processes import daemon, free_port, wait_for
from tests.clients.program import need
from tests.command import command
from tests.upstream import Answer, ExampleUpstream, Fault, Mislabel
from tests.upstream.options import Options

SECRET = "s3cr3t-of-nobody"
# bcrypt of SECRET, which is the only kind that docker-registry takes.
HTPASSWD = "me:$2b$05$iMzGYZYwIC0d2wd8oYJNb.707WT08joe3io1PNiklOkPEdFCMU2PC\n"
IMAGES = '[images.nginx]\ntracks = ["latest"]\nsince = "always"\n'


@dataclass
class Refreshed:
    """One run of `refresh`, and all that it left."""

    folder: Path
    status: int
    output: str

    @property
    def builds(self) -> int:
        index = self.folder / "nginx/index.json"
        return len(json.loads(index.read_bytes())["builds"]) if index.exists() else 0

    def holds(self, *secrets: str) -> list[str]:
        """Where one of them stands in anything that was written or printed."""
        files = {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        everything = files | {"output": self.output.encode()}
        return [name for name, data in everything.items() if any(secret.encode() in data for secret in secrets)]


def refresh(
    folder: Path,
    host: str,
    entry: Mapping[str, object] | None,
    *options: str,
    images: str = IMAGES,
    **more: str,
) -> Refreshed:
    """`entry` is what a file of credentials has for the host."""
    index = folder / "index"
    index.mkdir(exist_ok=True)
    (index / "images.toml").write_text(f'upstream = "{host}/chainguard"\n{images}')
    (folder / "auth.json").write_text(json.dumps({"auths": {host: entry} if entry else {}}))
    environment = {"REGISTRY_AUTH_FILE": str(folder / "auth.json")} | more
    done = command("refresh", "--index", index, *options, **environment)
    return Refreshed(index, done.returncode, done.stdout + done.stderr)


def entry(user: str = "me", password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


SECRETS = (SECRET, entry()["auth"], f"refresh-{SECRET}")


@pytest.fixture
def upstream() -> Iterator[ExampleUpstream]:
    options = Options(private=frozenset({"chainguard/nginx"}), credentials=("me", SECRET))
    with ExampleUpstream(options) as running:
        yield running


def who_saw(upstream: ExampleUpstream) -> set[str]:
    """The requests, by side and path, that held any form of the secret."""
    seen = set()
    for request in upstream.requests:
        said = " ".join([*request.headers.values(), *request.query.values(), request.path]).encode() + request.body
        if any(secret.encode() in said for secret in SECRETS):
            seen.add(f"{request.side} {request.method} {request.path}")
    return seen


def test_a_private_image_is_read_with_the_password_that_its_registry_has(
    upstream: ExampleUpstream, tmp_path: Path
) -> None:
    done = refresh(tmp_path, upstream.host, entry())
    assert (done.status, done.builds) == (0, 6), done.output
    assert who_saw(upstream) == {"registry GET /token"}
    assert done.holds(*SECRETS) == []


def test_an_identity_token_is_posted_to_the_token_endpoint(upstream: ExampleUpstream, tmp_path: Path) -> None:
    done = refresh(tmp_path, upstream.host, {"auth": entry(password="")["auth"], "identitytoken": f"refresh-{SECRET}"})
    assert (done.status, done.builds) == (0, 6), done.output
    assert who_saw(upstream) == {"registry POST /token"}
    assert done.holds(*SECRETS) == []


def test_a_registry_token_is_sent_to_the_registry_as_it_is(upstream: ExampleUpstream, tmp_path: Path) -> None:
    upstream.options.tokens = False
    challenge = Answer(401, {"WWW-Authenticate": f'Bearer realm="{upstream.url}/token",service="{upstream.host}"'})
    upstream.inject(Fault(challenge, path="/v2/"))
    done = refresh(tmp_path, upstream.host, {"registrytoken": SECRET})
    assert (done.status, done.builds) == (0, 6), done.output
    assert upstream.requests.count("/token") == 0
    assert {(each.side, each.authorization) for each in upstream.requests if each.authorization} == {
        ("registry", f"Bearer {SECRET}")
    }
    assert done.holds(*SECRETS) == []


def helper(folder: Path, *secrets: str) -> dict[str, str]:
    """A helper that gives one secret after another, and the last for ever; `asked` has a line for each time."""
    (folder / "bin").mkdir()
    program = folder / "bin/docker-credential-hourly"
    cases = "".join(f"{number}) secret={secret};; " for number, secret in enumerate(secrets, 1))
    program.write_text(
        f"""#!/bin/sh
echo >>{folder}/asked
case $(wc -l <{folder}/asked) in {cases} *) secret={secrets[-1]};; esac
printf '{{"Username": "me", "Secret": "%s"}}' $secret
"""
    )
    program.chmod(0o755)
    (folder / "config.json").write_text(json.dumps({"credsStore": "hourly"}))
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return {"REGISTRY_AUTH_FILE": str(folder / "config.json"), "PATH": path}


@pytest.mark.parametrize(
    ("secrets", "status", "asked"), [(["expired", SECRET], 0, 2), ([SECRET], 0, 1), (["wrong"], 1, 2)]
)
def test_a_helper_is_asked_again_when_what_it_gave_is_refused(
    upstream: ExampleUpstream, tmp_path: Path, secrets: list[str], status: int, asked: int
) -> None:
    done = refresh(tmp_path, upstream.host, None, **helper(tmp_path, *secrets))
    assert done.status == status, done.output
    assert len((tmp_path / "asked").read_text().splitlines()) == asked
    assert done.holds(*SECRETS) == []


@pytest.mark.parametrize(
    ("given", "environment", "asked"),
    [
        (None, {}, "asked anonymously"),
        (entry(), {"REVERSE_REGISTRY_CREDENTIALS": "none"}, "asked anonymously"),
        (entry(password="wrong"), {}, "asked with the entry "),
    ],
)
def test_a_refusal_says_how_it_was_asked(
    upstream: ExampleUpstream,
    tmp_path: Path,
    given: Mapping[str, object] | None,
    environment: dict[str, str],
    asked: str,
) -> None:
    done = refresh(tmp_path, upstream.host, given, **environment)
    assert (done.status, done.builds) == (1, 0)
    assert "refused" in done.output
    assert asked in done.output
    assert who_saw(upstream) == set()
    assert done.holds(*SECRETS, entry(password="wrong")["auth"]) == []


def test_dry_run_says_which_entry_is_used(upstream: ExampleUpstream, tmp_path: Path) -> None:
    done = refresh(tmp_path, upstream.host, entry(), "--dry-run")
    source = f"the entry {upstream.host} of {tmp_path}/auth.json"
    assert f"{upstream.host}: asked with {source}\n" in done.output
    assert done.status == 0
    anonymous = refresh(tmp_path, upstream.host, None, "--dry-run")
    assert f"{upstream.host}: asked anonymously\n" in anonymous.output


def test_a_token_that_expires_on_the_way_is_asked_for_again(upstream: ExampleUpstream, tmp_path: Path) -> None:
    challenge = f'Bearer realm="{upstream.url}/token",service="{upstream.host}"'
    expired = Answer(401, {"WWW-Authenticate": challenge}, b"{}")
    upstream.inject(Fault(expired, path="/manifests/sha256:"))
    done = refresh(tmp_path, upstream.host, entry())
    assert (done.status, done.builds) == (0, 6), done.output
    assert upstream.requests.count("GET /token", status=200) >= 2


def test_a_helper_that_fails_fails_its_images_alone_and_nothing_is_asked_anonymously(
    upstream: ExampleUpstream, tmp_path: Path
) -> None:
    (tmp_path / "docker").mkdir()
    helpers = {"credHelpers": {upstream.host: "of-nobody"}}
    (tmp_path / "docker/config.json").write_text(json.dumps(helpers))
    environment = {"REGISTRY_AUTH_FILE": "", "DOCKER_CONFIG": str(tmp_path / "docker")}
    done = refresh(tmp_path, upstream.host, None, **environment)
    assert done.status == 1
    assert "docker-credential-of-nobody is not installed" in done.output
    assert upstream.requests.count("GET /token") == 0


def test_another_host_that_a_challenge_names_gets_no_credentials(upstream: ExampleUpstream, tmp_path: Path) -> None:
    elsewhere = upstream.url.replace("localhost", "127.0.0.1")
    challenge = f'Bearer realm="{elsewhere}/token",service="{upstream.host}"'
    upstream.inject(Fault(Mislabel({"WWW-Authenticate": challenge}), path="/v2/", times=None))
    done = refresh(tmp_path, upstream.host, entry())
    assert done.status == 1
    assert "is not sent there" in done.output
    assert who_saw(upstream) == set()
    assert done.holds(*SECRETS) == []


@pytest.mark.parametrize("given", [entry(), {"identitytoken": f"refresh-{SECRET}"}], ids=["password", "token"])
def test_a_token_endpoint_that_sends_on_is_not_followed(
    upstream: ExampleUpstream, tmp_path: Path, given: Mapping[str, object]
) -> None:
    onward = Answer(307, {"Location": f"{upstream.url}/elsewhere"}, b"")
    upstream.inject(Fault(onward, path="/token", times=None))
    done = refresh(tmp_path, upstream.host, given)
    assert done.status == 1
    assert "redirected, which no token endpoint may do" in done.output
    assert upstream.requests.count("/elsewhere") == 0


@pytest.fixture
def over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ExampleUpstream, ExampleUpstream]]:
    """A private registry, and another host that a challenge may name; both are trusted."""
    options = Options(private=frozenset({"chainguard/nginx"}), credentials=("me", SECRET))
    with (
        ExampleUpstream(options, tls=True) as registry,
        ExampleUpstream(Options(credentials=("me", SECRET)), tls=True) as other,
    ):
        (tmp_path / "authorities.pem").write_text(registry.authority + other.authority)
        for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            monkeypatch.setenv(variable, str(tmp_path / "authorities.pem"))
        yield registry, other


def name(registry: ExampleUpstream, other: ExampleUpstream) -> None:
    """From now on the registry's challenges name the other's token endpoint."""
    challenge = f'Bearer realm="{other.url}/token",service="{other.host}"'
    registry.inject(Fault(Mislabel({"WWW-Authenticate": challenge}), path="/v2/", times=None))


def test_over_tls_the_first_challenge_may_name_another_host(
    over_tls: tuple[ExampleUpstream, ExampleUpstream], tmp_path: Path
) -> None:
    """As Docker Hub's does. (The other's tokens are none of the registry's, so that it ends with a refusal.)"""
    registry, other = over_tls
    name(registry, other)
    done = refresh(tmp_path, registry.host, entry())
    assert done.status == 1
    assert who_saw(other) == {"registry GET /token"}
    assert who_saw(registry) == set()
    assert done.holds(*SECRETS) == []


def test_once_a_realm_is_recorded_no_other_host_gets_credentials(
    over_tls: tuple[ExampleUpstream, ExampleUpstream], tmp_path: Path
) -> None:
    registry, other = over_tls
    assert refresh(tmp_path, registry.host, entry()).status == 0
    name(registry, other)
    registry.inject(Fault(Answer(401, {}, b"{}"), path="/token", times=None))
    done = refresh(tmp_path, registry.host, entry())
    assert done.status == 1
    assert f"{registry.host} has named another realm before" in done.output
    assert who_saw(other) == set()


@pytest.fixture
def htpasswd_registry(tmp_path: Path, upstream: ExampleUpstream) -> Iterator[str]:
    """Debian's docker-registry, which asks for Basic alone, with a copy of the example's nginx. Its host."""
    need("docker-registry", "skopeo")
    port = free_port()
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    (tmp_path / "registry.yml").write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {tmp_path}/registry\n"
        f"http:\n  addr: 127.0.0.1:{port}\nlog:\n  level: error\n"
        f"auth:\n  htpasswd:\n    realm: example\n    path: {tmp_path}/htpasswd\n"
    )
    host = f"localhost:{port}"
    with daemon(tmp_path / "registry.log", "docker-registry", "serve", tmp_path / "registry.yml"):
        wait_for(f"http://127.0.0.1:{port}/")
        source, target = f"docker://{upstream.repository('nginx')}", f"docker://{host}/chainguard/nginx"
        options = ["copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"]
        options += ["--src-creds", f"me:{SECRET}", "--dest-creds", f"me:{SECRET}"]
        digest = upstream.store("nginx").tags["latest"]
        manifest = upstream.store("nginx").manifest(digest)
        assert manifest is not None
        tags = [each["digest"].replace(":", "-") + ".att" for each in manifest.document["manifests"]]
        for tag in ("latest", *tags):
            subprocess.run(["skopeo", *options, f"{source}:{tag}", f"{target}:{tag}"], check=True, timeout=60)
        yield host


def test_a_registry_that_asks_for_a_password_alone_is_given_it_itself(htpasswd_registry: str, tmp_path: Path) -> None:
    done = refresh(tmp_path, htpasswd_registry, entry())
    assert (done.status, done.builds) == (0, 1), done.output
    assert done.holds(*SECRETS) == []
    refused = refresh(tmp_path, htpasswd_registry, None)
    assert refused.status == 1
    assert "asks for authentication that anonymous reading cannot give" in refused.output


def test_private_stands_in_the_index_where_images_toml_says_so(upstream: ExampleUpstream, tmp_path: Path) -> None:
    def private() -> tuple[object, object]:
        documents = (tmp_path / "index/nginx/index.json", tmp_path / "index/index.json")
        image, catalogue = (json.loads(path.read_bytes()) for path in documents)
        return image.get("private"), catalogue["images"]["nginx"].get("private")

    assert refresh(tmp_path, upstream.host, entry()).status == 0
    assert private() == (None, None)
    assert refresh(tmp_path, upstream.host, entry(), images=f"{IMAGES}private = true\n").status == 0
    assert private() == (True, True)
    assert refresh(tmp_path, upstream.host, entry()).status == 0
    assert private() == (None, None)
