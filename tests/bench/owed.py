"""
What is owed to the outside: a tick beside many that wait, and thousands that fall due in the same second.

On a real SQLite ledger, in this process, with its own thread as ``serve`` has it. The far side is a mail server in
another process that takes everything and keeps nothing, or a channel that takes no time, so that what is ours shows.
"""

from __future__ import annotations

import json
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from incidents import events as ev
from incidents.clock import SystemClock, rfc3339
from incidents.connectors import Address, Letter, Receipt
from incidents.connectors.email import Email, mail_server
from incidents.credentials import local_admin
from incidents.escalation import SOURCES, Reminder
from incidents.events import Draft
from incidents.ledger.sqlite import SqliteLedger
from incidents.life import Incident
from incidents.service import Service
from incidents.state import State
from playbooks.rhythm import Pace
from tests.bench.figures import percentile, spread
from tests.bench.ground import append_all, lay, settings_in
from tests.support.servers import free_port, wait_for

LEAD_S = 3.0  # from laying the ground to the moment at which everything is due
DECLARES = 40


class Taken:
    """Takes no time and keeps when each letter left."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.left: list[float] = []
        self._lock = threading.Lock()

    def send(self, letter: Letter, address: Address, leaving: Callable[[], None]) -> Receipt:
        leaving()
        with self._lock:
            self.left.append(time.time())
        return Receipt("taken", letter.id)

    def close(self) -> None:
        """Nothing is open."""


class Timed(Email):
    """A real one; it also keeps when each letter left."""

    left: list[float]

    def send(self, letter: Letter, address: Address, leaving: Callable[[], None]) -> Receipt:
        def left() -> None:
            leaving()
            self.left.append(time.time())

        return super().send(letter, address, left)


def measure(folder: Path, *, due: int, waiting: int) -> dict[str, Any]:
    """All of it."""
    return {
        "due": due,
        "waiting": waiting,
        "tick": [_tick(folder / f"tick-{n}", n) for n in (1_000, waiting)],
        "messages": _messages(folder / "messages", due, lambda service: Taken("email")),
        "mails": _mails(folder / "mails", due),
        "reminders": _reminders(folder / "reminders", due),
    }


def _tick(folder: Path, waiting: int) -> dict[str, Any]:
    """One turn with that many messages that wait for tomorrow, and one of them due."""
    lay_people(folder, waiting)
    tomorrow = SystemClock().now() + timedelta(days=1)
    service = _opened(folder, _owed(waiting, tomorrow))
    room = service.postroom
    room.add(Taken("email"))
    began = time.perf_counter()
    room.load()
    loaded = time.perf_counter() - began
    while room.turn():
        pass
    took = []
    for _ in range(500):
        began = time.perf_counter()
        room.turn()
        took.append((time.perf_counter() - began) * 1e6)
    kept = _timed(lambda: service.desk.keep_state(always=True))
    service.stop()
    return {"waiting": waiting, "turn_us": spread(took), "load_s": round(loaded, 3), "keep_state_s": round(kept, 3)}


def _messages(folder: Path, count: int, channel: Callable[[Service], Any]) -> dict[str, Any]:
    """That many sev1 messages to as many readers, due at one moment: when each left, and when the log knew."""
    lay_people(folder, count)
    at = SystemClock().now() + timedelta(seconds=LEAD_S + count / 2_000)
    service = _opened(folder, _owed(count, at))
    taken = channel(service)
    service.postroom.add(taken)
    began = at.timestamp()
    service.postroom.start()
    declared = kills(service, at)
    wait_for(lambda: not _left(service), f"{count} messages are settled", 120)
    ended = time.time()
    service.stop()
    late = [when - began for when in taken.left]
    return {
        "first_ms": round(min(late) * 1e3, 1),
        "left_s": {
            "p50": round(percentile(late, 50), 3),
            "p99": round(percentile(late, 99), 3),
            "last": round(max(late), 3),
        },
        "settled_s": round(ended - began, 3),
        "per_second": round(count / (max(late) or 1)),
        "kill_ms": declared,
    }


def _mails(folder: Path, count: int) -> dict[str, Any]:
    with _mail_sink() as port:

        def channel(service: Service) -> Timed:
            made = Timed(mail_server(f"smtp://127.0.0.1:{port}"), service.clock)
            made.left = []
            return made

        return _messages(folder, count, channel)


def _reminders(folder: Path, count: int) -> dict[str, Any]:
    """That many open incidents, each with a reminder at the same moment: when the last was in the log as owed."""
    lay_people(folder, count)
    ledger = SqliteLedger.open(settings_in(folder).database_path)
    try:
        append_all(ledger, _incidents(count))
    finally:
        ledger.close()
    at = SystemClock().now() + timedelta(seconds=LEAD_S + count / 1_000)

    def clock(state: State, incident: Incident, pace: Pace) -> list[Reminder]:
        return [Reminder("clock/due", at, f"person:reader-{int(incident.id[-4:]) % 5_000:04d}", "due now")]

    SOURCES.append(clock)
    try:
        service = Service.open(settings_in(folder))
        service.postroom.add(Taken("email"))
        service.postroom.start()
        seq = service.ledger.head().seq
        wait_for(lambda: _told(service, seq) >= count, f"{count} reminders are told", 120)
        told = [e.recorded_at for e in service.ledger.read(after=seq) if "reminds" in e.data]
        service.stop()
    finally:
        SOURCES.remove(clock)
    late = [(when - at).total_seconds() for when in told]
    return {"owed_s": {"p50": round(percentile(late, 50), 3), "last": round(max(late), 3)}}


def _told(service: Service, seq: int) -> int:
    time.sleep(0.05)  # counting is not what is measured
    return sum("reminds" in e.data for e in service.ledger.read(after=seq))


def kills(service: Service, at: datetime) -> dict[str, float]:
    """Declarations in the middle of it."""
    while SystemClock().now() < at:
        time.sleep(0.002)
    took = []
    for _ in range(DECLARES):
        began = time.perf_counter()
        body = {
            "playbook": "break-glass",
            "parameters": {"partner": "partner-0000"},
            "separate": True,
        }
        service.operations.declare(local_admin("bench"), body)
        took.append((time.perf_counter() - began) * 1e3)
    return spread(took)


def _left(service: Service) -> bool:
    with service.desk.read() as state:
        return any(effect.topic.startswith("bench/") for effect in state.outbox.owed.values())


# --- ground -----------------------------------------------------------------------------------------------------------


def lay_people(folder: Path, readers: int, role: str = "viewer") -> None:
    """A ledger whose catalog has people with mail addresses."""
    ground = lay(folder, partners=2, capped=False)
    service = Service.open(ground.settings)
    people = {
        f"reader-{n:04d}": {"email": f"reader-{n}@example.com", "roles": [role]} for n in range(min(readers, 5_000))
    }

    service.operations.apply_catalog(local_admin("bench"), json.dumps({"people": people}), "people.yaml")
    service.stop()


def _opened(folder: Path, drafts: Iterator[Draft]) -> Service:
    ledger = SqliteLedger.open(settings_in(folder).database_path)
    try:
        append_all(ledger, drafts)
    finally:
        ledger.close()
    return Service.open(settings_in(folder))


def _owed(count: int, at: datetime) -> Iterator[Draft]:
    moment, deadline = rfc3339(at), rfc3339(at + timedelta(hours=1))
    for number in range(count):
        fact = ev.MessageOwed(
            id=f"M{number + 1}",
            to=f"person:reader-{number % 5_000:04d}",
            channels=["email"],
            template="reminders",
            lane="sev1",
            table="live",
            topic=f"bench/{number}",
            not_before=moment,
            deadline=deadline,
        )
        yield Draft(fact, text={"words": f"number {number}"})


def _incidents(count: int) -> Iterator[Draft]:
    for number in range(1, count + 1):
        id = f"INC-2020-{number:04d}"
        fact = ev.IncidentDeclared(
            incident=id,
            incident_kind="real",
            severity="sev4",
            playbook="break-glass",
            playbook_title="Break glass",
            playbook_version=1,
            playbook_digest="0" * 64,
            parameters={},
        )
        yield Draft(fact, incident=id, text={"title": "open", "summary": ""})
        yield Draft(ev.IncidentAcknowledged(), incident=id)


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


@contextmanager
def _mail_sink() -> Iterator[int]:
    """A mail server in a process of its own."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=_sink, args=(port,), daemon=True)
    process.start()
    try:
        wait_for(lambda: _listens(port), "the mail server listens", 20)
        yield port
    finally:
        process.terminate()
        process.join()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _sink(port: int) -> None:
    """In its own process."""
    import asyncio

    from aiosmtpd.controller import Controller

    class Sink:
        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
            return "250 taken"

    Controller(Sink(), hostname="127.0.0.1", port=port).start()
    asyncio.new_event_loop().run_forever()
