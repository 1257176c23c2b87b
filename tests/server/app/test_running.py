"""`uvicorn server.app:app` as an operator runs it: its log, its metrics, its signals, its end."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients.processes import free_port, wait_for
from tests.example import ROOT
from tests.server.conftest import image, write
from tests.upstream import Answer, ExampleUpstream, Fault, Hang, Slow, Truncate
from tests.upstream.registry import basic

IMPATIENT = "tests.server.app.impatient:app"


class Running:
    """A server of its own process, and what it prints."""

    def __init__(self, folder: Path, *options: str, app: str = "server.app:app", **environment: str) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "uvicorn", app, "--port", str(self.port), *options]
        names = {f"REVERSE_REGISTRY_{name.upper()}": value for name, value in environment.items()}
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "REVERSE_REGISTRY_INDEX": str(folder), **names},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20, verify=False)
        try:
            self.until(lambda: self._is_up(), "up")
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def _is_up(self) -> bool:
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def until(self, condition: Callable[[], object], what: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not {what}:\n" + "\n".join(self.lines)
            time.sleep(0.02)

    def says(self, text: str) -> None:
        self.until(lambda: any(text in line for line in self.lines), f"saying {text!r}")

    @property
    def access(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def end(self) -> None:
        """All that it says has been read then."""
        self.process.terminate()
        self.process.wait()
        self._reader.join()

    def close(self) -> None:
        """Its workers end with it: one would hold on to the pipe that is read."""
        self.client.close()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join()


Start = Callable[..., Running]


@pytest.fixture
def start(index: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def run(*options: str, app: str = "server.app:app", **environment: str) -> Running:
            running = Running(index, *options, app=app, **environment)
            stack.callback(running.close)
            return running

        yield run


class TestTheAccessLog:
    def test_a_line_says_who_asked_for_what_and_what_became_of_it(
        self, start: Start, upstream: ExampleUpstream
    ) -> None:
        server = start()
        server.client.head("/v2/nginx/manifests/1.27.4")
        size = len(server.client.get("/v2/postgres/manifests/latest").content)
        server.until(lambda: len(server.access) >= 3, "logged")
        tag, relayed = (line for line in server.access if line["endpoint"] == "manifests")
        assert (tag["method"], tag["name"], tag["reference"], tag["status"]) == ("HEAD", "nginx", "1.27.4", 200)
        assert tag["upstream_ms"] == 0
        assert (relayed["name"], relayed["reference"], relayed["bytes"]) == ("postgres", "latest", size)
        assert 0 < relayed["upstream_ms"] <= relayed["ms"]
        assert relayed["complete"] is True
        assert relayed["client"] == "127.0.0.1"
        assert not [line for line in server.lines if "HTTP/1.1" in line]

    def test_what_is_hostile_in_a_path_is_shown_escaped_and_cut(self, start: Start) -> None:
        server = start()
        for path in ("/v2/a%0a::error::x/tags/list", "/v2/%e2%80%ae/tags/list", f"/v2/{'a' * 5000}/tags/list"):
            server.client.get(path)
        server.until(lambda: len(server.access) >= 4, "logged")
        assert all(len(line) < 1000 and line.isascii() and line.isprintable() for line in server.lines)
        assert not [line for line in server.lines if line.startswith("::")]

    def test_a_transfer_that_upstream_broke_off_is_told_as_incomplete(
        self, start: Start, upstream: ExampleUpstream
    ) -> None:
        upstream.options.redirect_blobs = False
        digest, data = max(upstream.store("nginx").blobs.items(), key=lambda item: len(item[1]))
        upstream.inject(Fault(Truncate(len(data) // 2), path="/blobs/"))
        server = start()
        with pytest.raises(httpx.RemoteProtocolError):
            server.client.get(f"/v2/nginx/blobs/{digest}")
        server.until(lambda: [line for line in server.access if line["endpoint"] == "blobs"], "logged")
        (line,) = (line for line in server.access if line["endpoint"] == "blobs")
        assert line["complete"] is False
        assert line["bytes"] < len(data)

    @pytest.mark.parametrize(("trusted", "client"), [("127.0.0.1", "192.0.2.7"), ("192.0.2.1", "127.0.0.1")])
    def test_whom_a_proxy_speaks_for_is_believed_of_trusted_addresses_only(
        self, start: Start, trusted: str, client: str
    ) -> None:
        server = start("--forwarded-allow-ips", trusted)
        server.client.get("/v2/nginx/manifests/1.27.4", headers={"X-Forwarded-For": "192.0.2.7"})
        server.until(lambda: [line for line in server.access if line["endpoint"] == "manifests"], "logged")
        assert server.access[-1]["client"] == client

    def test_nobody_reading_it_stops_nothing(self, index: Path, tmp_path: Path) -> None:
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "server.app:app", "--port", str(port)]
        environment = {**os.environ, "REVERSE_REGISTRY_INDEX": str(index)}
        with (tmp_path / "errors").open("wb") as errors:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors)
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz")
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
                for _ in range(600):
                    assert client.head("/v2/nginx/manifests/1.27.4").status_code == 200
            process.terminate()
            assert process.wait(10) in (0, -signal.SIGTERM)
        finally:
            process.kill()
            process.communicate()

    @pytest.mark.parametrize("option", [("--no-access-log",), ("--log-level", "warning")])
    def test_uvicorns_own_options_switch_it_off(self, start: Start, option: tuple[str, ...]) -> None:
        server = start(*option)
        assert server.client.get("/v2/").status_code == 200
        server.end()
        assert server.access == []

    def test_nothing_secret_is_in_it(self, start: Start, upstream: ExampleUpstream) -> None:
        server = start(auth="passthrough", public_url="https://registry.example.com")
        query = {"scope": "repository:nginx:pull", "account": "user"}
        headers = {"Authorization": basic("user", "secret")}
        granted = server.client.get("/token", params=query, headers=headers).json()["token"]
        upstream.inject(Fault(Answer(500), path="/v2/", times=None))
        server.client.get("/v2/nginx/manifests/latest-dev", headers={"Authorization": f"Bearer {granted}"})
        form = {"grant_type": "password", "username": "user", "password": "hunter2"}
        server.client.post("/token", data=form)
        server.says("answered 500")
        shown = "\n".join(server.lines)
        for secret in (granted, "secret", "hunter2", headers["Authorization"].split()[1]):
            assert secret not in shown


class TestMetrics:
    def test_requests_and_the_index_are_counted(self, start: Start) -> None:
        server = start()
        for _ in range(3):
            server.client.head("/v2/nginx/manifests/1.27.4")
        server.client.get("/v2/nginx/manifests/9.9")
        text = server.client.get("/metrics").text
        assert 'reverse_registry_requests_total{endpoint="manifests",method="HEAD",status="200"} 3.0' in text
        assert 'reverse_registry_requests_total{endpoint="manifests",method="GET",status="404"} 1.0' in text
        assert 'reverse_registry_upstream_requests_total{status="404"} 1.0' in text
        assert "reverse_registry_index_images 3.0" in text
        assert "reverse_registry_index_tags 2.0" in text

    def test_hostile_requests_make_no_series_of_their_own(self, start: Start) -> None:
        server = start()
        series = []
        for turn in range(2):
            for number in range(20):
                server.client.request(f"M{turn}{number}", f"/v2/n{turn}{number}/tags/list")
                server.client.get(f"/nowhere/{turn}{number}")
            series.append(len(server.client.get("/metrics").text.splitlines()))
        assert series[0] == series[1]

    def test_several_workers_are_counted_together(self, start: Start, tmp_path: Path) -> None:
        folder = tmp_path / "metrics"
        folder.mkdir()
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        try:
            server = start("--workers", "2")
        finally:
            del os.environ["PROMETHEUS_MULTIPROC_DIR"]
        for _ in range(20):
            httpx.head(f"{server.client.base_url}/v2/nginx/manifests/1.27.4")
        for _ in range(3):
            text = httpx.get(f"{server.client.base_url}/metrics").text
            found = re.search(r'requests_total\{endpoint="manifests",method="HEAD",status="200"\} (\S+)', text)
            assert found
            assert float(found[1]) == 20
        server.process.terminate()
        server.process.wait(20)


class TestReloading:
    def test_a_changed_index_is_taken_without_a_restart(
        self, start: Start, index: Path, upstream: ExampleUpstream
    ) -> None:
        server = start(app=IMPATIENT)
        assert server.client.head("/v2/nginx/manifests/1.27.5").status_code == 404
        publish(index, upstream, "1.27.5")
        server.until(lambda: server.client.head("/v2/nginx/manifests/1.27.5").status_code == 200, "taken")
        assert server.client.head("/v2/nginx/manifests/1.27.4").status_code == 404
        server.says("The changed index is in use: 3 images")
        assert 'reloads_total{result="taken"} 1.0' in server.client.get("/metrics").text

    def test_a_hangup_takes_what_no_look_would_notice(
        self, start: Start, index: Path, upstream: ExampleUpstream
    ) -> None:
        server = start(app=IMPATIENT)
        before = {file: file.stat() for file in index.rglob("*.json")}
        publish(index, upstream, "1.27.5")
        for file, status in before.items():
            assert file.stat().st_size == status.st_size
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: server.client.head("/v2/nginx/manifests/1.27.5").status_code == 200, "taken")

    def test_a_broken_index_is_refused_and_the_old_one_stays(
        self, start: Start, index: Path, upstream: ExampleUpstream
    ) -> None:
        server = start(app=IMPATIENT)
        (index / "nginx" / "index.json").write_text('{"schema": 1')
        server.process.send_signal(signal.SIGHUP)
        server.says("nginx/index.json: ")
        assert any("The changed index is refused" in line for line in server.lines)
        assert server.client.head("/v2/nginx/manifests/1.27.4").status_code == 200
        assert 'reloads_total{result="refused"} 1.0' in server.client.get("/metrics").text
        publish(index, upstream, "1.27.5")
        server.until(lambda: server.client.head("/v2/nginx/manifests/1.27.5").status_code == 200, "taken")

    def test_what_a_refused_index_lacked_may_come_later(
        self, start: Start, index: Path, upstream: ExampleUpstream
    ) -> None:
        server = start(app=IMPATIENT)
        catalogue = json.loads((index / "index.json").read_text())
        catalogue["images"]["redis"] = catalogue["images"]["nginx"]
        (index / "index.json").write_text(json.dumps(catalogue))
        server.says("redis/index.json: No such file")
        document = image(upstream, "nginx") | {"name": "redis"}
        (index / "redis").mkdir()
        (index / "redis" / "index.json").write_text(json.dumps(document))
        server.until(lambda: server.client.head("/v2/redis/manifests/1.27.4").status_code == 200, "taken")

    def test_a_file_that_is_a_pipe_is_refused_rather_than_waited_for(
        self, start: Start, index: Path, upstream: ExampleUpstream
    ) -> None:
        server = start(app=IMPATIENT)
        (index / "nginx" / "index.json").unlink()
        os.mkfifo(index / "nginx" / "index.json")
        server.says("nginx/index.json: Not a regular file")
        (index / "nginx" / "index.json").unlink()
        publish(index, upstream, "1.27.5")
        server.until(lambda: server.client.head("/v2/nginx/manifests/1.27.5").status_code == 200, "taken")

    def test_a_link_to_another_folder_is_a_changed_index(
        self, start: Start, index: Path, upstream: ExampleUpstream, tmp_path: Path
    ) -> None:
        """As git-sync and Kubernetes swap folders."""
        link, other = tmp_path / "link", tmp_path / "other"
        link.symlink_to(index)
        server = start(app=IMPATIENT, index=str(link))
        publish(other, upstream, "1.27.5")
        (tmp_path / "new").symlink_to(other)
        (tmp_path / "new").rename(link)
        server.until(lambda: server.client.head("/v2/nginx/manifests/1.27.5").status_code == 200, "taken")


def publish(folder: Path, upstream: ExampleUpstream, tag: str) -> None:
    """The index again, with another name for nginx's newest build."""
    document = image(upstream, "nginx")
    document["tags"][tag] = document["tags"].pop("1.27.4")
    write(folder, upstream, {"nginx": document})


class TestTheEnd:
    def test_transfers_are_finished_first(self, start: Start, upstream: ExampleUpstream) -> None:
        upstream.options.redirect_blobs = False
        digest, data = max(upstream.store("nginx").blobs.items(), key=lambda item: len(item[1]))
        upstream.inject(Fault(Slow(len(data) // 4 + 1, 0.3), path="/blobs/"))
        server = start()
        with server.client.stream("GET", f"/v2/nginx/blobs/{digest}") as answer:
            chunks = answer.iter_raw()
            received = next(chunks)
            server.process.terminate()
            received += b"".join(chunks)
        assert received == data
        assert server.process.wait(10) in (0, -signal.SIGTERM)

    def test_nothing_new_is_begun(self, start: Start, upstream: ExampleUpstream) -> None:
        upstream.inject(Fault(Hang(1), path="/manifests/"))
        server = start()
        thread = threading.Thread(target=lambda: server.client.get("/v2/python/manifests/latest"))
        thread.start()
        server.until(lambda: upstream.requests.count("/manifests/"), "asking")
        server.process.terminate()
        server.says("Waiting for connections to close")
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.client.base_url}/v2/")
        thread.join()
        assert server.process.wait(10) in (0, -signal.SIGTERM)
