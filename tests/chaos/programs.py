"""
A real serving process that can be frozen, killed and brought back on its port, and gateways that watch it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from incidents.client import Decision, Gateway
from incidents.enforcement.grants import bound
from incidents.service import init
from incidents.settings import Settings
from incidents.testing import sample_catalog
from tests.support.servers import Andon, environment_of, free_port, wait_for

ROOT = Path(__file__).parents[2]
LEASE = 2
BOUND = bound(LEASE)
QUESTION = ("acme", "orion-2", "browsing")  # no cap, so that asking ten thousand times changes nothing


class Served:
    """A ledger with the sample catalog, and ``andon serve`` on it. ``start`` and ``stop`` as often as wanted."""

    def __init__(self, folder: Path, *, lease_seconds: int = LEASE, ledger_folder: Path | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.ledger = (ledger_folder or folder) / "andon.db"
        self.armed = folder / "armed"
        settings = Settings(database_url=f"sqlite:///{self.ledger}", lease_seconds=lease_seconds)
        secret, self.key = init(settings)
        self.port = free_port()
        self._environment = environment_of(
            folder,
            ANDON_LEASE_SECONDS=str(lease_seconds),
            ANDON_CHAOS_ARMED=str(self.armed),
            ANDON_DATABASE_URL=f"sqlite:///{self.ledger}",
            PYTHONPATH=str(ROOT),
        )
        self.admin = secret
        self.api: Andon
        self._log = (folder / "serve.log").open("a")

    def launch(self, port: int | None = None) -> subprocess.Popen[str]:
        """A process as it is; nobody waits for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.serve_child", str(port or self.port)],
            cwd=ROOT,
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
            text=True,
        )

    def start(self) -> Served:
        self.api = Andon(self.folder, self.port, self.admin, self.launch())
        wait_for(self._answers, f"a server on {self.ledger}\n{self.said()[-2000:]}", 30)
        return self

    def prepare(self) -> Served:
        """Start and load the sample catalog."""
        self.start()
        self.api.apply(sample_catalog())
        return self

    def _answers(self) -> bool:
        if self.api.process.poll() is not None:
            raise AssertionError(self.said())
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.api.process.pid

    def said(self) -> str:
        return (self.folder / "serve.log").read_text()

    def kill(self) -> None:
        self.api.process.kill()
        self.api.process.wait()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def arm(self, order: str) -> None:
        draft = self.armed.with_suffix(".new")
        draft.write_text(order)
        draft.rename(self.armed)

    def disarm(self) -> None:
        self.armed.unlink(missing_ok=True)

    def memory_mib(self) -> float:
        """Resident set of the serving process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def declare(self, key: str, partner: str = "acme", *, timeout: float = 20) -> requests.Response:
        return requests.post(
            f"{self.url}/api/v1/incidents",
            json={"playbook": "partner-credential-abuse", "parameters": {"partner": partner}, "separate": True},
            headers={"Authorization": f"Bearer {self.admin}", "Idempotency-Key": key},
            timeout=timeout,
        )

    def ready(self) -> requests.Response:
        return requests.get(f"{self.url}/readyz", timeout=10)

    def log(self) -> list[dict[str, Any]]:
        """Every event, read past the service."""
        from incidents.ledger.chain import to_json
        from incidents.ledger.sqlite import SqliteLedger

        ledger = SqliteLedger.open(self.ledger)
        try:
            return [json.loads(to_json(event)) for event in ledger.read()]
        finally:
            ledger.close()

    def stop(self) -> None:
        if hasattr(self, "api") and self.api.process.poll() is None:
            self.thaw()
            self.api.process.terminate()
            try:
                self.api.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()


@contextmanager
def served(folder: Path, **more: Any) -> Iterator[Served]:
    made = Served(folder, **more)
    try:
        yield made.prepare()
    finally:
        made.stop()


class Watch:
    """Asks a gateway without a pause, as traffic does, and remembers when it last was allowed and denied."""

    def __init__(self, gateway: Gateway, question: tuple[str, str, str] = QUESTION) -> None:
        self.gateway, self._question = gateway, question
        self.last_allowed = self.last_denied = 0.0
        self.last = Decision(False, "nothing asked yet", 0)
        self.asked = 0
        self.changes: list[tuple[float, str]] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(0.002):
            decision = self.gateway.decide(*self._question)
            now = time.monotonic()
            if decision.reason != self.last.reason:
                self.changes.append((now, decision.reason))
            self.last = decision
            self.asked += 1
            if decision.allowed:
                self.last_allowed = now
            else:
                self.last_denied = now

    def until(self, reason: str, seconds: float = 15) -> None:
        """Wait for an answer with this reason."""
        try:
            wait_for(lambda: self.last.reason == reason, reason, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: now {self.last}, seen {self.changes}, {self.gateway.status()}") from error

    def close(self) -> None:
        self._end.set()
        self._thread.join(timeout=5)


@contextmanager
def watched(
    url: str,
    token: str,
    name: str,
    *,
    question: tuple[str, str, str] = QUESTION,
    cache_dir: Path | None = None,
    until: str | None = "granted",
) -> Iterator[Watch]:
    """A gateway with traffic on it; waits for its first answer ``until``."""
    with Gateway(url, token, name, cache_dir=cache_dir) as gateway:
        watch = Watch(gateway, question)
        try:
            if until is not None:
                watch.until(until)
            yield watch
        finally:
            watch.close()
