"""Attacks on a signed attestation, each refused with its reason; one that is right is opened."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.trust.policy import Attestation, Identity, SignatureError
from generator.trust.verifier import Verifiers
from tests.trust.opening import TRUSTED, opened, write
from tests.upstream.attestation import IN_TOTO, statement
from tests.upstream.oci import Content, Document, blob
from tests.upstream.sigstore import (
    BUNDLE,
    BUNDLE_V1,
    BUNDLE_V2,
    IDENTITY,
    ISSUER,
    Entry,
    Kind,
    Signature,
    Sigstore,
    body,
    key,
    pae,
    sign,
)

AT = datetime(2026, 2, 18, 17, 56, tzinfo=UTC)
SPDX = "https://spdx.dev/Document"
SUBJECT = f"sha256:{'a' * 64}"
ABOUT = statement(SPDX, {"spdxVersion": "SPDX-2.3"}, SUBJECT)
OTHER = statement(SPDX, {"spdxVersion": "SPDX-2.3", "name": "another"}, SUBJECT)
KINDS: tuple[Kind, ...] = ("dsse", "intoto", "intoto-v2", "hashedrekord")
FORMS: dict[str, Callable[[Signature], Content]] = {
    "cosign": lambda signed: signed.layer(SPDX),
    "bundle 0.1": lambda signed: replace(signed, proof={}).bundle(BUNDLE_V1),
    "bundle 0.2": lambda signed: signed.bundle(BUNDLE_V2),
    "bundle 0.3": lambda signed: signed.bundle(BUNDLE),
}
HERE, ELSEWHERE = Sigstore(), Sigstore("elsewhere")


def right(kind: Kind = "dsse") -> Signature:
    return HERE.sign(ABOUT, at=AT, kind=kind)


def another(kind: Kind) -> Signature:
    """Also right, but of other content, by a key of its own."""
    return HERE.sign(OTHER, at=AT, kind=kind)


def entry(signed: Signature) -> Entry:
    assert signed.entry is not None
    return signed.entry


def logged(signed: Signature, entry: Entry) -> Signature:
    """With that log entry, and a proof that the log holds it."""
    return replace(signed, entry=entry, proof=HERE.proof(entry))


def stolen_signature(kind: Kind) -> Signature:
    """Signed by the attacker's own key, with the victim's certificate beside it."""
    signed = right(kind)
    return replace(signed, sig=sign(key("attacker"), pae(signed.payload)))


def swapped_certificate(kind: Kind) -> Signature:
    certificate = HERE.certificate(key("attacker"), "https://github.com/attacker/x", at=AT)
    return replace(right(kind), certificate=certificate)


def self_made(kind: Kind) -> Signature:
    """All of it right, by a Sigstore of the attacker's own."""
    return ELSEWHERE.sign(ABOUT, at=AT, kind=kind)


def self_made_but_logged(kind: Kind) -> Signature:
    """A certificate of the attacker's own authority, and an entry of the true log: anybody may log anything."""
    signed = self_made(kind)
    return logged(signed, HERE.log(body(signed), AT + timedelta(seconds=2)))


def forged_promise(kind: Kind) -> Signature:
    signed = right(kind)
    promise = sign(key("attacker"), b"whatever")
    return replace(signed, entry=replace(entry(signed), promise=promise))


def moved_time(kind: Kind) -> Signature:
    signed = right(kind)
    return replace(signed, entry=replace(entry(signed), time=entry(signed).time + 60))


ATTACKS: dict[str, tuple[Callable[[Kind], Signature], str]] = {
    "wrong identity": (
        lambda kind: HERE.sign(ABOUT, at=AT, kind=kind, identity="https://github.com/attacker/x"),
        r"signed by https://github.com/attacker/x .*, not by https://github.com/example/",
    ),
    "identity that only begins alike": (
        lambda kind: HERE.sign(ABOUT, at=AT, kind=kind, identity=f"{IDENTITY}-evil"),
        "signed by .*-evil .*, not by",
    ),
    "wrong issuer": (
        lambda kind: HERE.sign(ABOUT, at=AT, kind=kind, issuer="https://accounts.example.com"),
        r"signed by .* \(https://accounts.example.com\), not by",
    ),
    "no issuer": (
        lambda kind: HERE.sign(ABOUT, at=AT, kind=kind, issuer=None),
        "does not say who issued the identity",
    ),
    "expired when it was logged": (
        lambda kind: HERE.sign(ABOUT, at=AT, kind=kind, logged_at=AT + timedelta(hours=1)),
        "the certificate had expired .* when it was logged",
    ),
    "logged before the certificate began": (
        lambda kind: HERE.sign(ABOUT, at=AT, kind=kind, logged_at=AT - timedelta(hours=1)),
        "the certificate was logged .* before it began",
    ),
    "certificate in no certificate log": (
        lambda kind: HERE.sign(ABOUT, at=AT, kind=kind, is_logged=False),
        "the certificate (is in no certificate transparency log|has no Precertificate)",
    ),
    "certificate not for code": (
        lambda kind: HERE.sign(ABOUT, at=AT, kind=kind, for_code=False),
        "the certificate is not for signing code",
    ),
    "payload swapped": (
        lambda kind: replace(right(kind), payload=another(kind).payload),
        "payload changed|the log entry is about another envelope",
    ),
    "signature of another key": (stolen_signature, "payload changed|the log entry is about another envelope"),
    "certificate swapped": (swapped_certificate, "payload changed|about another envelope|no certificate transp"),
    "log entry of another envelope": (
        lambda kind: logged(right(kind), entry(another(kind))),
        "the log entry is about another envelope",
    ),
    "log entry of another log": (
        lambda kind: replace(right(kind), entry=entry(self_made(kind)), proof=self_made(kind).proof),
        "not in the log",
    ),
    "promise forged": (forged_promise, "not in the log"),
    "time of logging moved": (moved_time, "not in the log"),
    "everything of another Sigstore": (self_made, "not in the log|not issued by|was not valid"),
    "certificate of another Sigstore": (self_made_but_logged, "not issued by a certificate authority"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_right_is_opened(kind: Kind, form: str, root: Path) -> None:
    steps: list[str] = []
    signed = opened(FORMS[form](right(kind)), root, TRUSTED, steps)
    assert signed.payload == right(kind).payload
    assert (signed.payload_type, signed.signer.identity, signed.signer.issuer) == (IN_TOTO, IDENTITY, ISSUER)
    assert steps[-1] == f"identity: {IDENTITY} ({ISSUER})"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_with_its_reason(attack: str, kind: Kind, form: str, root: Path) -> None:
    signature, reason = ATTACKS[attack]
    steps: list[str] = []
    with pytest.raises(SignatureError, match=reason):
        opened(FORMS[form](signature(kind)), root, TRUSTED, steps)
    assert not any(step.startswith("identity") for step in steps)


def altered(content: Content, *path: str | int, value: object) -> Content:
    """The document with another value at that place; None takes it away."""
    document = json.loads(content.data)
    at = document
    for name in path[:-1]:
        at = at[name]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return blob(document, content.media_type, content.annotations)


ENTRY = ("verificationMaterial", "tlogEntries", 0)


@pytest.mark.parametrize("kind", ["dsse", "intoto"])
@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ((*ENTRY, "inclusionProof"), None, "no proof of inclusion"),
        ((*ENTRY, "inclusionProof", "rootHash"), base64.b64encode(b"0" * 32).decode(), "not in the log"),
        ((*ENTRY, "inclusionProof", "checkpoint", "envelope"), "x\n1\nAAAA\n\n\u2014 x AAAAAAAA\n", "not in the log"),
        ((*ENTRY, "inclusionPromise"), None, "nothing says when it was signed|promise"),
        (("verificationMaterial", "tlogEntries"), [], "not in the log"),
        (("verificationMaterial", "certificate"), None, "signed by a key"),
        (("dsseEnvelope", "signatures"), [], "unsigned|signature"),
        (("dsseEnvelope",), None, "bundle"),
    ],
)
def test_a_bundle_that_lacks_a_part_is_refused(
    kind: Kind, path: tuple[str | int, ...], value: object, reason: str, root: Path
) -> None:
    with pytest.raises(SignatureError, match=reason):
        opened(altered(right(kind).bundle(), *path, value=value), root)


def test_two_log_entries_are_refused(root: Path) -> None:
    bundle = right().bundle()
    entries = json.loads(bundle.data)["verificationMaterial"]["tlogEntries"]
    with pytest.raises(SignatureError, match="has 2 log entries, not one"):
        opened(altered(bundle, "verificationMaterial", "tlogEntries", value=entries * 2), root)


@pytest.mark.parametrize("name", ["payload", "payloadType"])
def test_a_field_given_twice_is_read_as_it_was_verified(name: str, root: Path) -> None:
    """No other text than the signed one is ever handed on, whichever of two a parser takes."""
    true, false = right(), another("dsse")
    value = {"payload": base64.b64encode(false.payload).decode(), "payloadType": "text/plain"}[name]
    for form in FORMS.values():
        content = form(true)
        for place in (b'"payloadType":', b'"signatures":'):
            doubled = content.data.replace(place, f'"{name}":{json.dumps(value)},'.encode() + place, 1)
            try:
                signed = opened(replace(content, data=doubled), root)
            except SignatureError:
                continue
            assert (signed.payload, signed.payload_type) == (true.payload, IN_TOTO)


@pytest.mark.parametrize(
    "content",
    [
        blob(ABOUT, IN_TOTO),
        blob({"spdxVersion": "SPDX-2.3"}, "application/spdx+json"),
        blob({"bomFormat": "CycloneDX"}, "application/vnd.cyclonedx+json"),
    ],
    ids=lambda content: content.media_type,
)
def test_what_is_in_no_envelope_is_unsigned(content: Content, root: Path) -> None:
    with pytest.raises(SignatureError, match="unsigned"):
        opened(content, root)


def test_a_pattern_has_to_match_the_whole_identity(root: Path) -> None:
    def trust(pattern: str) -> Identity:
        return Identity(ISSUER, pattern=re.compile(pattern))

    layer = right().layer()
    prefix = r"https://github\.com/example/images/"
    assert opened(layer, root, trust(prefix + ".*@refs/heads/main")).signer.identity == IDENTITY
    for pattern in (prefix, r"refs/heads/main", r".*@refs/heads/maintenance"):
        with pytest.raises(SignatureError, match="signed by"):
            opened(layer, root, trust(pattern))


def test_an_identity_is_compared_as_it_stands(root: Path) -> None:
    with pytest.raises(SignatureError, match="signed by"):
        opened(right().layer(), root, Identity(ISSUER, IDENTITY.replace("github.com", "github.xom", 1)))
    with pytest.raises(SignatureError, match="signed by"):
        opened(right().layer(), root, Identity(ISSUER, ".*"))


@pytest.mark.parametrize("part", ["tlogs", "ctlogs", "certificateAuthorities"])
def test_a_log_or_authority_counts_for_its_time_only(part: str, sigstore: Sigstore, tmp_path: Path) -> None:
    document: Document = json.loads(json.dumps(sigstore.trusted_root))
    over = {"start": "2020-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
    place = document[part][0] if part == "certificateAuthorities" else document[part][0]["publicKey"]
    place["validFor"] = over
    with pytest.raises(SignatureError, match="trusted root"):
        opened(right("intoto").layer(), write(tmp_path / "root.json", document))


@given(data=st.binary(max_size=400), media_type=st.sampled_from([BUNDLE, BUNDLE_V1, right().layer().media_type]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_refused_in_one_way(data: bytes, media_type: str, root: Path) -> None:
    with pytest.raises(SignatureError):
        opened(blob(data, media_type), root)


@given(data=st.data(), form=st.sampled_from(sorted(FORMS)), kind=st.sampled_from(KINDS))
@settings(max_examples=300, deadline=None)
def test_a_changed_byte_never_gives_other_content(data: st.DataObject, form: str, kind: Kind, root: Path) -> None:
    content = FORMS[form](right(kind))
    position = data.draw(st.integers(0, len(content.data) - 1))
    byte = bytes([data.draw(st.integers(0, 255))])
    changed = content.data[:position] + byte + content.data[position + 1 :]
    verifier = Verifiers(root.parent, root).of(TRUSTED)
    try:
        signed = verifier.open(Attestation(content.media_type, changed, content.annotations), [])
    except SignatureError:
        return
    assert signed.payload == right(kind).payload
    assert signed.signer.identity == IDENTITY
