"""Whatever is sent, nothing but a declared error comes out, and its text is one printable line."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.document import printable
from generator.errors import MalformedError, ReverseRegistryError
from generator.images import parse
from generator.package.purl import Package, parse_pin, parse_purl
from generator.resolve.envelope import open_bundle, open_dsse, open_statement, unwrap
from generator.resolve.formats.apko import read_apko
from generator.resolve.formats.cyclonedx import read_cyclonedx
from generator.resolve.formats.slsa import read_slsa
from generator.resolve.formats.spdx import read_spdx
from generator.resolve.main_package import main_package
from generator.upstream.auth import _token
from generator.upstream.challenge import Realm
from generator.upstream.history import parse_page
from generator.upstream.manifest import OCI_INDEX, OCI_MANIFEST, parse_manifest, parse_time
from tests.generator.attaching import CYCLONEDX, PACKAGES, ExampleImage, apko_of, bundle, cyclonedx_of, in_toto, spdx_of
from tests.upstream import attestation
from tests.upstream.attestation import IMAGE_CONFIGURATION, PROVENANCE, provenance
from tests.upstream.sbom import SPDX

DIGEST = f"sha256:{'0' * 64}"
IMAGE = ExampleImage()
HISTORY = {"history": [{"updateTimestamp": "2026-01-01T00:00:00.5Z", "digest": DIGEST}]}


def predicate(data: bytes, open_: Callable[[bytes, str], Any]) -> None:
    format_, content = unwrap(open_(data, "what"), DIGEST, "what")
    format_.read(content, "what", "")


# What reads it, and a document that it reads.
READERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "spdx": (lambda data: read_spdx(data, "what", ""), json.dumps(spdx_of()).encode()),
    "cyclonedx": (lambda data: read_cyclonedx(data, "what", ""), json.dumps(cyclonedx_of()).encode()),
    "apko": (lambda data: read_apko(data, "what", ""), json.dumps(apko_of()).encode()),
    "slsa": (lambda data: read_slsa(data, "what", ""), json.dumps(provenance(PACKAGES)).encode()),
    "statement": (lambda data: predicate(data, open_statement), in_toto(SPDX, spdx_of(), DIGEST).data),
    "envelope": (lambda data: predicate(data, open_dsse), attestation(CYCLONEDX, cyclonedx_of(), DIGEST).data),
    "bundle": (lambda data: predicate(data, open_bundle), bundle(IMAGE_CONFIGURATION, apko_of(), DIGEST).data),
    "provenance": (lambda data: predicate(data, open_statement), in_toto(PROVENANCE, {}, DIGEST).data),
    "image index": (lambda data: parse_manifest(data, OCI_INDEX, "what"), IMAGE.top().data),
    "manifest": (lambda data: parse_manifest(data, OCI_MANIFEST, "what"), IMAGE.child().data),
    "history": (lambda data: parse_page(data, "what"), json.dumps(HISTORY).encode()),
    "token": (lambda data: _token(data, "what"), b'{"token": "x", "expires_in": 300}'),
    "images.toml": (
        lambda data: parse(data, "what"),
        b'upstream = "cgr.dev/x"\n[images.a]\ntracks = ["b"]\nconstraint = "^1"\nsince = 2026-01-01\n[images."b/c"]\n',
    ),
}

NASTY = [
    b"\xff",
    b"\x00",
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b"1e999",
    b"-1e999",
    b"123456789012345678901234567890",
    b"1" * 5000,
    b"0.1",
    b"-1",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b'"' + b"x" * 300_000 + b'"',
    b"null",
    b"true",
    b'""',
    b"[]",
    b"{}",
    b"[" * 50_000,
    b'{"components":[' * 20_000,
    b'{"a":' * 50_000,
    b"{a=" * 20_000,
    b"\xe2\x80\xae",
    b"\x1b[31m",
    b'"\\n"',
    b"0001-01-01T00:00:00+14:00",
    b"9999-12-31T23:59:59.999999Z",
    b"99999-01-01",
    b'"schemaVersion":2,"schemaVersion":3,',
    b'"token":1,"token":"y",',
]


@st.composite
def spliced(draw: st.DrawFn, valid: bytes) -> bytes:
    """A valid document with some of it replaced by something nasty, any bytes, or a piece of itself."""
    data = valid
    for _ in range(draw(st.integers(min_value=1, max_value=3))):
        begin = draw(st.integers(min_value=0, max_value=len(data)))
        end = draw(st.integers(min_value=begin, max_value=min(len(data), begin + 40)))
        piece = draw(st.sampled_from(NASTY) | st.binary(max_size=12) | st.just(data[begin // 2 : begin]))
        data = data[:begin] + piece + data[end:]
    return data


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["", DIGEST, "pkg:apk/wolfi/demo@1-r0", "pkg:apk/%00@%ff", "demo=1-r0", "a" * 300]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=10), children, max_size=3),
    max_leaves=10,
)


def paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where each value stands in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in items for found in paths(item, (*path, key)))]


@st.composite
def altered(draw: st.DrawFn, valid: bytes) -> bytes:
    """A valid JSON document with one value in it replaced by any other, or left out."""
    document = json.loads(valid)
    *parents, key = draw(st.sampled_from([path for path in paths(document) if path]))
    holder = document
    for parent in parents:
        holder = holder[parent]
    if draw(st.booleans()):
        holder[key] = draw(values)
    else:
        del holder[key]
    return json.dumps(document).encode()


def told(call: Callable[[], object]) -> str:
    """What a call has against its argument; nothing but a declared error may say so."""
    try:
        call()
    except ReverseRegistryError as error:
        return str(error)
    return ""


def survives(read: Callable[[bytes], object], data: bytes) -> None:
    line = told(lambda: read(data))
    assert line.isprintable()
    assert len(line) < 1000


@pytest.mark.parametrize("what", READERS)
def test_the_documents_are_valid_before_they_are_spoilt(what: str) -> None:
    read, valid = READERS[what]
    if what == "provenance":
        with pytest.raises(MalformedError):
            read(valid)
    else:
        read(valid)


@pytest.mark.parametrize("what", READERS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_spoilt_bytes_end_as_one_line(what: str, data: st.DataObject) -> None:
    read, valid = READERS[what]
    survives(read, data.draw(spliced(valid)))


@pytest.mark.parametrize("what", [name for name in READERS if name != "images.toml"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_other_values_end_as_one_line(what: str, data: st.DataObject) -> None:
    read, valid = READERS[what]
    survives(read, data.draw(altered(valid)))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_inside_an_envelope_is_trusted_no_more(data: st.DataObject) -> None:
    inner = data.draw(spliced(in_toto(SPDX, spdx_of(), DIGEST).data))
    envelope = {"payloadType": "application/vnd.in-toto+json", "payload": base64.b64encode(inner).decode()}
    survives(READERS["envelope"][0], json.dumps(envelope).encode())


@pytest.mark.parametrize("depth", [100, 1000, 10_000, 200_000])
@pytest.mark.parametrize("what", READERS)
def test_any_depth_ends_as_one_line(what: str, depth: int) -> None:
    read, valid = READERS[what]
    for opening, closing in ((b'{"x":', b"}"), (b"[", b"]"), (b'{"components":[', b"]}")):
        survives(read, opening * depth + b"1" + closing * depth)
        survives(read, valid[:-1] + b',"x":' + opening * depth + b"1" + closing * depth + b"}")


def test_components_may_be_nested_as_deep_as_json_goes() -> None:
    read, _ = READERS["cyclonedx"]
    component = b'{"purl":"pkg:apk/wolfi/deep@1-r0"}'
    for _ in range(200):
        component = b'{"components":[' + component + b"]}"
    found = read(b'{"bomFormat":"CycloneDX","components":[' + component + b"]}")
    assert found == {parse_purl("pkg:apk/wolfi/deep@1-r0")}


@given(st.text(max_size=100) | st.from_regex(r"[Bb]earer .*"), st.booleans())
def test_any_challenge_is_a_realm_or_one_line(challenge: str, plain: bool) -> None:
    line = told(lambda: Realm.of(challenge, plain))
    assert line.isprintable()
    if not line:
        assert Realm.of(challenge, plain).url.lower().startswith(("https://", "http://" if plain else "https://"))


@given(st.text(max_size=60) | st.from_regex(r"pkg:(apk|deb|rpm)/[!-~]*") | st.from_regex(r"[a-z]+=[0-9][!-~]*"))
def test_any_text_is_a_package_or_none(text: str) -> None:
    for package in (parse_purl(text), parse_pin(text)):
        if package:
            assert package.name.isprintable()
            assert package.version.isascii()
            again = parse_purl(package.purl)
            assert again
            assert (again.purl, again.version) == (package.purl, package.version)


words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@given(
    st.lists(st.builds(Package, words, words, st.just("apk"), words), max_size=6),
    st.none() | words,
    st.just("") | words,
    st.lists(words, min_size=1, max_size=2),
)
def test_any_names_lead_to_a_package_or_to_one_line(
    packages: list[Package], wanted: str | None, label: str, names: list[str]
) -> None:
    line = told(lambda: main_package(packages, wanted, label, names))
    assert line.isprintable()
    assert line or main_package(packages, wanted, label, names) in packages


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_none(text: str) -> None:
    time = parse_time(text)
    assert time is None or time.utcoffset() is not None


@given(st.text(), st.integers(min_value=1, max_value=300))
def test_what_others_wrote_is_shown_on_one_line(text: str, limit: int) -> None:
    line = printable(text, limit)
    assert line.isprintable()
    assert line.isascii()
    assert len(line) <= limit
