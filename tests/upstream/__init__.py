"""An example upstream registry, shaped like cgr.dev. See README.md beside this file."""

from tests.upstream.attestation import attestation
from tests.upstream.build import Build
from tests.upstream.example import ExampleUpstream
from tests.upstream.faults import (
    Answer,
    Corrupt,
    Fault,
    Hang,
    Huge,
    Limit,
    Mislabel,
    Reset,
    Slow,
    Truncate,
    redirect,
)
from tests.upstream.oci import Content, blob, index, manifest
from tests.upstream.options import Options
from tests.upstream.sbom import Package, spdx
from tests.upstream.serving import PortInUseError

__all__ = [
    "Answer",
    "Build",
    "Content",
    "Corrupt",
    "ExampleUpstream",
    "Fault",
    "Hang",
    "Huge",
    "Limit",
    "Mislabel",
    "Options",
    "Package",
    "PortInUseError",
    "Reset",
    "Slow",
    "Truncate",
    "attestation",
    "blob",
    "index",
    "manifest",
    "redirect",
    "spdx",
]
