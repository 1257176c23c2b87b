"""What of trust needs packages that are installed with the extra `verify` only."""

from collections.abc import Mapping
from pathlib import Path

from generator.errors import ConfigurationError
from generator.trust.policy import Trust, Verifier


def load_verifiers(trusts: Mapping[str, Trust | None], folder: Path, root: Path | None) -> dict[str, Verifier]:
    """A verifier for each image of `trusts` that has somebody to trust. `folder` has the keys; `root` may be None.

    Raises `ConfigurationError` where the extra is not installed, or a key or the root cannot be used.
    """
    trusting = {name: trust for name, trust in trusts.items() if trust}
    if not trusting:
        return {}
    try:
        from generator.trust.verifier import Verifiers
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        raise ConfigurationError(
            f"images.toml: [trust] needs the package {missing}: pip install 'reverse-registry[verify]'"
        ) from None
    verifiers = Verifiers(folder, root)
    return {name: verifiers.of(trust) for name, trust in trusting.items()}
