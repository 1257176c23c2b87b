"""What no test may depend on: the proxies and certificate authorities of the machine that it runs on."""

import os
import signal

_PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
_AUTHORITIES = {"ssl_cert_file", "ssl_cert_dir", "requests_ca_bundle", "curl_ca_bundle"}


def pytest_configure() -> None:
    for name in tuple(os.environ):
        if name.lower() in _PROXIES | _AUTHORITIES or name.startswith("REVERSE_REGISTRY_"):
            del os.environ[name]
    # A shell has what it runs in the background ignore SIGINT, and programs that tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
