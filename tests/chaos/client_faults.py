"""
The Python enforcement point against real serving processes on the worst day: it denies in time, and recovers by itself.
"""

from __future__ import annotations

import json
import logging
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import requests

from incidents import client
from incidents.clock import SystemClock
from incidents.credentials import local_admin
from incidents.service import Service
from incidents.settings import Settings
from tests.chaos.findings import SLACK, Finding, fault
from tests.chaos.ledger_faults import filled, small_disk
from tests.chaos.lines import BadLine
from tests.chaos.programs import BOUND, LEASE, QUESTION, ROOT, Served, Watch, served, watched
from tests.support.servers import environment_of, free_port, wait_for

DENIES = "denies within one bound of the kill, whatever the service could still say"
RECOVERS = "denies when its lease ends, allows again by itself when the service is back"


@contextmanager
def scene(folder: Path, **more: Any) -> Iterator[tuple[Served, Watch]]:
    """A service and one gateway with traffic, allowed."""
    with served(folder) as server, watched(server.url, server.api.token("gw", "enforcer"), "gw", **more) as watch:
        yield server, watch


@contextmanager
def bad_line(folder: Path) -> Iterator[tuple[Served, BadLine, Watch]]:
    """The same with a line in between that will go bad."""
    with (
        served(folder) as server,
        BadLine(server.port) as line,
        watched(line.url, server.api.token("gw", "enforcer"), "gw") as watch,
    ):
        yield server, line, watch


def kill_beside(server: Served, partner: str = "acme") -> float:
    """A kill written straight to the ledger, as the command line does when nothing else answers; when it was."""
    service = Service.open(Settings(database_url=f"sqlite:///{server.ledger}"), clock=SystemClock())
    with closing(service.ledger):
        service.operations.kill(local_admin("chaos"), "partner", partner, "on the worst day")
        return time.monotonic()


def kill_served(server: Served, partner: str = "acme") -> float:
    reply = server.declare(f"kill-{partner}-{time.monotonic()}", partner)
    assert reply.status_code == 201, reply.text
    return time.monotonic()


def each(trials: int, folder: Path) -> Iterator[Path]:
    for number in range(trials):
        yield folder / str(number)


@fault("service frozen (SIGSTOP), kill beside it", DENIES, group="client", trials=4)
def frozen(trials: int, folder: Path) -> Finding:
    finding = Finding()
    for place in each(trials, folder):
        with scene(place) as (server, watch):
            server.freeze()
            killed = kill_beside(server)
            watch.until("lease-lapsed")
            finding.took(watch.last_allowed - killed, BOUND, "frozen")
            server.thaw()
            watch.until("partner-revoked")
            finding.expect(watch.last_allowed < killed + BOUND + SLACK, "allowed again after the service went on")
        finding.trials += 1
    return finding


@fault("service frozen and thawed without a kill", RECOVERS, group="client", trials=3, short=0)
def thawed(trials: int, folder: Path) -> Finding:
    finding = Finding()
    for place in each(trials, folder):
        with scene(place) as (server, watch):
            server.freeze()
            began = time.monotonic()
            watch.until("lease-lapsed")
            finding.took(watch.last_allowed - began, LEASE, "frozen")
            server.thaw()
            watch.until("granted")
        finding.trials += 1
    return finding


def _outage(server: Served, watch: Watch, seconds: float, finding: Finding) -> None:
    """Killed, gone for a while, back on the same port: and the gateway's log stays readable."""
    said = CountedLog()
    logging.getLogger("andon.gateway").addHandler(said)
    try:
        server.kill()
        gone = time.monotonic()
        watch.until("lease-lapsed")
        finding.took(watch.last_allowed - gone, LEASE, "outage")
        wait_for(lambda: time.monotonic() > gone + seconds, "the outage is over", seconds + 5)
        finding.expect(watch.last.reason == "lease-lapsed", f"{watch.last} in the middle of an outage")
        threads = watch.gateway.status()["threads"]
        finding.expect(all(threads.values()), f"a thread of the gateway ended: {threads}")
        server.start()
        watch.until("granted")
    finally:
        logging.getLogger("andon.gateway").removeHandler(said)
    at_most = 6 * (1 + seconds // 60)
    finding.expect(said.lines <= at_most, f"{said.lines} log lines in an outage of {seconds:g} s: {said.texts[:5]}")
    finding.note = f"{said.lines} log lines in {seconds:g} s"


class CountedLog(logging.Handler):
    """Counts what would have been written."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines, self.texts = 0, list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += 1
        self.texts.append(record.getMessage())


@fault("service killed -9, back after more than a lease", RECOVERS, group="client", trials=3, alone=True)
def outage(trials: int, folder: Path) -> Finding:
    finding = Finding()
    for place in each(trials, folder):
        with scene(place) as (server, watch):
            _outage(server, watch, 4.0, finding)
        finding.trials += 1
    return finding


@fault("service gone for 60 s", RECOVERS + "; its log stays readable", group="client", trials=1, short=0, alone=True)
def long_outage(trials: int, folder: Path) -> Finding:
    finding = Finding()
    for place in each(trials, folder):
        with scene(place) as (server, watch):
            _outage(server, watch, 60.0, finding)
        finding.trials += 1
    return finding


@fault("service flapping, kill beside it", DENIES, group="client", trials=4)
def flapping(trials: int, folder: Path) -> Finding:
    finding, picks = Finding(), random.Random(5)
    for place in each(trials, folder):
        with scene(place) as (server, watch):
            killed = 0.0
            for turn in range(6):
                server.freeze()
                _let_pass(picks.uniform(0.1, 0.9))
                if turn == 2:
                    killed = kill_beside(server)
                server.thaw()
                _let_pass(picks.uniform(0.0, 0.4))
            watch.until("partner-revoked")
            finding.took(watch.last_allowed - killed, BOUND, "flapping")
        finding.trials += 1
    return finding


def _let_pass(seconds: float) -> None:
    """The fault lasts this long; nothing is waited for."""
    time.sleep(seconds)


@fault("line goes half-open (nothing passes, nothing closes)", DENIES, group="client", trials=3)
def half_open(trials: int, folder: Path) -> Finding:
    finding = Finding()
    for place in each(trials, folder):
        with bad_line(place) as (server, line, watch):
            line.silent = True
            killed = kill_served(server)
            watch.until("lease-lapsed")
            finding.took(watch.last_allowed - killed, BOUND, "half-open")
            line.silent = False
            watch.until("partner-revoked")
        finding.trials += 1
    return finding


@fault(
    "line forgets its connections", "recovers over new ones by itself; then a kill arrives", group="client", trials=3
)
def forgotten(trials: int, folder: Path) -> Finding:
    finding = Finding()
    for place in each(trials, folder):
        with bad_line(place) as (server, line, watch):
            line.forget()
            watch.until("lease-lapsed")
            watch.until("granted")
            killed = kill_served(server)
            watch.until("partner-revoked")
            finding.took(watch.last_allowed - killed, BOUND, "forgotten connections")
        finding.trials += 1
    return finding


@fault("proxy that holds the stream back", "falls back to asking; denies within one bound", group="client", trials=3)
def held_back(trials: int, folder: Path) -> Finding:
    finding = Finding()
    for place in each(trials, folder):
        with served(place) as server, BadLine(server.port) as line:
            line.holds_streams = True
            with watched(line.url, server.api.token("gw", "enforcer"), "gw") as watch:
                status = watch.gateway.status()
                finding.expect(status["connected"] == "polling", f"it says that it is connected: {status['connected']}")
                killed = kill_served(server)
                watch.until("partner-revoked")
                finding.took(watch.last_allowed - killed, BOUND, "held back")
        finding.trials += 1
    return finding


@fault("token revoked", "denies within one bound, says so, and asks no more than it must", group="client", trials=3)
def token_revoked(trials: int, folder: Path) -> Finding:
    finding = Finding()
    for place in each(trials, folder):
        with scene(place) as (server, watch):
            tokens = server.api.call("GET", "/api/v1/tokens").json()["items"]
            (id,) = [token["id"] for token in tokens if token["name"] == "gw"]
            reply = server.api.call("POST", f"/api/v1/tokens/{id}/revocation")
            revoked = time.monotonic()
            finding.expect(reply.status_code in (200, 204), f"answered {reply.status_code} {reply.text}")
            watch.until("lease-lapsed")
            finding.took(watch.last_allowed - revoked, BOUND, "token revoked")
            said = str(watch.gateway.status()["last_error"])
            finding.expect("not accepted" in said, f"status() does not say why: {said}")
        finding.trials += 1
    return finding


@contextmanager
def wall_clock() -> Iterator[list[float]]:
    """The gateway's wall clock; the first number is how far it is off."""
    off, real = [0.0], client._wall_now
    client._wall_now = lambda: real() + off[0]
    try:
        yield off
    finally:
        client._wall_now = real


@fault(
    "wall clock of the gateway jumps",
    "forward: denies at once, then gets a new lease; backward: the lease is not lengthened",
    group="client",
    trials=3,
    alone=True,
)
def wall_jumps(trials: int, folder: Path) -> Finding:
    finding = Finding()
    for place in each(trials, folder):
        with wall_clock() as off, scene(place) as (server, watch):
            server.freeze()  # else the new lease is there before anybody has seen the old one end
            off[0] = 3600
            jumped = time.monotonic()
            watch.until("lease-lapsed")
            finding.expect(
                watch.last_allowed - jumped < SLACK, f"forward: allowed {watch.last_allowed - jumped:.3f} s on"
            )
            server.thaw()
            watch.until("granted")
            server.freeze()
            off[0] = -7200
            killed = kill_beside(server)
            watch.until("lease-lapsed")
            finding.took(watch.last_allowed - killed, BOUND, "backward")
            server.thaw()
            watch.until("partner-revoked")
        finding.trials += 1
    return finding


@fault(
    "gunicorn forks four workers after the start",
    "each worker is an instance with a lease of its own; after a kill none allows",
    group="client",
    trials=2,
)
def prefork(trials: int, folder: Path) -> Finding:
    finding = Finding()
    for place in each(trials, folder):
        with served(place) as server, gunicorn(server, place) as url:
            _prefork(server, url, finding)
        finding.trials += 1
    return finding


def _prefork(server: Served, url: str, finding: Finding) -> None:
    workers: dict[int, dict[str, Any]] = {}

    def all_allow() -> bool:
        found = _ask(url)
        workers[found["pid"]] = found
        return len(workers) == 4 and all(each["allowed"] for each in workers.values())

    wait_for(all_allow, "four workers allow", 30)
    instances = {each["instance"] for each in workers.values()}
    finding.expect(len(instances) == 4, f"four workers are {len(instances)} instances")
    killed, last_allowed, denied = kill_served(server), 0.0, set[int]()
    while time.monotonic() < killed + BOUND + 1 and len(denied) < 4:
        found = _ask(url)
        if found["allowed"]:
            last_allowed = time.monotonic()
        elif found["reason"] == "partner-revoked":
            denied.add(found["pid"])
    finding.expect(len(denied) == 4, f"{len(denied)} of 4 workers know of the kill")
    finding.took(max(0.0, last_allowed - killed), BOUND, "prefork")
    shown = _contained(server)
    (point,) = [each for each in shown["points"] if each["name"] == "gw"]
    # The four, and the process that forked them: it holds a copy too.
    said = (shown["state"], point["state"], point["instances"])
    finding.expect(said == ("contained", "confirmed", 5), f"containment says {said}")


def _ask(url: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(url, headers={"Connection": "close"}, timeout=5).json()
    return found


def _contained(server: Served) -> dict[str, Any]:
    def contained() -> dict[str, Any] | None:
        found = server.api.containment("INC-2026-0001")
        return found if found["state"] == "contained" else None

    return dict(wait_for(contained, "contained", BOUND + 3))


@contextmanager
def gunicorn(server: Served, folder: Path) -> Iterator[str]:
    """Four workers over an application whose gateway was started before they were forked."""
    port = free_port()
    environment = environment_of(
        folder,
        PYTHONPATH=str(ROOT),
        CHAOS_URL=server.url,
        CHAOS_TOKEN=server.api.token("gw", "enforcer"),
        CHAOS_POINT="gw",
        CHAOS_CACHE=str(folder / "cache"),
    )
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "4", "--bind", f"127.0.0.1:{port}"]
    command += ["--no-control-socket", "--worker-tmp-dir", str(folder), "--log-level", "warning"]
    with (folder / "gunicorn.log").open("w") as log:
        master = subprocess.Popen(
            [*command, "tests.chaos.prefork_app:app"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}/"
            wait_for(lambda: _up(url, master, folder), "gunicorn answers", 30)
            yield url
        finally:
            master.terminate()
            try:
                master.wait(timeout=10)
            except subprocess.TimeoutExpired:
                master.kill()
                master.wait()


def _up(url: str, master: subprocess.Popen[bytes], folder: Path) -> bool:
    if master.poll() is not None:
        raise AssertionError((folder / "gunicorn.log").read_text()[-2000:])
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


@fault(
    "two thousand threads ask one gateway",
    "nothing is raised, and none is allowed after the bound of a kill",
    group="client",
    trials=2000,
    short=300,
    alone=True,
)
def many_threads(trials: int, folder: Path) -> Finding:
    finding = Finding()
    old = threading.stack_size(256 * 1024)
    try:
        with scene(folder) as (server, watch):
            end, go = threading.Event(), threading.Event()
            last_allowed = [0.0] * trials
            asked = [0] * trials
            reasons: set[str] = set()

            def ask(number: int) -> None:
                go.wait()
                while not end.wait(0.02):
                    decision = watch.gateway.decide(*QUESTION)
                    if decision.allowed:
                        last_allowed[number] = time.monotonic()
                    reasons.add(decision.reason)
                    asked[number] += 1

            threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(trials)]
            for thread in threads:
                thread.start()
            go.set()
            wait_for(lambda: sum(asked) > trials, "every thread asks", 30)
            killed = kill_served(server)
            watch.until("partner-revoked", 30)
            for _ in range(50):
                _let_pass(0.02)
            end.set()
            for thread in threads:
                thread.join(timeout=30)
            finding.took(max(0.0, max(last_allowed) - killed), BOUND, "threads")
            known = {"granted", "partner-revoked", "lease-lapsed"}
            finding.expect(reasons <= known, f"reasons {sorted(reasons - known)}")
            finding.note = f"{sum(asked)} decisions"
    finally:
        threading.stack_size(old)
    finding.trials = trials
    return finding


# --- the gateway's disk -----------------------------------------------------------------------------------------------


@fault(
    "gateway's copy on disk corrupt, older, or of another ledger",
    "denies until it has a lease on the newest table; what it had acknowledged never comes back",
    group="client",
    trials=12,
    short=4,
)
def disk_copies(trials: int, folder: Path) -> Finding:
    finding, picks = Finding(), random.Random(3)
    with served(folder) as server:
        token, cache = server.api.token("gw", "enforcer"), folder / "cache"
        with watched(server.url, token, "gw", cache_dir=cache) as watch:
            wait_for(lambda: list(cache.glob("copy-*.json")), "a copy is kept")
            kept = {path: path.read_bytes() for path in cache.iterdir() if path.suffix == ".json"}
            kill_served(server)
            watch.until("partner-revoked")
            wait_for(lambda: watch.gateway.status()["acknowledged"] == _revision(server), "the kill is acknowledged")
        (copy_path,) = [path for path in kept if path.name.startswith("copy-")]
        for number in range(trials):
            _spoil(number, copy_path, kept[copy_path], picks)
            server.freeze()
            with watched(server.url, token, "gw", cache_dir=cache, until=None) as watch:
                _let_pass(0.3)
                finding.expect(watch.last_allowed == 0.0, f"spoilt copy {number % 4}: allowed without a lease")
                server.thaw()
                watch.until("partner-revoked")
                finding.expect(watch.last_allowed == 0.0, f"spoilt copy {number % 4}: allowed what a kill took away")
            finding.trials += 1
    return finding


def _spoil(number: int, path: Path, older: bytes, picks: random.Random) -> None:
    match number % 4:
        case 0:
            path.write_bytes(older)
        case 1:
            at = picks.randrange(len(older))
            path.write_bytes(older[:at] + bytes([older[at] ^ 0xFF]) + older[at + 1 :])
        case 2:
            path.write_bytes(older[: picks.randrange(len(older))])
        case _:
            path.write_bytes(json.dumps(json.loads(older) | {"ledger": "0000000000000000"}).encode())


def _revision(server: Served) -> int:
    return int(server.ready().json()["revision"])


@fault(
    "gateway's disk full",
    "acknowledges nothing that it could not write down, says so, denies in time and recovers",
    group="client",
    trials=2,
)
def gateway_disk_full(trials: int, folder: Path) -> Finding:
    finding = Finding()
    for place in each(trials, folder):
        with small_disk(place / "cache") as may:
            if not may:
                return Finding(note="not tried: this user may not mount a file system")
            with scene(place, cache_dir=place / "cache") as (server, watch), filled(place / "cache"):
                killed = kill_served(server)
                watch.until("partner-revoked")
                finding.took(watch.last_allowed - killed, BOUND, "full disk")
                wait_for(lambda: watch.gateway.status()["disk_error"], "status() names the disk")
                acknowledged = watch.gateway.status()["acknowledged"]
                finding.expect(acknowledged < _revision(server), "acknowledged what was not written down")
        finding.trials += 1
    return finding
