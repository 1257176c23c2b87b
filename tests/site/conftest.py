"""Sites made by the command of indexes, on a plain file server below a path, and a browser that looks at them."""

import functools
import http.server
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Error, Page, Request, Response, sync_playwright

from tests.clients.program import missing, need
from tests.clients.serving import serving
from tests.example import INDEX
from tests.query.made import Made, run
from tests.site.made import synthetic

FOLDER = Path(__file__).parent
CHROMIUM = [
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]

NOT_FOUND = "Failed to load resource: the server responded with a status of 404"
"""What Chromium says of a shard of search data that is not there, as nothing belongs into it."""

Visit = Callable[..., Page]
Make = Callable[..., Path]


def make(index: Path, target: Path, *, settings: str = "") -> Path:
    """The site of an index in `target`, with `settings` at the head of its images.toml."""
    if settings:
        copy = target.with_name(f"{target.name}-index")
        shutil.copytree(index, copy, dirs_exist_ok=True)
        text = (index / "images.toml").read_text()
        (copy / "images.toml").write_text(f"{settings}\n{text}")
        index = copy
    done = run("site", target, index=index)
    assert done.exit_code == 0, done.output or done.exception
    return target


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@contextmanager
def files(folder: Path) -> Iterator[str]:
    """A server of nothing but files; its `http://host:port`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic(tmp_path_factory.mktemp("made") / "index")


@pytest.fixture(scope="package")
def folders(tmp_path_factory: pytest.TempPathFactory, made: Path) -> dict[str, Path]:
    """Sites by what they are of."""
    folder = tmp_path_factory.mktemp("host") / "project"
    empty = Made(folder.parent / "empty").folder
    site = 'address = "registry.example.com"\nsite = "https://example.github.io/images"\n'
    return {
        "example": make(INDEX, folder / "example", settings='address = "registry.example.com"'),
        "made": make(made, folder / "made", settings=site),
        "empty": make(empty, folder / "empty"),
    }


@pytest.fixture(scope="package")
def servers(folders: dict[str, Path]) -> Iterator[dict[str, str]]:
    """The address of each site: of files below a path, and `ours` of the example through our own server."""
    root = folders["example"].parent.parent
    with ExitStack() as stack:
        plain = stack.enter_context(files(root))
        ours = stack.enter_context(serving(INDEX, root / "log", REVERSE_REGISTRY_SITE=str(folders["example"])))
        yield {name: f"{plain}/project/{name}" for name in folders} | {"ours": f"http://{ours.host}"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Closed with the module: while it is open no other test can run an event loop in this thread.
    need("chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)


@pytest.fixture
def visit(browser: Browser, servers: dict[str, str]) -> Iterator[Visit]:
    """Opens a page of a site. No page may report an error, show a dialog, or ask for anything outside of the site."""
    wrong: list[str] = []
    with ExitStack() as stack:

        def open_(server: str, path: str, **options: Any) -> Page:
            context = stack.enter_context(
                browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
            )
            page = context.new_page()
            witness(page, servers[server], wrong)
            page.goto(servers[server] + path)
            return page

        yield open_
    assert wrong == []


def witness(page: Page, root: str, wrong: list[str]) -> None:
    def requested(request: Request) -> None:
        if not request.url.startswith(f"{root}/"):
            wrong.append(f"asked for {request.url}")

    def answered(response: Response) -> None:
        if response.status >= 400 and "/-/search/" not in response.url and not response.request.is_navigation_request():
            wrong.append(f"{response.url} is {response.status}")

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(NOT_FOUND):
            wrong.append(message.text)

    def failed(error: Error) -> None:
        wrong.append(str(error))

    def showed(dialog: Dialog) -> None:
        wrong.append(f"showed {dialog.message}")
        dialog.dismiss()

    page.on("request", requested)
    page.on("response", answered)
    page.on("console", said)
    page.on("pageerror", failed)
    page.on("dialog", showed)


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker's source, installed beside package-lock.json once."""
    need("node", "npm")
    installed, lock = FOLDER / "node_modules" / ".package-lock.json", FOLDER / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        command = ("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=110)
        if done.returncode:
            missing(f"npm ci in {FOLDER} failed: {done.stderr[-300:]}")
    return (FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text()
