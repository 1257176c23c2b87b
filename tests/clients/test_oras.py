"""oras, the Python client."""

import hashlib
from pathlib import Path

from tests.clients.client import Oras
from tests.clients.serving import Serve, Served, recorded
from tests.upstream import ExampleUpstream, Options
from tests.upstream.oci import blob, manifest

IMAGE, VERSION = "example/nginx", "1.27.4"


def test_gets_the_index_of_a_version_and_of_its_digest(oras: Oras, served: Served) -> None:
    client = oras.client("insecure")
    index = client.get_manifest(f"{served.host}/{IMAGE}:{VERSION}")
    assert [each["platform"]["architecture"] for each in index["manifests"]] == ["amd64", "arm64"]
    assert client.get_manifest(f"{served.host}/{IMAGE}@{served.digest(IMAGE, VERSION)}") == index


def test_pulls_and_unpacks_every_platform(oras: Oras, served: Served, tmp_path: Path) -> None:
    client = oras.client("insecure")
    children = client.get_manifest(f"{served.host}/{IMAGE}:{VERSION}")["manifests"]
    assert {child["platform"]["architecture"] for child in children} == {"amd64", "arm64"}
    for child in children:
        folder = tmp_path / child["platform"]["architecture"]
        client.pull(f"{served.host}/{IMAGE}@{child['digest']}", outdir=str(folder))
        assert b"nginx 1.27.4-r2" in (folder / "usr" / "bin" / "nginx").read_bytes()


def test_gets_a_blob(oras: Oras, served: Served) -> None:
    client = oras.client("insecure")
    child = client.get_manifest(f"{served.host}/{IMAGE}:{VERSION}")["manifests"][0]["digest"]
    digest = client.get_manifest(f"{served.host}/{IMAGE}@{child}")["layers"][0]["digest"]
    content = client.get_blob(f"{served.host}/{IMAGE}", digest).content
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == digest


def test_lists_tags(oras: Oras, served: Served) -> None:
    client = oras.client("insecure")
    assert set(client.get_tags(f"{served.host}/{IMAGE}")) == served.tags(IMAGE)
    assert client.get_tags(f"{served.host}/{IMAGE}", N=3) == sorted(served.tags(IMAGE))[:3]


def test_discovers_and_pulls_what_refers_to_an_image(oras: Oras, serve: Serve, tmp_path: Path) -> None:
    """The client has no call for referrers, so they are asked for with its own requests."""
    with ExampleUpstream(Options(referrers=True)) as upstream:
        store = upstream.store("nginx")
        image = store.manifests[store.tags["latest"]]
        notes = blob(b"what changed", "text/plain", {"org.opencontainers.image.title": "notes.txt"})
        config = blob({}, "application/vnd.oci.empty.v1+json")
        digest = store.push(manifest(config, [notes], artifact_type="application/vnd.example.notes", subject=image))
        host = serve(recorded(tmp_path, upstream)).host
        client = oras.client("insecure")
        answer = client.do_request(f"http://{host}/v2/nginx/referrers/{image.digest}", "GET")
        (found,) = answer.json()["manifests"]
        assert (found["digest"], found["artifactType"]) == (digest, "application/vnd.example.notes")
        (path,) = client.pull(f"{host}/nginx@{digest}", outdir=str(tmp_path / "pulled"))
        assert Path(path).read_text() == "what changed"
