"""
Thousands of streams, idle and slow connections, half-sent requests: kills first, decisions unharmed, memory bounded.

The loads come from one event loop in this process, the decisions that are timed from another process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.chaos.findings import Finding, fault
from tests.chaos.programs import BOUND, ROOT, Served, served

DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
STREAM_KIB = 64  # of the service's memory, at most, for one open stream
SLOWER = 5  # times: what a decision may take longer at its median while the load lasts
STILL_MS = 100.0  # at the 99th percentile, whatever it was before
LOADED = "all get the change, kills first, decisions unharmed, memory bounded"


@contextmanager
def timed(server: Served, token: str) -> Iterator[dict[str, Any]]:
    """Decisions asked and timed while the block runs; the dictionary is filled at its end."""
    command = [sys.executable, "-m", "tests.chaos.sampler", "127.0.0.1", str(server.port), token]
    asking = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = {}
    try:
        yield found
        said, _ = asking.communicate("", timeout=60)
        found.update(json.loads(said))
    finally:
        if asking.poll() is None:
            asking.kill()
            asking.wait()


def unharmed(before: dict[str, Any], during: dict[str, Any], finding: Finding, what: str) -> str:
    """Compare two samples; returns the figures in words."""
    finding.expect(during["wrong"] == 0, f"{what}: {during['wrong']} of {during['asked']} decisions were not answered")
    quick = during["p50_ms"] <= SLOWER * before["p50_ms"] + 2
    finding.expect(quick, f"{what}: decisions took {during['p50_ms']} ms (p50), before {before['p50_ms']} ms")
    late = during["p99_ms"] <= max(STILL_MS, 3 * before["p99_ms"])
    finding.expect(late, f"{what}: decisions took {during['p99_ms']} ms (p99), before {before['p99_ms']} ms")
    return f"decision p50 {before['p50_ms']} -> {during['p50_ms']} ms, p99 {before['p99_ms']} -> {during['p99_ms']} ms"


def quiet_sample(server: Served, token: str, seconds: float = 1.5) -> dict[str, Any]:
    with timed(server, token) as found:
        time.sleep(seconds)
    return found


class Listening(asyncio.Protocol):
    """One stream: when it opened, when it heard of which revision, when it ended."""

    CHANGE = re.compile(rb"event: change\nid: (\d+)")

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._tail = b""
        self.opened = self.ended = 0.0
        self.heard: dict[int, float] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self.opened = self.opened or now
        text = self._tail + data
        for found in self.CHANGE.finditer(text):
            self.heard.setdefault(int(found[1]), now)
        self._tail = text[-64:]

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = time.monotonic()


def stream_request(server: Served, token: str, revision: int, ledger: str) -> bytes:
    return (
        f"GET /enforce/v1/stream?ledger={ledger} HTTP/1.1\r\nHost: andon\r\nAuthorization: Bearer {token}\r\n"
        f"Last-Event-ID: {revision}\r\n\r\n"
    ).encode()


def here(server: Served, token: str) -> tuple[str, int]:
    """Ledger and revision as points see them."""
    headers = {"Authorization": f"Bearer {token}"}
    body = requests.get(f"{server.url}/enforce/v1/snapshot", headers=headers, timeout=10).json()
    return body["ledger"], body["revision"]


async def open_streams(server: Served, token: str, count: int) -> list[Listening]:
    """All at once: the storm after a restart."""
    ledger, revision = await asyncio.to_thread(here, server, token)
    request = stream_request(server, token, revision, ledger)
    loop = asyncio.get_running_loop()
    made = [loop.create_connection(lambda: Listening(request), "127.0.0.1", server.port) for _ in range(count)]
    return [listening for _, listening in await asyncio.gather(*made)]


async def until(condition: Any, what: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        await asyncio.sleep(0.01)


def close_all(streams: list[Listening]) -> None:
    for one in streams:
        one.transport.abort()  # type: ignore[attr-defined]


async def _streams(server: Served, count: int, finding: Finding) -> str:
    token = server.api.token("gw", "enforcer")
    before = await asyncio.to_thread(quiet_sample, server, token)
    memory = server.memory_mib()
    began = time.monotonic()
    streams = await open_streams(server, token, count)
    await until(lambda: all(one.opened for one in streams), f"{count} streams are open", 60)
    opened = max(one.opened for one in streams) - began
    with timed(server, token) as during:
        last = []
        for partner in ("acme", "globex", "initech"):
            asked = time.monotonic()
            reply = await asyncio.to_thread(server.declare, f"kill-{partner}", partner)
            revision = reply.json()["revision"]
            await until(lambda: all(revision in one.heard for one in streams), f"all heard of {revision}")  # noqa: B023
            last.append(max(one.heard[revision] for one in streams) - asked)
            finding.took(last[-1], BOUND, f"{count} streams")
            await asyncio.sleep(0.3)
    each = (server.memory_mib() - memory) * 1024 / count
    finding.expect(each < STREAM_KIB, f"{each:.0f} KiB of memory for a stream")
    close_all(streams)
    words = unharmed(before, during, finding, f"{count} streams")
    return f"all open in {opened:.2f} s, last told in {max(last) * 1000:.0f} ms, {each:.0f} KiB each, {words}"


def _count(wanted: int) -> tuple[int, str]:
    """As many as this system lets one process open, and a word where that is fewer."""
    most = DESCRIPTORS - 500
    return (wanted, "") if wanted <= most else (most, f"only {most} of {wanted}: limit of open files; ")


@fault("1,000 streams", LOADED, group="load", trials=1000, short=200)
def thousand(trials: int, folder: Path) -> Finding:
    return _many(trials, folder)


@fault("5,000 streams", LOADED, group="load", trials=5000, short=0)
def five_thousand(trials: int, folder: Path) -> Finding:
    return _many(trials, folder)


def _many(trials: int, folder: Path) -> Finding:
    finding = Finding()
    count, fewer = _count(trials)
    if count:
        with served(folder) as server:
            finding.note = fewer + asyncio.run(_streams(server, count, finding))
    finding.trials = count
    return finding


@fault(
    "SIGTERM with 1,000 streams", "every stream ends, the process within a second", group="load", trials=1000, short=200
)
def stopped(trials: int, folder: Path) -> Finding:
    finding = Finding()
    with served(folder) as server:

        async def stop() -> float:
            streams = await open_streams(server, server.api.token("gw", "enforcer"), _count(trials)[0])
            await until(lambda: all(one.opened for one in streams), "streams are open", 60)
            asked = time.monotonic()
            server.api.process.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(server.api.process.wait, 15)
            took = time.monotonic() - asked
            finding.expect(code == 0, f"it ended with {code}")
            await until(lambda: all(one.ended for one in streams), "every stream ended")
            return took

        took = asyncio.run(stop())
        finding.expect(took <= 1.0 + 0.5, f"the process took {took:.2f} s to end")
        finding.expect("Traceback" not in server.said(), "a traceback was logged")
        finding.note = f"ended in {took:.2f} s"
    finding.trials = trials
    return finding


# --- clients that do not read, do not ask, or do not finish asking ----------------------------------------------------


def big_catalog(cap: int, grants: int = 2000) -> str:
    """Thousands of grants whose cap is ``cap``: each change of it is a frame of some hundred kilobytes."""
    body = {
        "models": {"orion-2": {"stage": "trusted-partner"}},
        "capabilities": {"tool-use": {"models": ["orion-2"]}},
        "partners": {f"partner-{n}": {"audience": "trusted-partner"} for n in range(grants)},
        "grants": [
            {
                "partner": f"partner-{n}",
                "model": "orion-2",
                "capability": "tool-use",
                "cap": {"per_day": cap},
                "terms": "accepted",
            }
            for n in range(grants)
        ],
    }
    return json.dumps(body)


@fault(
    "clients that never read their stream",
    "they are dropped, memory stays bounded, the others get every change",
    group="load",
    trials=100,
    short=0,
)
def never_reading(trials: int, folder: Path) -> Finding:
    finding = Finding()
    if not trials:
        return finding
    with served(folder) as server:
        finding.note = asyncio.run(_never_reading(server, trials, finding))
    finding.trials = trials
    return finding


async def _never_reading(server: Served, count: int, finding: Finding) -> str:
    token = server.api.token("gw", "enforcer")
    await asyncio.to_thread(server.api.apply, big_catalog(10_000))
    ledger, revision = await asyncio.to_thread(here, server, token)
    good = await open_streams(server, token, 20)
    await until(lambda: all(one.opened for one in good), "the good streams are open")
    deaf = [_deaf(server, stream_request(server, token, revision, ledger)) for _ in range(count)]
    memory = peak = server.memory_mib()
    slowest = 0.0
    for turn in range(40):
        began = time.monotonic()
        await asyncio.to_thread(server.api.apply, big_catalog(9_999 - turn))  # lower each time: told at once
        _, revision = await asyncio.to_thread(here, server, token)
        await until(lambda: all(revision in one.heard for one in good), f"the good hear of {revision}")  # noqa: B023
        slowest = max(slowest, time.monotonic() - began)
        peak = max(peak, server.memory_mib())
    dropped = sum(_is_dropped(one) for one in deaf)
    finding.expect(dropped == count, f"{dropped} of {count} that never read were dropped")
    finding.expect(peak - memory < 300, f"memory grew by {peak - memory:.0f} MiB")
    finding.expect(not any(one.ended for one in good), "a stream that reads was closed")
    for one in deaf:
        one.close()
    close_all(good)
    return f"{dropped} dropped, memory +{peak - memory:.0f} MiB, slowest change {slowest:.2f} s to 20 others"


def _deaf(server: Served, request: bytes) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.connect(("127.0.0.1", server.port))
    one.sendall(request)
    return one


def _is_dropped(one: socket.socket) -> bool:
    """Read what was left in the buffers; a stream that is still open has no end."""
    one.settimeout(2)
    with contextlib.suppress(ConnectionError):
        try:
            while one.recv(1 << 20):
                continue
        except TimeoutError:
            return False
    return True


async def _connections(server: Served, count: int, first: bytes) -> list[asyncio.Transport]:
    """Open connections that send this much and then nothing."""
    loop = asyncio.get_running_loop()
    found: list[asyncio.Transport] = []
    for start in range(0, count, 1000):
        made = [
            loop.create_connection(asyncio.Protocol, "127.0.0.1", server.port) for _ in range(min(1000, count - start))
        ]
        for transport, _ in await asyncio.gather(*made):
            if first:
                transport.write(first)
            found.append(transport)
    return found


async def _beside(server: Served, count: int, first: bytes, drip: bytes, finding: Finding, what: str) -> str:
    """A kill and timed decisions beside ``count`` such connections."""
    token = server.api.token("gw", "enforcer")
    before = await asyncio.to_thread(quiet_sample, server, token)
    memory = server.memory_mib()
    idle = await _connections(server, count, first)
    with timed(server, token) as during:
        for _ in range(6):
            for transport in idle if drip else ():
                transport.write(drip)
            await asyncio.sleep(0.25)
        asked = time.monotonic()
        reply = await asyncio.to_thread(server.declare, f"beside-{what}", "acme")
        took = time.monotonic() - asked
    finding.expect(reply.status_code == 201, f"{what}: the kill was answered {reply.status_code}")
    finding.expect(took < 1.0, f"{what}: the kill took {took:.2f} s")
    each = max(0.0, server.memory_mib() - memory) * 1024 / count
    finding.expect(each < STREAM_KIB, f"{what}: {each:.0f} KiB of memory for a connection")
    words = unharmed(before, during, finding, what)
    await until(lambda: all(one.is_closing() for one in idle), f"{what}: they are all closed", 20)
    return f"kill in {took * 1000:.0f} ms, {each:.0f} KiB each, {words}"


UNHARMED = "kills and decisions go on unharmed, memory is bounded, they are closed after a while"


def _loaded(trials: int, folder: Path, first: bytes, drip: bytes, what: str) -> Finding:
    finding = Finding()
    count, fewer = _count(trials)
    if count:
        with served(folder) as server:
            finding.note = fewer + asyncio.run(_beside(server, count, first, drip, finding, what))
    finding.trials = count
    return finding


@fault("10,000 connections that ask nothing", UNHARMED, group="load", trials=10_000, short=0)
def idle(trials: int, folder: Path) -> Finding:
    return _loaded(trials, folder, b"", b"", "idle")


@fault("2,000 request lines that never end", UNHARMED, group="load", trials=2000, short=0)
def slow_heads(trials: int, folder: Path) -> Finding:
    return _loaded(trials, folder, b"GET /heal", b"x", "slow heads")


BODY = (
    b"POST /api/v1/incidents HTTP/1.1\r\nHost: andon\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer %b\r\nContent-Length: 100000\r\n\r\n{"
)


@fault(
    "500 bodies that never end",
    "kills and decisions go on unharmed although each such request would hold a thread",
    group="load",
    trials=500,
    short=60,
)
def slow_bodies(trials: int, folder: Path) -> Finding:
    finding = Finding()
    with served(folder) as server:
        token = server.api.token("gw", "enforcer")

        async def load() -> str:
            before = await asyncio.to_thread(quiet_sample, server, token)
            open_ones = await _connections(server, trials, BODY % server.admin.encode())
            with timed(server, token) as during:
                await asyncio.sleep(0.5)
                asked = time.monotonic()
                reply = await asyncio.to_thread(server.declare, "beside", "acme")
                took = time.monotonic() - asked
            finding.expect(reply.status_code == 201, f"the kill was answered {reply.status_code}")
            finding.expect(took < 1.0, f"the kill took {took:.2f} s")
            for one in open_ones:
                one.abort()
            return f"kill in {took * 1000:.0f} ms, {unharmed(before, during, finding, 'slow bodies')}"

        finding.note = asyncio.run(load())
    finding.trials = trials
    return finding
