"""
The programs that are measured, each as its own process on loopback, ended by its pid.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.bench.ground import Ground
from tests.support.servers import environment_of, free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
ANDON = [sys.executable, "-m", "incidents.cli", "serve"]
START_SECONDS = 120


@dataclass(frozen=True)
class Running:
    port: int
    pid: int


@contextmanager
def andon(ground: Ground, **more: str) -> Iterator[Running]:
    """``andon serve`` on a ledger that was prepared; ``more`` of its environment."""
    port = free_port()
    with _process([*ANDON, "--port", str(port)], ground.folder, ground.folder / "serve.log", more) as process:
        wait_for(lambda: _ready(port, process, ground.folder / "serve.log"), "andon serve is ready", START_SECONDS)
        yield Running(port, process.pid)


@contextmanager
def bare(folder: Path) -> Iterator[Running]:
    """The bare fan-out server."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "bare.log"
    with _process([sys.executable, "-m", "tests.bench.bare", str(port)], folder, log) as process:
        wait_for(lambda: _listens(port, process, log), "the bare server listens", START_SECONDS)
        yield Running(port, process.pid)


@contextmanager
def _process(
    command: list[str], folder: Path, log: Path, more: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    environment = environment_of(folder, PYTHONPATH=str(ROOT), **(more or {}))
    with log.open("ab") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ready(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"andon serve ended with {process.returncode}: {log.read_text()[-2000:]}")
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def _listens(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"the bare server ended with {process.returncode}: {log.read_text()[-2000:]}")
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
