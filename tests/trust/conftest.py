from pathlib import Path

import pytest

from tests.trust.opening import write
from tests.upstream.sigstore import Sigstore


@pytest.fixture(scope="session")
def sigstore() -> Sigstore:
    return Sigstore()


@pytest.fixture(scope="session")
def root(sigstore: Sigstore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `trusted_root.json` of the example's Sigstore."""
    return write(tmp_path_factory.mktemp("sigstore") / "trusted_root.json", sigstore.trusted_root)
