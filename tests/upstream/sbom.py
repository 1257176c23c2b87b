"""SPDX documents as apko writes them: much more in them than the installed packages."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from tests.upstream.oci import LAYER, MANIFEST, Document

APK_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
SPDX = "https://spdx.dev/Document"
NO_ASSERTION = "NOASSERTION"


@dataclass(frozen=True)
class Package:
    """An installed apk, or whatever a package URL's `type` says.

    `origin` is the recipe that it was built from, its own name when empty. `source` is the upstream source,
    `owner/repository@tag` on GitHub.
    """

    name: str
    version: str
    licence: str = "MIT"
    origin: str = ""
    source: str = ""
    namespace: str = "wolfi"
    type: str = "apk"

    @property
    def recipe(self) -> str:
        return self.origin or self.name

    @property
    def commit(self) -> str:
        """The (made up) commit of the recipe."""
        return hashlib.sha1(f"{self.recipe}={self.version}".encode()).hexdigest()

    def purl(self, architecture: str) -> str:
        name, version = quote(self.name, safe=""), quote(self.version, safe="")
        return f"pkg:{self.type}/{self.namespace}/{name}@{version}?arch={APK_ARCHITECTURES[architecture]}"


def identifier(kind: str, *parts: str) -> str:
    """An SPDXID; characters that it may not hold are spelled `C` and their code point, as melange does."""
    text = re.sub("[:/]", "-", "-".join(parts))
    return f"SPDXRef-{kind}-" + re.sub(r"[^A-Za-z0-9.-]", lambda found: f"C{ord(found[0])}", text)


def purl_reference(purl: str) -> list[Document]:
    return [
        {"referenceCategory": "PACKAGE-MANAGER", "referenceLocator": purl, "referenceType": "purl"},
    ]


def image_entry(digest: str, name: str, architecture: str) -> Document:
    media_type = quote(MANIFEST, safe="")
    return {
        "SPDXID": identifier("Package-Image", digest),
        "name": digest,
        "versionInfo": digest,
        "filesAnalyzed": False,
        "description": "apko container image",
        "downloadLocation": NO_ASSERTION,
        "supplier": "Organization: Wolfi",
        "primaryPackagePurpose": "CONTAINER",
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest.removeprefix("sha256:")}],
        "externalRefs": purl_reference(f"pkg:oci/{name}@{digest}?arch={architecture}&mediaType={media_type}&os=linux"),
    }


def layer_entry(digest: str, name: str, architecture: str) -> Document:
    return {
        "SPDXID": identifier("Package-ImageLayer", digest),
        "name": digest,
        "versionInfo": "20230201",
        "filesAnalyzed": False,
        "description": "apko operating system layer",
        "downloadLocation": NO_ASSERTION,
        "supplier": "Organization: Wolfi",
        "primaryPackagePurpose": "CONTAINER",
        "externalRefs": purl_reference(
            f"pkg:oci/{name}@{digest}?arch={architecture}&mediaType={quote(LAYER, safe='')}&os=linux"
        ),
    }


def operating_system_entry() -> Document:
    return {
        "SPDXID": "SPDXRef-OperatingSystem-wolfi",
        "name": "wolfi",
        "versionInfo": "20230201",
        "filesAnalyzed": False,
        "description": "Operating System",
        "downloadLocation": NO_ASSERTION,
        "supplier": "Organization: Wolfi",
        "primaryPackagePurpose": "OPERATING_SYSTEM",
    }


def software_entry(spdx_id: str, name: str, version: str, licence: str, who: str, purpose: str, purl: str) -> Document:
    return {
        "SPDXID": spdx_id,
        "name": name,
        "versionInfo": version,
        "filesAnalyzed": False,
        "licenseConcluded": NO_ASSERTION,
        "licenseDeclared": licence,
        "downloadLocation": NO_ASSERTION,
        "originator": f"Organization: {who}",
        "supplier": f"Organization: {who}",
        "copyrightText": NO_ASSERTION,
        "primaryPackagePurpose": purpose,
        "externalRefs": purl_reference(purl),
    }


def package_entries(package: Package, architecture: str) -> Iterator[tuple[str, Document]]:
    """The installed package and what it comes from, each with how the package is related to it."""
    recipe, commit = f"{package.recipe}.yaml", package.commit
    yield (
        "",
        software_entry(
            identifier("Package-apk", package.name, package.version),
            package.name,
            package.version,
            package.licence,
            package.namespace.title(),
            "APPLICATION",
            package.purl(architecture),
        ),
    )
    yield (
        "DESCRIBED_BY",
        software_entry(
            identifier("Package-Melange", recipe, commit),
            recipe,
            commit,
            NO_ASSERTION,
            package.namespace.title(),
            "INSTALL",
            f"pkg:github/wolfi-dev/os@{commit}#{recipe}",
        ),
    )
    if package.source:
        repository, _, tag = package.source.partition("@")
        yield (
            "GENERATED_FROM",
            software_entry(
                identifier("Package-github.com", repository, tag),
                package.recipe,
                tag,
                package.licence,
                repository.partition("/")[0].title(),
                "SOURCE",
                f"pkg:github/{repository}@{quote(tag, safe='')}",
            ),
        )


def spdx(
    packages: Iterable[Package],
    *,
    name: str,
    architecture: str,
    image: str,
    layer: str,
    created: str = "1970-01-01T00:00:00Z",
) -> Document:
    """The document of one platform's image. `image` and `layer` are digests, `architecture` is as in OCI."""
    about_image, about_layer = image_entry(image, name, architecture), layer_entry(layer, name, architecture)
    entries = {entry["SPDXID"]: entry for entry in (about_image, about_layer, operating_system_entry())}
    relationships = [(about_image["SPDXID"], "CONTAINS", about_layer["SPDXID"])]
    for package in packages:
        (_, installed), *origins = package_entries(package, architecture)
        entries[installed["SPDXID"]] = installed
        for relation, origin in origins:
            entries.setdefault(origin["SPDXID"], origin)
            relationships.append((installed["SPDXID"], relation, origin["SPDXID"]))
        relationships.append((about_image["SPDXID"], "CONTAINS", installed["SPDXID"]))
    return {
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"sbom-{layer}",
        "spdxVersion": "SPDX-2.3",
        "creationInfo": {
            "created": created,
            "creators": ["Tool: apko (example)", "Organization: Example"],
            "licenseListVersion": "3.27",
        },
        "dataLicense": "CC0-1.0",
        "documentNamespace": "https://spdx.org/spdxdocs/apko/",
        "documentDescribes": [about_image["SPDXID"]],
        "packages": list(entries.values()),
        "relationships": [
            {"spdxElementId": element, "relationshipType": relation, "relatedSpdxElement": related}
            for element, relation, related in relationships
        ],
    }
