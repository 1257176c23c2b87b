"""Servers over the committed index, a made one and an empty one, and a browser that looks at their pages."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Error, Page, Request, Response, sync_playwright

from tests.clients.program import missing, need
from tests.clients.serving import serving
from tests.example import INDEX
from tests.pages.made import catalogue, synthetic

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

NOT_FOUND = "Failed to load resource: the server responded with a status of 404 (Not Found)"
"""What Chromium says of a page that is 404. Of a file that a page needs, `visit` finds it out by itself."""

Visit = Callable[..., Page]


@pytest.fixture(scope="package")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The address of each server, by what it serves."""
    folder = tmp_path_factory.mktemp("pages")
    indexes = {"example": INDEX, "made": synthetic(folder / "made"), "empty": catalogue(folder / "empty", {})}
    with ExitStack() as stack:
        yield {
            name: f"http://{stack.enter_context(serving(index, folder / f'{name}.log')).host}"
            for name, index in indexes.items()
        }


@pytest.fixture(scope="package")
def example(servers: dict[str, str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=servers["example"], timeout=20) as client:
        yield client


@pytest.fixture(scope="package")
def made(servers: dict[str, str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=servers["made"], timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Closed with the module: while it is open no other test can run an event loop in this thread.
    need("chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)


@pytest.fixture
def visit(browser: Browser, servers: dict[str, str]) -> Iterator[Visit]:
    """Opens a page of a server. No page may report an error, show a dialog, or ask any other host."""
    wrong: list[str] = []
    with ExitStack() as stack:

        def open_(server: str, path: str, **options: Any) -> Page:
            context = stack.enter_context(
                browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
            )
            page = context.new_page()
            host = servers[server]
            witness(page, host, wrong)
            page.goto(host + path)
            return page

        yield open_
    assert wrong == []


def witness(page: Page, host: str, wrong: list[str]) -> None:
    def requested(request: Request) -> None:
        if not request.url.startswith(host):
            wrong.append(f"asked for {request.url}")

    def answered(response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            wrong.append(f"{response.url} is {response.status}")

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and message.text != NOT_FOUND:
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
