"""
Unleash, the open-source flag server, as a peer: N clients polling every second, a flag switched by its admin API.

Optional: needs PostgreSQL's programs, node and npm. Everything lives in one scratch folder and ends with the measure.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.bench.asks import rate
from tests.bench.figures import percentile, ratio, spread
from tests.bench.fleet import Caller
from tests.bench.servers import end
from tests.support.servers import free_port, wait_for

VERSION = "7.5.1"
ADMIN = "*:*.bench-admin"
CLIENT = "default:development.bench-client"
FRONTEND = "default:development.bench-frontend"
FLAG = "bench.switch"
FLAGS = 50
POLL_SECONDS = 1.0
EVALUATION_CONNECTIONS = 16


class Missing(Exception):
    """A part that the peer needs is not here; ``str()`` says which."""


def measure(folder: Path, found: dict[str, Any], *, quick: bool) -> dict[str, Any]:
    """Figures of this run's Unleash, with Andon's of the same run beside them; or why there are none."""
    flips, seconds = (10, 1.0) if quick else (30, 3.0)
    try:
        with server(folder) as port:
            rows = [asyncio.run(_switch(port, count, flips)) for count in (1, 100, 500)]
            evaluation = asyncio.run(_evaluation(port, seconds))
    except Missing as missing:
        return {"skipped": str(missing)}
    return {
        "version": VERSION,
        "interval_s": POLL_SECONDS,
        "switch": [row | _beside(row["clients"], found) for row in rows],
        "evaluation": {"connections": EVALUATION_CONNECTIONS, **evaluation},
        "andon_times_evaluation": _times(evaluation["per_second"], found),
    }


def _beside(count: int, found: dict[str, Any]) -> dict[str, Any]:
    """Ours with as many points, or with the next larger number: never with fewer."""
    larger = [row for row in found.get("switch", ()) if row["points"] >= count]
    if not larger:
        return {}
    row = min(larger, key=lambda r: r["points"])
    return {"andon_points": row["points"], "andon_last_denies_p50": row["ours_ms"]["last_denies"]["p50"]}


def _times(per_second: float, found: dict[str, Any]) -> dict[str, float]:
    rows = found.get("decisions", {}).get("http", ())
    return {
        row["kind"]: ratio(row["per_second"], per_second)
        for row in rows
        if row["connections"] == EVALUATION_CONNECTIONS and not row["kind"].startswith("bare")
    }


# --- starting it ------------------------------------------------------------------------------------------------------


@contextmanager
def server(folder: Path) -> Iterator[int]:
    """A fresh PostgreSQL cluster and an Unleash on it; its port."""
    npm, node = _need("npm"), _need("node")
    programs = _postgres_programs()
    folder.mkdir(parents=True, exist_ok=True)
    for part in (folder, *folder.parents):  # the cluster belongs to another user, who must be able to pass
        if part.stat().st_uid == os.geteuid() and str(part).startswith("/tmp/"):
            part.chmod(part.stat().st_mode | 0o011)
    install = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"unleash-server@{VERSION}"]
    ran = subprocess.run(install, capture_output=True, text=True, timeout=600, check=False)
    if ran.returncode != 0:
        raise Missing(f"npm could not install unleash-server: {ran.stderr.strip()[-300:]}")
    with _postgres(folder / "pg", programs) as database_port, (folder / "unleash.log").open("wb") as log:
        port = free_port()
        start = [node, str(folder / "node_modules/unleash-server/dist/server.js")]
        process = subprocess.Popen(start, env=_environment(port, database_port), stdout=log, stderr=log, cwd=folder)
        try:
            wait_for(lambda: process.poll() is not None or _healthy(port), "Unleash is healthy", 120)
            if process.poll() is not None:
                raise Missing(f"Unleash ended: {(folder / 'unleash.log').read_text()[-500:]}")
            _make_flags(port)
            yield port
        finally:
            end(process)


def _need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise Missing(f"{program} is not installed")
    return found


def _postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise Missing("PostgreSQL's initdb is not below /usr/lib/postgresql")
    return found[-1].parent


def _as_owner(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


@contextmanager
def _postgres(folder: Path, programs: Path) -> Iterator[int]:
    folder.mkdir()
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    port = free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = [str(programs / "pg_ctl"), "-D", str(folder), "-w"]
    _run([str(programs / "initdb"), "-D", str(folder), "-A", "trust", "-U", "postgres"], folder)
    _run([*control, "-l", str(folder / "log"), "-o", options, "start"], folder)
    try:
        reach = ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres"]
        _run([str(programs / "createdb"), *reach, "unleash"], folder)
        yield port
    finally:
        _run([*control, "-m", "immediate", "stop"], folder)


def _run(command: list[str], folder: Path) -> None:
    # Not captured through a pipe: the server that pg_ctl starts would hold it open.
    with (folder.parent / "postgres.log").open("ab") as log:
        ran = subprocess.run(
            _as_owner(command), cwd="/", stdout=log, stderr=log, stdin=subprocess.DEVNULL, timeout=120, check=False
        )
    if ran.returncode != 0:
        raise Missing(
            f"{command[0]} ended with {ran.returncode}: {(folder.parent / 'postgres.log').read_text()[-300:]}"
        )


def _environment(port: int, database_port: int) -> dict[str, str]:
    return os.environ | {
        "DATABASE_HOST": "127.0.0.1",
        "DATABASE_PORT": str(database_port),
        "DATABASE_USERNAME": "postgres",
        "DATABASE_PASSWORD": "unused",
        "DATABASE_NAME": "unleash",
        "DATABASE_SSL": "false",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(port),
        "CHECK_VERSION": "false",
        "SEND_TELEMETRY": "false",
        "LOG_LEVEL": "warn",
        "NODE_ENV": "production",
        "INIT_ADMIN_API_TOKENS": ADMIN,
        "INIT_BACKEND_API_TOKENS": CLIENT,
        "INIT_FRONTEND_API_TOKENS": FRONTEND,
    }


def _healthy(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def _make_flags(port: int) -> None:
    """As many flags as a small installation has; one of them is switched."""
    base = f"http://127.0.0.1:{port}/api/admin/projects/default/features"
    with requests.Session() as session:
        session.headers["Authorization"] = ADMIN
        for name in (FLAG, *(f"bench.other-{i}" for i in range(FLAGS - 1))):
            session.post(base, json={"name": name, "type": "kill-switch"}, timeout=10).raise_for_status()
        everybody = {
            "name": "flexibleRollout",
            "parameters": {"rollout": "100", "stickiness": "default", "groupId": "b"},
        }
        made = session.post(f"{base}/{FLAG}/environments/development/strategies", json=everybody, timeout=10)
        made.raise_for_status()
        session.post(f"{base}/{FLAG}/environments/development/on", timeout=10).raise_for_status()


# --- measuring it -----------------------------------------------------------------------------------------------------


class Watch:
    """The flip that is under way and who has seen it."""

    def __init__(self, count: int) -> None:
        self.count, self.wanted, self.flip = count, True, 0
        self.began, self.stop = 0.0, False
        self.seen: list[float] = []
        self.whole = asyncio.Event()

    def saw(self) -> None:
        self.seen.append((time.perf_counter() - self.began) * 1e3)
        if len(self.seen) == self.count:
            self.whole.set()


async def _poll(watch: Watch, port: int) -> None:
    """One client: asks every second with the tag of what it has, at a phase of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    tag, mine = b"", 0
    await asyncio.sleep(random.random() * POLL_SECONDS)
    due = time.perf_counter()
    while not watch.stop:
        head = f"GET /api/client/features HTTP/1.1\r\nHost: bench\r\nAuthorization: {CLIENT}\r\n".encode()
        writer.write(head + (b"If-None-Match: " + tag + b"\r\n" if tag else b"") + b"\r\n")
        answer = await reader.readuntil(b"\r\n\r\n")
        if answer.startswith(b"HTTP/1.1 200"):
            tag = _header(answer, b"etag")
            body = await reader.readexactly(int(_header(answer, b"content-length")))
            if mine != watch.flip and _enabled(body) == watch.wanted:
                mine = watch.flip
                watch.saw()
        due = max(due + POLL_SECONDS, time.perf_counter())
        await asyncio.sleep(due - time.perf_counter())
    writer.close()


def _header(answer: bytes, name: bytes) -> bytes:
    for line in answer.split(b"\r\n"):
        if line[: len(name) + 1].lower() == name + b":":
            return line[len(name) + 1 :].strip()
    return b""


def _enabled(body: bytes) -> bool:
    return any(f["name"] == FLAG and f["enabled"] for f in json.loads(body)["features"])


async def _switch(port: int, count: int, flips: int) -> dict[str, Any]:
    watch = Watch(count)
    clients = [asyncio.create_task(_poll(watch, port)) for _ in range(count)]
    await asyncio.sleep(2 * POLL_SECONDS + 1)
    gc.collect()
    first, last, state = [], [], True
    path = f"http://127.0.0.1:{port}/api/admin/projects/default/features/{FLAG}/environments/development/"
    with requests.Session() as session:
        session.headers["Authorization"] = ADMIN
        for number in range(1, flips + 1):
            await asyncio.sleep(random.uniform(0.3, 1.3))
            state = not state
            watch.seen.clear()
            watch.whole.clear()
            watch.began, watch.wanted, watch.flip = time.perf_counter(), state, number
            flip = path + ("on" if state else "off")
            answered = await asyncio.to_thread(session.post, flip, timeout=10)
            answered.raise_for_status()
            await asyncio.wait_for(watch.whole.wait(), POLL_SECONDS * 2 + 10)
            first.append(min(watch.seen))
            last.append(max(watch.seen))
        if not state:
            session.post(path + "on", timeout=10).raise_for_status()
    watch.stop = True
    await asyncio.gather(*clients)
    return {"clients": count, "first_ms": spread(first), "last_ms": spread(last)}


async def _evaluation(port: int, seconds: float) -> dict[str, float]:
    """Its server-side evaluation: the frontend API with a context, as a gateway without an SDK would ask."""
    caller = await Caller(port).open()
    caller.close()
    request = (
        f"GET /api/frontend?userId=partner-0000 HTTP/1.1\r\nHost: bench\r\nAuthorization: {FRONTEND}\r\n\r\n"
    ).encode()
    rounds = [await rate(port, request, FLAG.encode(), EVALUATION_CONNECTIONS, seconds) for _ in range(3)]
    return {key: percentile([r[key] for r in rounds], 50) for key in rounds[0]}
