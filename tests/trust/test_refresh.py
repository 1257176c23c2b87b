"""A refresh with [trust]: a version is believed only of an SBOM that is signed by whom images.toml names."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from generator.record.index import Build as RecordedBuild
from tests.command import Done
from tests.command import command as run
from tests.generator.conftest import Index
from tests.upstream import Build, Content, ExampleUpstream, Package, blob, spdx
from tests.upstream.attestation import attached, attestation_tag, statement
from tests.upstream.oci import manifest
from tests.upstream.options import Options
from tests.upstream.sbom import SPDX
from tests.upstream.sigstore import IDENTITY, ISSUER, Signature, Sigstore, key, public_pem, sign_with_key

AT = datetime(2026, 2, 18, 17, 56, tzinfo=UTC)
PACKAGES = (Package("redis", "7.4.2-r0"), Package("glibc", "2.41-r0"))
TRUST = f'[images.redis]\nsince = "always"\ntracks = ["latest"]\n[images.redis.trust]\nissuer = "{ISSUER}"\n'
KEYLESS = f'{TRUST}identity = "{IDENTITY}"\n'
KEYED = '[images.redis]\nsince = "always"\ntracks = ["latest"]\n[images.redis.trust]\nkey = "cosign.pub"\n'
UNTRUSTING = '[images.redis]\nsince = "always"\ntracks = ["latest"]\n'


def redis(sigstore: Sigstore, identity: str = IDENTITY, at: datetime = AT) -> Build:
    return Build("redis", "7.4.2-r0", at, PACKAGES, attest=sigstore.attest(at, identity))


@pytest.fixture
def upstream() -> Iterator[ExampleUpstream]:
    with ExampleUpstream(Options(referrers=True), catalogue=()) as running:
        yield running


@pytest.fixture
def index(upstream: ExampleUpstream, root: Path, tmp_path: Path) -> Index:
    return Index(upstream, tmp_path / "index", KEYLESS, trusted_root=root)


def recorded(index: Index) -> RecordedBuild:
    """The one build, refreshed."""
    outcome = index.refresh()["redis"]
    assert outcome.errors == []
    (build,) = index.builds("redis")
    return build


def reason(index: Index) -> str:
    """Why the one build has no version."""
    build = recorded(index)
    assert (build.version, build.sbom) == (None, None)
    assert build.unknown is not None
    return build.unknown.reason


def sbom(architecture: str = "amd64", packages: tuple[Package, ...] = PACKAGES) -> dict[str, object]:
    digest = f"sha256:{'0' * 64}"
    document = spdx(packages, name="redis", architecture=architecture, image=digest, layer=digest)
    del document["packages"][0]["externalRefs"]
    return document


def attach(upstream: ExampleUpstream, build: Build, *layers: Content) -> str:
    """In place of the build's own attestations. Gives the digest of its amd64 image."""
    (image, _), _ = build.platforms
    upstream.store("redis").push(attached(layers), attestation_tag(image.digest))
    return image.digest


def test_a_version_that_is_signed_for_is_recorded_with_its_signer(index: Index, sigstore: Sigstore) -> None:
    index.upstream.push(redis(sigstore), "latest")
    build = recorded(index)
    assert build.version == "7.4.2-r0"
    assert build.sbom is not None
    assert (build.sbom.kind, build.sbom.format) == ("cosign-attestation", "spdx")
    assert (build.sbom.verified, build.sbom.identity, build.sbom.issuer) == (True, IDENTITY, ISSUER)


def test_without_trust_nothing_is_verified_and_nothing_says_so(index: Index, sigstore: Sigstore) -> None:
    index.images = UNTRUSTING
    index.upstream.push(redis(sigstore), "latest")
    build = recorded(index)
    assert build.version == "7.4.2-r0"
    assert build.sbom is not None
    assert (build.sbom.verified, build.sbom.identity, build.sbom.issuer) == (False, None, None)


def test_a_placeholder_for_a_signature_is_none(index: Index) -> None:
    index.upstream.push(Build("redis", "7.4.2-r0", AT, PACKAGES), "latest")
    assert "signed by a key, not by a certificate" in reason(index)


def test_another_signer_gives_no_version(index: Index, sigstore: Sigstore) -> None:
    index.upstream.push(redis(sigstore, "https://github.com/attacker/x"), "latest")
    assert f"signed by https://github.com/attacker/x ({ISSUER}), not by {IDENTITY} ({ISSUER})" in reason(index)


def test_a_signed_attestation_of_another_image_is_refused(index: Index, sigstore: Sigstore) -> None:
    build = redis(sigstore)
    index.upstream.push(build, "latest")
    other = f"sha256:{'b' * 64}"
    attach(index.upstream, build, sigstore.sign(statement(SPDX, sbom(), other), at=AT).layer(SPDX))
    assert "the attestation's subject is not sha256:" in reason(index)


def test_what_is_unsigned_beside_it_is_not_read(index: Index, sigstore: Sigstore) -> None:
    """Every home that holds no signature says another version, and goes unheard."""
    build = redis(sigstore)
    index.upstream.push(build, "latest")
    lie = sbom(packages=(Package("redis", "9.9.9-r9"),))
    (image, _), _ = build.platforms
    store = index.upstream.store("redis")
    store.push(attached([blob(lie, "application/spdx+json")]), attestation_tag(image.digest).replace(".att", ".sbom"))
    store.push(
        manifest(
            blob({}, "application/vnd.oci.empty.v1+json"),
            [blob(lie, "application/spdx+json")],
            artifact_type="application/spdx+json",
            subject=image,
        )
    )
    assert recorded(index).version == "7.4.2-r0"
    attach(index.upstream, build)
    anew = index.elsewhere(index.folder.parent / "anew")
    assert "unsigned: it is in no envelope" in reason(anew)
    anew.images = UNTRUSTING
    assert recorded(anew.elsewhere(index.folder.parent / "untrusting")).version == "9.9.9-r9"


def test_a_downgrade_to_an_unsigned_home_gives_no_version(index: Index, sigstore: Sigstore) -> None:
    build = redis(sigstore)
    index.upstream.push(build, "latest")
    subject = attach(index.upstream, build)
    plain = attached([blob(sbom(), "application/spdx+json")])
    index.upstream.store("redis").push(plain, attestation_tag(subject).replace(".att", ".sbom"))
    assert "unsigned: it is in no envelope" in reason(index)
    assert index.upstream.requests.count(plain.children[-1].digest) == 0, "it is not worth its download"


def test_a_signed_bundle_among_referrers_is_found(index: Index, sigstore: Sigstore) -> None:
    build = redis(sigstore)
    index.upstream.push(build, "latest")
    attach(index.upstream, build)
    (image, _), _ = build.platforms
    signed = sigstore.sign(statement(SPDX, sbom(), image.digest), at=AT)
    bundle = signed.bundle()
    referrer = manifest(
        blob({}, "application/vnd.oci.empty.v1+json"), [bundle], artifact_type=bundle.media_type, subject=image
    )
    index.upstream.store("redis").push(referrer)
    found = recorded(index)
    assert found.sbom is not None
    assert (found.version, found.sbom.kind, found.sbom.verified) == ("7.4.2-r0", "referrer", True)


@pytest.mark.parametrize("wrapping", ["envelope", "bundle"])
@pytest.mark.parametrize("media_type", ["", "application/json"])
def test_what_is_signed_is_found_in_a_referrer_whose_layer_does_not_say_how(
    index: Index, sigstore: Sigstore, wrapping: str, media_type: str
) -> None:
    build = redis(sigstore)
    index.upstream.push(build, "latest")
    attach(index.upstream, build)
    (image, _), _ = build.platforms
    signed = sigstore.sign(statement(SPDX, sbom(), image.digest), at=AT)
    layer = signed.bundle() if wrapping == "bundle" else signed.layer(SPDX)
    layer = replace(layer, media_type=media_type or layer.media_type)
    config = blob({}, "application/vnd.oci.empty.v1+json")
    index.upstream.store("redis").push(manifest(config, [layer], artifact_type="somebody/sbom", subject=image))
    found = recorded(index)
    assert found.sbom is not None
    assert (found.version, found.sbom.kind, found.sbom.identity) == ("7.4.2-r0", "referrer", IDENTITY)


def test_a_build_that_nobody_signed_for_is_served_by_its_digest_and_track_alone(index: Index) -> None:
    index.upstream.push(Build("redis", "7.4.2-r0", AT, PACKAGES), "latest")
    recorded(index)
    assert all("7.4.2" not in tag for tag in index.tags("redis"))


def test_a_refresh_with_nothing_new_verifies_nothing(index: Index, sigstore: Sigstore) -> None:
    index.upstream.push(redis(sigstore), "latest")
    recorded(index)
    before = index.content()
    index.upstream.requests.clear()
    index.refresh()
    assert index.content() == before
    assert index.upstream.requests.count() == 2  # a token and a HEAD


def test_a_key_beside_images_toml_is_trusted(index: Index) -> None:
    index.images = KEYED
    index.write_images()
    (index.folder / "cosign.pub").write_bytes(public_pem(key("mine")))
    for name, version in (("theirs", None), ("mine", "7.4.2-r0")):
        at = AT + timedelta(hours=len(name))

        def attest(document: dict[str, object], type_: str, name: str = name) -> Content:
            return sign_with_key(document, key(name)).layer(type_)

        index.upstream.push(Build("redis", "7.4.2-r0", at, PACKAGES, attest=attest), "latest")
        index.refresh()
        by_creation = {build.created: build for build in index.builds("redis")}
        assert by_creation[at].version == version
    found = by_creation[at].sbom
    assert found is not None
    assert found.verified
    assert (found.identity or "").startswith("key:sha256:")
    assert found.issuer is None


FAULTS: dict[str, tuple[Callable[[Signature], Signature], str]] = {
    "no certificate": (lambda signed: replace(signed, certificate=None), "signed by a key, not by a certificate"),
    "no log entry": (lambda signed: replace(signed, entry=None), "not in the log"),
    "payload": (lambda signed: replace(signed, payload=signed.payload + b" "), "payload changed"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_the_reason_that_is_recorded(index: Index, sigstore: Sigstore, fault: str) -> None:
    break_, words = FAULTS[fault]
    build = redis(sigstore)
    index.upstream.push(build, "latest")
    (image, _), _ = build.platforms
    attach(index.upstream, build, break_(sigstore.sign(statement(SPDX, sbom(), image.digest), at=AT)).layer(SPDX))
    assert words in reason(index)


def command(index: Index, *words: str) -> Done:
    index.write_images()
    return run(*words, "--index", index.folder, "--trusted-root", index.trusted_root)


def test_verify_shows_each_step(index: Index, sigstore: Sigstore) -> None:
    index.upstream.push(redis(sigstore), "latest")
    assert command(index, "refresh").returncode == 0
    done = command(index, "verify", "redis:7.4.2-r0")
    assert done.returncode == 0, done.stderr
    assert f"to be signed by {IDENTITY} ({ISSUER})" in done.stdout
    assert "which version 7.4.2-r0 was read from" in done.stdout
    for step in ("SignedEntryTimestamp", "DSSE", "about this envelope", "authority of the trusted root", "(SCT)"):
        assert f"ok       {step}" in done.stdout or step in done.stdout
    assert "refused" not in done.stdout


def test_verify_shows_what_is_refused_and_fails(index: Index, sigstore: Sigstore) -> None:
    index.images = UNTRUSTING
    index.upstream.push(redis(sigstore, "https://github.com/attacker/x"), "latest")
    assert command(index, "refresh").returncode == 0
    index.images = KEYLESS
    done = command(index, "verify", "redis:latest")
    assert done.returncode == 1
    assert "refused  signed by https://github.com/attacker/x" in done.stdout


def test_verify_needs_somebody_to_trust(index: Index, sigstore: Sigstore) -> None:
    index.images = UNTRUSTING
    index.upstream.push(redis(sigstore), "latest")
    assert command(index, "refresh").returncode == 0
    done = command(index, "verify", "redis:latest")
    assert done.returncode == 2
    assert "images.toml has no [trust] for it" in done.stderr


def test_without_the_extra_trust_is_one_clear_error(index: Index, sigstore: Sigstore) -> None:
    index.write_images()
    program = (
        "import sys; sys.modules['cryptography'] = None; sys.argv = ['reverse-registry', *sys.argv[1:]];"
        "from generator.__main__ import main; main()"
    )
    words = ["refresh", "--index", str(index.folder)]
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.startswith("reverse-registry: images.toml: [trust] needs the package cryptography: pip install")
    assert done.stderr.count("\n") == 1


def test_a_root_that_is_none_is_one_clear_error(index: Index) -> None:
    (bad := index.folder.parent / "root.json").write_text("{}")
    done = command(replace(index, trusted_root=bad), "refresh")
    assert done.returncode == 2
    assert f"{bad}: not a trusted root of sigstore" in done.stderr
    assert done.stderr.count("\n") == 1


def test_builds_recorded_before_are_verified_when_asked_and_never_silently(index: Index, sigstore: Sigstore) -> None:
    signed, foreign = redis(sigstore), redis(sigstore, "https://github.com/attacker/x", AT + timedelta(days=1))
    index.upstream.push(signed, "latest")
    index.upstream.push(foreign, "latest")
    index.images = UNTRUSTING
    assert command(index, "refresh").returncode == 0
    before = index.content()
    index.images = KEYLESS
    assert command(index, "refresh").returncode == 0
    assert [build.sbom and build.sbom.verified for build in index.builds("redis")] == [False, False]
    done = command(index, "refresh", "--verify-recorded")
    assert done.returncode == 0, done.stderr
    assert f"1 recorded before: verified, signed by {IDENTITY} ({ISSUER})" in done.stdout
    assert "1 recorded before: not verified, and as they were: " in done.stdout
    assert "signed by https://github.com/attacker/x" in done.stdout
    first, second = index.builds("redis")
    assert first.sbom is not None
    assert second.sbom is not None
    assert (first.sbom.verified, first.sbom.identity, second.sbom.verified) == (True, IDENTITY, False)
    assert (first.version, second.version) == ("7.4.2-r0", "7.4.2-r0")
    assert index.content()["redis/packages.json"] == before["redis/packages.json"]
    again = index.content()
    assert command(index, "refresh", "--verify-recorded").returncode == 0
    assert index.content() == again
    assert command(index, "check").returncode == 0
