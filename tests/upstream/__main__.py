"""`python -m tests.upstream`"""

import argparse
import signal
import sys
import threading

from tests.upstream import ExampleUpstream, Options


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.upstream", description="An example upstream registry.")
    parser.add_argument("--port", type=int, default=5055, help="the registry's port on localhost")
    parser.add_argument("--cdn-port", type=int, default=5056, help="the CDN's port on 127.0.0.1")
    parser.add_argument("--page-limit", type=int, default=1000, help="most records in an answer of tag history")
    arguments = parser.parse_args()

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        options = Options(page_limit=arguments.page_limit)
        upstream = ExampleUpstream(options, port=arguments.port, cdn_port=arguments.cdn_port)
    except OSError as error:
        print(f"tests.upstream: {error}; choose others with --port and --cdn-port", file=sys.stderr)
        return 1
    with upstream:
        names = ", ".join(sorted(upstream.repositories))
        print(f"example upstream at {upstream.host}, its CDN at {upstream.cdn_host}: {names}", flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
