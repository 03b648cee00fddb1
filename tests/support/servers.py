"""
Real servers for tests: Andon as its own process, nginx, and a small upstream. Always loopback, ended by their pid.
"""

from __future__ import annotations

import getpass
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 10.0) -> Any:
    """Poll until the condition holds; its value. Fails naming what was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.005)
    raise AssertionError(f"{what}: not within {seconds} s")


@dataclass
class Andon:
    """A running ``andon serve`` with its ledger."""

    folder: Path
    port: int
    admin: str
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return environment_of(self.folder)

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {token or self.admin}", **more.pop("headers", {})}
        return requests.request(method, self.url + path, json=body, headers=headers, timeout=10, **more)

    def token(self, name: str, role: str, **more: str) -> str:
        answer = self.call("POST", "/api/v1/tokens", {"name": name, "role": role, **more})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["secret"])

    def apply(self, catalog: str) -> None:
        answer = requests.put(
            self.url + "/api/v1/catalog",
            data=catalog.encode(),
            headers={"Authorization": f"Bearer {self.admin}", "Content-Type": "application/yaml"},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text

    def declare(self, playbook: str, **parameters: str) -> dict[str, Any]:
        answer = self.call("POST", "/api/v1/incidents", {"playbook": playbook, "parameters": parameters})
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    def containment(self, incident: str) -> dict[str, Any]:
        return dict(self.call("GET", f"/api/v1/incidents/{incident}/containment").json())

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=10)


def environment_of(folder: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ANDON_")}
    return kept | {"ANDON_DATABASE_URL": f"sqlite:///{folder}/andon.db", "HOME": str(folder)} | more


def andon_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "incidents.cli", *arguments]


@contextmanager
def andon(folder: Path, *, lease_seconds: int = 3, port: int | None = None) -> Iterator[Andon]:
    """``andon init`` and ``andon serve`` on a ledger in ``folder``."""
    environment = environment_of(folder, ANDON_LEASE_SECONDS=str(lease_seconds))
    made = subprocess.run(andon_command("init", "--json"), env=environment, capture_output=True, text=True, check=True)
    admin = json.loads(made.stdout)["token"]
    with serving(folder, admin, environment, port or free_port()) as running:
        yield running


@contextmanager
def serving(folder: Path, admin: str, environment: dict[str, str], port: int) -> Iterator[Andon]:
    """``andon serve`` on a ledger that is there."""
    log = (folder / "serve.log").open("a")
    process = subprocess.Popen(
        andon_command("serve", "--port", str(port)), env=environment, stdout=log, stderr=log, text=True
    )
    running = Andon(folder, port, admin, process)
    try:
        wait_for(lambda: _ready(running), f"andon serve is ready (see {folder}/serve.log)", 20)
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        log.close()


def _ready(running: Andon) -> bool:
    if running.process.poll() is not None:
        raise AssertionError((running.folder / "serve.log").read_text())
    try:
        return requests.get(running.url + "/readyz", timeout=2).status_code == 200
    except (requests.ConnectionError, requests.Timeout):
        return False


class _Upstream(BaseHTTPRequestHandler):
    """Echoes what arrived, so that tests see what a gateway let through."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        text = json.dumps({"path": self.path, "headers": dict(self.headers), "body": body}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@contextmanager
def upstream() -> Iterator[int]:
    """A small HTTP server that echoes; its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Upstream)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


@contextmanager
def nginx(program: str, folder: Path, conf: str, port: int) -> Iterator[None]:
    """nginx in the foreground with the given server configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    main = folder / "nginx.conf"
    temporary = "".join(
        f"    {name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = f"user {getpass.getuser()};\n" if os.geteuid() == 0 else ""  # else its workers can't reach our folder
    main.write_text(
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n"
        f"events {{ worker_connections 512; }}\nhttp {{\n    access_log off;\n{temporary}{conf}\n}}\n"
    )
    with (folder / "out.log").open("w") as log:
        process = subprocess.Popen(
            [program, "-p", str(folder), "-c", str(main), "-e", str(folder / "error.log")], stdout=log, stderr=log
        )
        try:
            wait_for(lambda: _listens(port, process, folder), "nginx listens")
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)


def _listens(port: int, process: subprocess.Popen[bytes], folder: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError((folder / "error.log").read_text() + (folder / "out.log").read_text())
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
