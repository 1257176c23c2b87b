"""`[trust]` of images.toml."""

import re

import pytest

from generator.errors import ConfigurationError
from generator.images import Image, parse
from generator.trust.policy import Identity, PublicKey

IDENTITY = 'issuer = "https://token.actions.githubusercontent.com"\nidentity = "https://github.com/me/x"'
KEYLESS = Identity("https://token.actions.githubusercontent.com", "https://github.com/me/x")


def only(text: str) -> Image:
    (image,) = parse(text.encode(), "images.toml").images.values()
    return image


def test_trust_holds_for_every_image_but_those_that_say_otherwise() -> None:
    images = parse(
        f"""
        [trust]
        {IDENTITY}
        [images.a]
        [images.b]
        trust = false
        [images.c.trust]
        key = "keys/cosign.pub"
        [images.d.trust]
        issuer = "https://accounts.example.com"
        identity-regex = "me@example\\\\.com"
        """.encode(),
        "images.toml",
    ).images
    assert images["a"].trust == KEYLESS
    assert images["b"].trust is None
    assert images["c"].trust == PublicKey("keys/cosign.pub")
    assert images["d"].trust == Identity("https://accounts.example.com", pattern=re.compile(r"me@example\.com"))


def test_without_trust_nobody_has_to_sign() -> None:
    assert only("[images.a]").trust is None


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("identity = 'x'", "an identity says little without its issuer"),
        ("issuer = 'x'", "one of identity and identity-regex is needed"),
        ("issuer = 'x'\nidentity = 'y'\nidentity-regex = 'z'", "one of identity and identity-regex is needed"),
        ("key = 'cosign.pub'\nissuer = 'x'", "a key and an identity are given"),
        ("", "one of identity and identity-regex is needed"),
        ("identities = 'x'", "unknown key 'identities'; allowed: identity, identity-regex, issuer, key"),
        ("key = ''", "key: not a string with something in it"),
        ("key = ['a']", "key: not a string with something in it"),
        ("key = '/etc/cosign.pub'", "not a file below the folder of images.toml"),
        ("key = 'a/../../cosign.pub'", "not a file below the folder of images.toml"),
        ("issuer = 'x'\nidentity-regex = '('", "identity-regex: not a regular expression"),
    ],
)
@pytest.mark.parametrize("place", ["[trust]", "[images.nginx.trust]"])
def test_a_mistake_in_trust_is_one_line(table: str, message: str, place: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)) as caught:
        parse(f"{place}\n{table}".encode(), "images.toml")
    assert str(caught.value).startswith("images.toml: [")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["true", "'https://github.com/me/x'", "[]"])
def test_trust_is_a_table_or_false(value: str) -> None:
    with pytest.raises(ConfigurationError, match="neither a table nor false"):
        only(f"[images.nginx]\ntrust = {value}")
