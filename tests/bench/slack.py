"""
Slash commands, fifty at once: how long until each is answered, while Slack's own API hangs.

``andon serve`` on SQLite, requests signed as Slack signs them, one connection each, all sent in the same moment. Slack
gives up after 3 s; the aim is 300 ms for the slowest in a hundred.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from incidents.credentials import local_admin
from incidents.service import Service
from tests.bench import servers
from tests.bench.figures import spread
from tests.bench.ground import Ground, lay

AT_ONCE = 50
ROUNDS = 4  # with one service: 200 incidents stand open at the end
SECRET, TEAM, USER = "a-secret-for-the-bench", "T0BENCH00", "U0BENCH00"
PEOPLE = {"people": {"ada": {"name": "Ada", "slack": USER, "roles": ["commander"]}}}


class _Hanging(BaseHTTPRequestHandler):
    """Slack on its worst day: takes the request and never answers."""

    def do_POST(self) -> None:
        time.sleep(60)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to the terminal."""


@contextmanager
def hanging_slack() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hanging)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/api/"
    finally:
        server.shutdown()
        server.server_close()


def measure(folder: Path, *, services: int) -> dict[str, Any]:
    """Milliseconds to the whole answer, by kind of command; each service begins with nothing declared."""
    took: dict[str, list[float]] = {"kill": [], "note": [], "list": []}
    for number in range(services):
        _one_service(folder / str(number), took)
    return {
        "at_once": AT_ONCE,
        "rounds": services * ROUNDS,
        "open": AT_ONCE * ROUNDS,
        "ms": {kind: spread(times) for kind, times in took.items()},
    }


def _one_service(folder: Path, took: dict[str, list[float]]) -> None:
    ground = lay(folder, partners=AT_ONCE * ROUNDS)
    _introduce(ground)
    with hanging_slack() as api:
        environment = {
            "ANDON_SLACK_SIGNING_SECRET": SECRET,
            "ANDON_SLACK_TEAM": TEAM,
            "ANDON_SLACK_BOT_TOKEN": "xoxb-bench",
            "ANDON_SLACK_API_URL": api,
            "ANDON_SLACK_CHANNEL": "C0BENCH00",
        }
        with servers.andon(ground, **environment) as ours:
            for number in range(ROUNDS):
                partners = ground.partners[number * AT_ONCE : (number + 1) * AT_ONCE]
                lines = {
                    "kill": [f"kill partner {partner} bench" for partner in partners],
                    "note": [f"note latest round {number}, note {n}" for n in range(AT_ONCE)],
                    "list": ["list"] * AT_ONCE,
                }
                for kind, typed in lines.items():
                    took[kind] += asyncio.run(all_at_once(ours.port, typed))


def _introduce(ground: Ground) -> None:
    service = Service.open(ground.settings)
    try:
        service.operations.apply_catalog(local_admin("bench"), json.dumps(PEOPLE), "people.yaml")
    finally:
        service.stop()


async def all_at_once(port: int, lines: list[str]) -> list[float]:
    """Every line on a connection of its own, sent together; milliseconds until each was answered."""
    pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in lines]
    requests = [_request(line, number) for number, line in enumerate(lines)]
    return await asyncio.gather(
        *(_ask(reader, writer, request) for (reader, writer), request in zip(pairs, requests, strict=True))
    )


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> float:
    began = time.perf_counter()
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 30)
    took = (time.perf_counter() - began) * 1e3
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200") or b"ephemeral" not in answer:
        raise AssertionError(f"unexpected answer: {answer[:400]!r}")
    return took


def _request(line: str, number: int) -> bytes:
    form = {"team_id": TEAM, "user_id": USER, "channel_id": "C0BENCH00", "command": "/incident", "text": line}
    body = urlencode(form | {"trigger_id": f"{number}.{time.time_ns()}"}).encode()
    stamp = str(int(time.time()))
    mac = hmac.new(SECRET.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    head = (
        "POST /slack/commands HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"X-Slack-Request-Timestamp: {stamp}\r\nX-Slack-Signature: v0={mac}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
