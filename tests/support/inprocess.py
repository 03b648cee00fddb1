"""
The whole service in this process, on a real SQLite ledger and a real port: what most surface tests talk to.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from incidents.credentials import local_admin
from incidents.decisions import Asker
from incidents.decisions.access import CreateToken
from incidents.enforcement.front import Front
from incidents.serve import build_front, make_server
from incidents.service import Service, init
from incidents.settings import Settings
from incidents.testing import sample_catalog
from incidents.tokens import digest_of
from tests.support.servers import wait_for

ADMIN = local_admin("tester")


@dataclass
class Live:
    """A serving Andon; tokens are made through its operations."""

    service: Service
    front: Front
    url: str
    _tokens: dict[str, str] = field(default_factory=dict)

    def token(self, name: str, role: str, *, person: str | None = None, partner: str | None = None) -> str:
        if name not in self._tokens:
            request = CreateToken(name=name, role=role, person=person, partner=partner)
            _, secret = self.service.operations.create_token(ADMIN, request)
            self._tokens[name] = secret or ""
        return self._tokens[name]

    def point(self, name: str) -> str:
        return self.token(name, "enforcer")

    def person(self, id: str, role: str = "commander") -> Asker:
        """The asker behind a token of that person."""
        secret = self.token(f"{id}-{role}", role, person=id)
        return self.service.desk.credentials[digest_of(secret)].asker("api")

    def ask(self, method: str, path: str, *, token: str | None = None, **more: Any) -> requests.Response:
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return requests.request(method, self.url + path, headers=headers, timeout=10, **more)

    def declare(self, playbook: str = "partner-credential-abuse", **parameters: str) -> dict[str, Any]:
        reply = self.service.operations.declare(ADMIN, {"playbook": playbook, "parameters": parameters})
        return reply.body

    def containment(self, incident: str) -> dict[str, Any]:
        return self.service.operations.containment(ADMIN, incident)

    def contained(self, incident: str, seconds: float = 10) -> dict[str, Any]:
        wait_for(lambda: self.containment(incident)["state"] == "contained", f"{incident} is contained", seconds)
        return self.containment(incident)


@contextmanager
def live(folder: Path, *, lease_seconds: int = 2, catalog: str | None = None) -> Iterator[Live]:
    settings = Settings(database_url=f"sqlite:///{folder}/andon.db", lease_seconds=lease_seconds)
    if not settings.database_path.exists():
        init(settings)
    service = Service.open(settings)
    service.use_lease_setting()
    service.operations.apply_catalog(ADMIN, catalog or sample_catalog(), "catalog.yaml")
    front = build_front(service)
    service.start()
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    server = make_server(front, lambda: None)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        wait_for(lambda: server.started, "the server has started")
        yield Live(service, front, f"http://127.0.0.1:{listening.getsockname()[1]}")
    finally:
        server.end_streams()
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()
        service.stop()
