"""The grammar of names, tags and digests, and of upstream repositories."""

import hashlib

import pytest

from server.index.names import digest_of, is_digest, is_name, is_tag
from server.index.repository import Repository


@pytest.mark.parametrize("name", ["nginx", "a/b/c", "a.b_c__d-e---f", "0", "library/ubuntu", "a" * 255])
def test_a_repository_name_is_accepted(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "A",
        "a..b",
        "a___b",
        "a._b",
        "-a",
        "a-",
        "..",
        "a/../b",
        "a b",
        "a\n",
        "ä",
        "a" * 256,
    ],
)
def test_what_is_no_repository_name_is_refused(name: str) -> None:
    assert not is_name(name)


def test_a_tag_has_at_most_128_characters_and_no_leading_dot() -> None:
    assert is_tag("1.27.4-r2_x")
    assert is_tag("_" * 128)
    assert not any(map(is_tag, ["", ".a", "-a", "a" * 129, "a\n", "a/b", "a+b", "é"]))


def test_a_digest_is_sha256_or_sha512_in_lower_case() -> None:
    assert is_digest("sha256:" + "0" * 64)
    assert is_digest("sha512:" + "a" * 128)
    assert not any(
        map(is_digest, ["sha256:" + "A" * 64, "sha256:" + "0" * 63, "sha512:" + "0" * 64, "md5:" + "0" * 32])
    )


def test_a_digest_is_computed_by_the_algorithm_of_another() -> None:
    assert digest_of(b"x", like="sha512:") == f"sha512:{hashlib.sha512(b'x').hexdigest()}"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("cgr.dev/chainguard/nginx", "https://cgr.dev/v2/chainguard/nginx/tags/list"),
        ("localhost:5000/a", "http://localhost:5000/v2/a/tags/list"),
        ("127.0.0.1/a", "http://127.0.0.1/v2/a/tags/list"),
        ("[::1]:5000/a", "http://[::1]:5000/v2/a/tags/list"),
        ("registry.localhost/a", "http://registry.localhost/v2/a/tags/list"),
        ("localhost.example.org/a", "https://localhost.example.org/v2/a/tags/list"),
        ("docker.io/nginx", "https://registry-1.docker.io/v2/library/nginx/tags/list"),
        ("docker.io/grafana/grafana", "https://registry-1.docker.io/v2/grafana/grafana/tags/list"),
    ],
)
def test_a_repository_is_spoken_to_at_its_host(text: str, url: str) -> None:
    assert Repository.parse(text).url("tags/list") == url


@pytest.mark.parametrize(
    "text", ["", "nginx", "host/", "ho st/a", "host/A", "user@host/a", "https://host/a", "host/a:1"]
)
def test_what_is_no_repository_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected host"):
        Repository.parse(text)
