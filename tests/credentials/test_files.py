"""Which credentials belong to which repository: docker's and podman's files, and helpers of every kind."""

import base64
import json
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.errors import ConfigurationError
from generator.reference import Repository
from generator.upstream import credentials
from generator.upstream.credentials import CredentialStore

Environment = dict[str, str]
SECRET = "s3cr3t-of-nobody"


def auth(user: str, password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def write(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def user_of(repository: str, **environment: str) -> str | None:
    """The name of the user that the repository is read as."""
    found = CredentialStore.from_environment(environment).find(Repository.parse(repository))
    return found.username if found else None


def test_without_any_file_everything_is_read_anonymously(home: Path) -> None:
    assert user_of("ghcr.io/me/app", HOME=str(home)) is None
    assert user_of("ghcr.io/me/app") is None


def test_dockers_own_file_is_read(home: Path) -> None:
    write(home / ".docker/config.json", {"auths": {"ghcr.io": auth("octocat")}})
    assert user_of("ghcr.io/me/app", HOME=str(home)) == "octocat"
    assert user_of("quay.io/me/app", HOME=str(home)) is None


def test_docker_config_names_a_folder_and_registry_auth_file_a_file_that_stands_for_all(home: Path) -> None:
    write(home / ".docker/config.json", {"auths": {"ghcr.io": auth("home")}})
    write(home / "other/config.json", {"auths": {"ghcr.io": auth("docker")}})
    write(home / "auth.json", {"auths": {"quay.io": auth("podman")}})
    named = {"HOME": str(home), "DOCKER_CONFIG": str(home / "other")}
    assert user_of("ghcr.io/me/app", **named) == "docker"
    chosen = named | {"REGISTRY_AUTH_FILE": str(home / "auth.json")}
    assert user_of("quay.io/me/app", **chosen) == "podman"
    assert user_of("ghcr.io/me/app", **chosen) is None


def test_podmans_files_come_before_dockers(home: Path) -> None:
    write(home / ".docker/config.json", {"auths": {"quay.io": auth("docker"), "ghcr.io": auth("docker")}})
    write(home / ".config/containers/auth.json", {"auths": {"quay.io": auth("config")}})
    write(home / "run/containers/auth.json", {"auths": {"ghcr.io": auth("runtime")}})
    environment = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run")}
    assert user_of("quay.io/me/app", **environment) == "config"
    assert user_of("ghcr.io/me/app", **environment) == "runtime"


@pytest.mark.parametrize(
    ("repository", "user"),
    [
        ("quay.io/team/app/web", "web"),
        ("quay.io/team/app", "app"),
        ("quay.io/team/other", "team"),
        ("quay.io/else", "host"),
        ("quay.io/team2/app", "host"),
    ],
)
def test_the_longest_path_counts(home: Path, repository: str, user: str) -> None:
    entries = {"quay.io": "host", "quay.io/team": "team", "quay.io/team/app": "app", "quay.io/team/app/web": "web"}
    write(home / ".docker/config.json", {"auths": {key: auth(name) for key, name in entries.items()}})
    assert user_of(repository, HOME=str(home)) == user


@pytest.mark.parametrize(
    ("key", "repository"),
    [
        ("https://index.docker.io/v1/", "docker.io/library/nginx"),
        ("docker.io", "docker.io/nginx"),
        ("registry-1.docker.io", "docker.io/me/app"),
        ("docker.io/me", "docker.io/me/app"),
        ("https://ghcr.io", "ghcr.io/me/app"),
        ("https://ghcr.io/v2/", "ghcr.io/me/app"),
        ("GHCR.io", "ghcr.io/me/app"),
        ("localhost:5000", "localhost:5000/app"),
        ("docker.io/library/nginx", "docker.io/nginx"),
    ],
)
def test_a_registry_is_known_by_every_name_that_clients_give_it(home: Path, key: str, repository: str) -> None:
    write(home / ".docker/config.json", {"auths": {key: auth("me")}})
    assert user_of(repository, HOME=str(home)) == "me"


@pytest.mark.parametrize(
    ("key", "repository"),
    [
        ("ghcr.io", "ghcr.io.evil.example/me/app"),
        ("evil-ghcr.io", "ghcr.io/me/app"),
        ("localhost:5000", "localhost:5001/app"),
        ("localhost", "localhost:5000/app"),
        ("quay.io/team", "quay.io/teamwork/app"),
        ("docker.io", "ghcr.io/docker.io/app"),
    ],
)
def test_what_only_looks_alike_gets_nothing(home: Path, key: str, repository: str) -> None:
    write(home / ".docker/config.json", {"auths": {key: auth("me")}})
    assert user_of(repository, HOME=str(home)) is None


def test_none_turns_it_off_and_anything_else_is_a_mistake(home: Path) -> None:
    write(home / ".docker/config.json", {"auths": {"ghcr.io": auth("octocat")}})
    assert user_of("ghcr.io/me/app", HOME=str(home), REVERSE_REGISTRY_CREDENTIALS="none") is None
    with pytest.raises(ConfigurationError, match="REVERSE_REGISTRY_CREDENTIALS is 'off'; it may be none"):
        user_of("ghcr.io/me/app", REVERSE_REGISTRY_CREDENTIALS="off")


def test_an_identity_token_is_none_of_the_password(home: Path) -> None:
    entry = auth("me", "") | {"identitytoken": SECRET}
    write(home / ".docker/config.json", {"auths": {"acr.example": entry}})
    found = CredentialStore.from_environment({"HOME": str(home)}).find(Repository.parse("acr.example/app"))
    assert found is not None
    assert (found.identity_token, found.password) == (SECRET, "")


def test_nothing_secret_is_in_what_is_shown(home: Path) -> None:
    file = write(home / ".docker/config.json", {"auths": {"ghcr.io": auth("octocat") | {"identitytoken": SECRET}}})
    found = CredentialStore.from_environment({"HOME": str(home)}).find(Repository.parse("ghcr.io/me/app"))
    assert found is not None
    assert found.source == f"the entry ghcr.io of {file}"
    assert SECRET not in repr(found) + str(found) + found.source


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"auths": []}', '{"auths": {"ghcr.io": "s3cr3t-of-nobody"}}', "\x00", '{"credHelpers": 1}'],
)
def test_a_broken_file_is_one_line_that_holds_nothing_of_it(home: Path, content: str) -> None:
    file = home / ".docker/config.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        user_of("ghcr.io/me/app", HOME=str(home))
    assert str(caught.value).startswith(f"{file}: ")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["????", "bWU6!eA==", *(base64.b64encode(text).decode() for text in (b"no colon", b"a:\n", b"a:\xff"))]
)
def test_an_entry_that_cannot_be_read_is_named_and_not_asked_anonymously(home: Path, value: str) -> None:
    write(home / ".docker/config.json", {"auths": {"ghcr.io": {"auth": value}}})
    with pytest.raises(ConfigurationError, match=r"the entry ghcr\.io of .*config\.json: "):
        user_of("ghcr.io/me/app", HOME=str(home))
    assert user_of("quay.io/me/app", HOME=str(home)) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_credentials_or_one_line(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.json"
    file.write_bytes(data)
    message = ""
    try:
        user_of("ghcr.io/me/app", REGISTRY_AUTH_FILE=str(file))
    except ConfigurationError as error:
        message = str(error)
    assert "\n" not in message


Helper = Callable[[str], Path]


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Helper:
    """Installs `docker-credential-test`; gives the file that it notes every call in."""
    folder, calls = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def install(script: str) -> Path:
        program = folder / "docker-credential-test"
        program.write_text(f'#!/bin/sh\nread server\necho "$1 $server" >> {calls}\n{script}\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return calls

    return install


ANSWER = f'echo \'{{"ServerURL": "x", "Username": "helped", "Secret": "{SECRET}"}}\''


def test_a_helper_of_the_host_is_asked_once(home: Path, helper: Helper) -> None:
    calls = helper(ANSWER)
    write(home / ".docker/config.json", {"credHelpers": {"ecr.example": "test"}, "auths": {"ecr.example": auth("me")}})
    store = CredentialStore.from_environment({"HOME": str(home)})
    threads = [
        threading.Thread(target=store.find, args=(Repository.parse(f"ecr.example/app{number}"),)) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.find(Repository.parse("ecr.example/app"))
    assert found is not None
    assert (found.username, found.password) == ("helped", SECRET)
    assert calls.read_text() == "get ecr.example\n"


def test_the_store_is_asked_for_what_has_no_entry_of_its_own(home: Path, helper: Helper) -> None:
    calls = helper(ANSWER)
    key = "https://index.docker.io/v1/"
    write(home / ".docker/config.json", {"credsStore": "test", "auths": {"ghcr.io": auth("own"), key: {}}})
    assert user_of("ghcr.io/me/app", HOME=str(home)) == "own"
    assert user_of("docker.io/library/nginx", HOME=str(home)) == "helped"
    assert calls.read_text() == f"get {key}\n"


def test_a_store_that_has_nothing_leaves_it_anonymous(home: Path, helper: Helper) -> None:
    helper('echo "credentials not found in native keychain"; exit 1')
    write(home / ".docker/config.json", {"credsStore": "test"})
    assert user_of("ghcr.io/me/app", HOME=str(home)) is None


def test_a_helpers_identity_token_is_one(home: Path, helper: Helper) -> None:
    helper(f'echo \'{{"Username": "<token>", "Secret": "{SECRET}"}}\'')
    write(home / ".docker/config.json", {"credHelpers": {"acr.example": "test"}})
    found = CredentialStore.from_environment({"HOME": str(home)}).find(Repository.parse("acr.example/app"))
    assert found is not None
    assert found.identity_token == SECRET


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (f"echo {SECRET}; exit 3", "failed with status 3"),
        (f"echo {SECRET}", "printed no credentials"),
        ("true", "printed no credentials"),
        ('echo \'{"Username": "a", "Secret": ""}\'', "printed no credentials"),
        ('echo \'{"Username": "a\\\\nb", "Secret": "c"}\'', "printed no credentials"),
    ],
)
def test_a_helper_that_fails_is_named_without_what_it_printed(
    home: Path, helper: Helper, script: str, why: str
) -> None:
    calls = helper(script)
    write(home / ".docker/config.json", {"credHelpers": {"ecr.example": "test"}})
    store = CredentialStore.from_environment({"HOME": str(home)})
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=f"docker-credential-test {why}") as caught:
            store.find(Repository.parse("ecr.example/app"))
        assert SECRET not in str(caught.value)
    assert calls.read_text().count("\n") == 1


def test_a_helper_that_hangs_is_ended_with_all_that_it_started(
    home: Path, helper: Helper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "_HELPER_SECONDS", 0.5)
    helper(f"sleep 600 & echo $! > {tmp_path}/child; wait")
    write(home / ".docker/config.json", {"credHelpers": {"ecr.example": "test"}})
    with pytest.raises(ConfigurationError, match="gave no answer in"):
        user_of("ecr.example/app", HOME=str(home))
    if (tmp_path / "child").exists():
        child = int((tmp_path / "child").read_text() or 0)
        while child and _is_alive(child):
            time.sleep(0.01)


def _is_alive(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("name", ["../../bin/sh", "a b", "", "-x"])
def test_a_helper_is_a_name_and_no_path(home: Path, name: str) -> None:
    write(home / ".docker/config.json", {"credHelpers": {"ecr.example": name}})
    if name:
        with pytest.raises(ConfigurationError, match="no name of a helper"):
            user_of("ecr.example/app", HOME=str(home))
    else:
        assert user_of("ecr.example/app", HOME=str(home)) is None


def test_a_helper_that_is_not_there_is_named(home: Path) -> None:
    write(home / ".docker/config.json", {"credHelpers": {"ecr.example": "of-nobody"}})
    with pytest.raises(ConfigurationError, match="docker-credential-of-nobody is not installed"):
        user_of("ecr.example/app", HOME=str(home))


@pytest.mark.parametrize(
    ("repository", "server"),
    [
        ("docker.io/library/nginx", "https://index.docker.io/v1/"),
        ("ghcr.io/me/app", "ghcr.io"),
        ("localhost:5000/app", "localhost:5000"),
    ],
)
def test_a_store_is_asked_by_the_name_that_docker_has_for_a_host(
    home: Path, helper: Helper, repository: str, server: str
) -> None:
    calls = helper(ANSWER)
    write(home / ".docker/config.json", {"credsStore": "test"})
    assert user_of(repository, HOME=str(home)) == "helped"
    assert calls.read_text() == f"get {server}\n"


def test_a_store_is_asked_by_the_name_that_its_entry_has(home: Path, helper: Helper) -> None:
    calls = helper(ANSWER)
    write(home / ".docker/config.json", {"credsStore": "test", "auths": {"https://GHCR.io/v2/": {}}})
    assert user_of("ghcr.io/me/app", HOME=str(home)) == "helped"
    assert calls.read_text() == "get https://GHCR.io/v2/\n"


def test_a_helper_that_prints_without_end_is_not_read_to_its_end(home: Path, helper: Helper) -> None:
    helper(f"{ANSWER}; head -c 5000000 /dev/zero | tr '\\0' ' '")
    write(home / ".docker/config.json", {"credHelpers": {"ecr.example": "test"}})
    assert user_of("ecr.example/app", HOME=str(home)) == "helped", "what follows is white space"
    helper(f"head -c 5000000 /dev/zero | tr '\\0' ' '; {ANSWER}")
    with pytest.raises(ConfigurationError, match="printed no credentials"):
        user_of("ecr.example/app", HOME=str(home))


def test_a_file_over_the_bound_is_not_read(home: Path) -> None:
    file = write(home / ".docker/config.json", {"auths": {"ghcr.io": auth("octocat")}})
    text = file.read_text()
    file.write_text(text + " " * (4 * 1024 * 1024 - len(text)))
    assert user_of("ghcr.io/me/app", HOME=str(home)) == "octocat"
    file.write_text(file.read_text() + " ")
    with pytest.raises(ConfigurationError, match="over 4194304 bytes"):
        user_of("ghcr.io/me/app", HOME=str(home))


def test_a_password_in_an_entry_of_its_own_and_padded_with_zeros(home: Path) -> None:
    entries = {"a.example": {"username": "me", "password": f"X{SECRET}X\0\0"}, "b.example": {"password": SECRET}}
    write(home / ".docker/config.json", {"auths": entries})
    store = CredentialStore.from_environment({"HOME": str(home)})
    found = store.find(Repository.parse("a.example/app"))
    assert found is not None
    assert (found.username, found.password) == ("me", f"X{SECRET}X")
    assert found.basic == f"Basic {base64.b64encode(f'me:X{SECRET}X'.encode()).decode()}"
    assert store.find(Repository.parse("b.example/app")) is None


def test_podman_s_file_is_where_its_configuration_is(home: Path) -> None:
    write(home / "xdg/containers/auth.json", {"auths": {"quay.io": auth("xdg")}})
    write(home / ".config/containers/auth.json", {"auths": {"quay.io": auth("config")}})
    assert user_of("quay.io/app", HOME=str(home), XDG_CONFIG_HOME=str(home / "xdg")) == "xdg"


def test_an_empty_file_has_no_entry(home: Path) -> None:
    (home / ".docker").mkdir(parents=True)
    (home / ".docker/config.json").touch()
    assert user_of("ghcr.io/me/app", HOME=str(home)) is None


@pytest.mark.parametrize("text", ["\x7f", "\x1f", "\n"])
def test_what_no_request_may_hold_is_refused(home: Path, text: str) -> None:
    for entry in ({"username": f"a{text}"}, auth("me", text), {"identitytoken": text}):
        write(home / ".docker/config.json", {"auths": {"ghcr.io": entry}})
        with pytest.raises(ConfigurationError, match="holds characters that no request may hold"):
            user_of("ghcr.io/me/app", HOME=str(home))


def test_who_was_asked_is_named_with_the_file_that_says_so(home: Path, helper: Helper) -> None:
    helper("exit 3")
    for document, where in (
        ({"credHelpers": {"ecr.example": "test"}}, "the helper test for ecr.example of"),
        ({"credsStore": "test"}, "the store test of"),
    ):
        file = write(home / ".docker/config.json", document)
        with pytest.raises(ConfigurationError) as caught:
            user_of("ecr.example/app", HOME=str(home))
        assert str(caught.value) == f"{where} {file}: docker-credential-test failed with status 3"
