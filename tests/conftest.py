"""What no test may depend on: the proxies and certificate authorities of the machine that it runs on."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from hypothesis import Phase, settings

# A busy machine takes as long as it takes.
settings.register_profile("reverse-registry", deadline=None)
# Whether a change of the code is noticed, not by the smallest example.
settings.register_profile("mutants", deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.load_profile("reverse-registry")

_PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
_AUTHORITIES = {"ssl_cert_file", "ssl_cert_dir", "requests_ca_bundle", "curl_ca_bundle"}


def pytest_configure() -> None:
    for name in tuple(os.environ):
        if name.lower() in _PROXIES | _AUTHORITIES or name.startswith("REVERSE_REGISTRY_"):
            del os.environ[name]
    # A shell has what it runs in the background ignore SIGINT, and programs that tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure() -> None:
    """Ends what tests started and did not end, because they failed or were stopped."""
    for process in _descendants(os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _descendants(process: int) -> list[int]:
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:  # it has ended, or this is no Linux
        return []
    return [each for child in map(int, children) for each in (*_descendants(child), child)]
