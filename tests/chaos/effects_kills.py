"""
Kill -9 between claim, sending and outcome: nobody is told twice by one channel, and no order is lost.

Each life is a process with a real ledger file and a real mail server on the other side, which keeps count of what it
took. A life is killed at a point of the runner or of the ledger, or by the server itself once it has the text and
before it says so; others follow until one lives to the end.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from incidents.decisions import Decided
from incidents.decisions.owing import Owing
from incidents.events import SYSTEM, Event
from incidents.ledger.sqlite import SqliteLedger
from incidents.ledger.verify import verify
from incidents.outbox import Lane
from incidents.recipients import About
from incidents.testing import workshop
from tests.chaos import effects_child
from tests.chaos.effects_child import Life
from tests.chaos.findings import Finding, fault
from tests.support.mail import MailServer, mail_server

RUNNER = ("before-claim", "claimed", "before-leaving", "leaving", "sent", "before-outcome", "outcome")
LEDGER = ("before-begin", "after-begin", "after-insert", "before-commit", "after-commit")
SERVER = "server has the text"
POINTS = (*RUNNER, *LEDGER, SERVER)
MOST_PASSES = dict.fromkeys(RUNNER, 4) | dict.fromkeys(LEDGER, 14) | {"after-insert": 2, SERVER: 3}
TWO_CHANNELS = {"person:ada": "ada@example.com", "person:grace": "grace@example.com"}
MAIL_ONLY = {"person:linus": "linus@example.com", "partner:acme": "security@acme.example"}


@cache
def _context() -> ForkServerContext:
    """Lives are forked from a process that has nothing but the code: no thread, no server, no open ledger."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.effects_child"])
    return context


@dataclass
class Trial:
    """One ledger with messages and an order on it, and what arrived outside."""

    folder: Path
    server: MailServer
    ids: dict[str, str] = field(default_factory=dict)
    order: str = ""
    died_at: list[str] = field(default_factory=list)

    @property
    def ledger(self) -> Path:
        return self.folder / "andon.db"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox.txt"

    def owe(self) -> None:
        """Four readers, two of whom can be reached by another channel too, and an order to a machine."""
        ledger = SqliteLedger.create(self.ledger)
        shop = workshop(ledger=ledger)

        def decide(state: Any, now: Any) -> Decided:
            owing, on = Owing(state, SYSTEM, now), About("", "real", "sev1")
            for to in TWO_CHANNELS:
                self.ids[to] = owing.tell(to, "reminders", on, "t", words=to, channels=["email", "slack"]) or ""
            for to in MAIL_ONLY:
                self.ids[to] = owing.tell(to, "reminders", on, "t", words=to, channels=["email"]) or ""
            more: dict[str, Any] = {"channels": ["mlflow"], "lane": Lane.CONTAINMENT, "order": {"call": "x"}}
            self.order = owing.order("connector:mlflow", on, "o", **more)
            return Decided(owing.drafts)

        # Their time counts by the real clock, which the lives have.
        shop.clock.advance((effects_child.SystemClock().now() - shop.clock.now()).total_seconds())
        shop.service.desk.submit(decide, actor=SYSTEM)
        shop.service.stop()

    def life(self, point: str, passes: int) -> int:
        """Until it ends or is killed; its exit code, -9 where it was."""
        at_server = point == SERVER
        life = Life(self.ledger, self.server.port, self.outbox, "" if at_server else point, passes)
        process = _context().Process(target=effects_child.live, args=(life,))
        left = [passes]

        def server_kills() -> None:
            left[0] -= 1
            if left[0] == 0 and process.pid is not None:
                os.kill(process.pid, signal.SIGKILL)

        self.server.before_answer = server_kills if at_server else lambda: None
        process.start()
        code = _code(process)
        if code == -signal.SIGKILL:
            self.died_at.append(point)
        return code

    def told(self) -> dict[str, Counter[str]]:
        """By reader: how often by which channel; ``again?`` where the text said that it may be a repeat."""
        found: dict[str, Counter[str]] = {}
        by_mail = {address: to for to, address in (TWO_CHANNELS | MAIL_ONLY).items()}
        for address in self.server.to:
            found.setdefault(by_mail[address], Counter())["email"] += 1
        by_id = {id: to for to, id in self.ids.items()} | {self.order: "order"}
        for line in self.outbox.read_text().splitlines() if self.outbox.exists() else ():
            channel, id, key, _, again = line.split("\t")
            reader = found.setdefault(by_id[id], Counter())
            reader[channel] += 1
            reader[f"key {key}"] += 1
            reader["again?"] += bool(again)
        return found


def _code(process: BaseProcess) -> int:
    process.join(effects_child.SECONDS + 10)
    if process.exitcode is None:
        process.kill()
        process.join()
        return 7
    return process.exitcode


@contextmanager
def trial(folder: Path, base: Path, server: MailServer, ids: Trial) -> Iterator[Trial]:
    made = Trial(folder, server, dict(ids.ids), ids.order)
    folder.mkdir()
    shutil.copy(base, made.ledger)
    server.taken.clear()
    try:
        yield made
    finally:
        shutil.rmtree(folder)


def examine(one: Trial, finding: Finding, what: str) -> None:
    """Nothing owed is left, nobody was told twice, nothing is claimed that did not happen."""
    ledger = SqliteLedger.open(one.ledger)
    try:
        events = ledger.read()
        finding.expect(verify(events, ledger=ledger.id).ok, f"{what}: the chain is broken")
        finding.expect(ledger.claims() == [], f"{what}: claims are left: {ledger.claims()}")
    finally:
        ledger.close()
    told = one.told()
    for to, id in one.ids.items():
        seen, end = told.get(to, Counter()), _end(events, id)
        finding.expect(seen["email"] <= 1, f"{what}: {to} got {seen['email']} mails")
        finding.expect(seen["slack"] <= 1, f"{what}: {to} was told {seen['slack']} times by the second channel")
        finding.expect(end is not None, f"{what}: {to} was lost, it is neither sent nor a dead letter")
        if end == "sent":
            finding.expect(seen["email"] + seen["slack"] >= 1, f"{what}: {to} is called sent and got nothing")
        if seen["email"] and seen["slack"]:
            finding.expect(seen["again?"] == seen["slack"], f"{what}: {to} was told again without a word of it")
        if to in TWO_CHANNELS and end == "unknown":  # it died in the middle of both
            doubted = [
                e.data["channel"] for e in events if e.data.get("id") == id and e.data.get("outcome") == "unknown"
            ]
            finding.expect(doubted == ["email", "slack"], f"{what}: {to} was given up after {doubted}")
        finding.expect(end in ("sent", "unknown"), f"{what}: {to} is {end}")
    order = told.get("order", Counter())
    keys = [name for name in order if name.startswith("key ")]
    finding.expect(order["mlflow"] >= 1, f"{what}: the order was lost")
    finding.expect(len(keys) == 1, f"{what}: the order went out under {len(keys)} keys")
    finding.expect(_end(events, one.order) == "confirmed", f"{what}: the order is {_end(events, one.order)}")


def _end(events: list[Event], id: str) -> str | None:
    settled = [e.data["outcome"] for e in events if e.kind.endswith(":settled") and e.data.get("id") == id]
    return settled[-1] if settled else None


@fault(
    "kill -9 between claim, sending and outcome",
    "no reader is told twice by one channel or again without being told so, no order is lost, nothing is called sent"
    " that was not",
    group="effects",
    trials=300,
    short=26,
    alone=True,
)
def kills_while_sending(trials: int, folder: Path) -> Finding:
    finding, picks = Finding(), random.Random(20261124)
    reached: Counter[str] = Counter()
    again = 0
    (folder / "base").mkdir()
    with mail_server() as server:
        base = Trial(folder / "base", server)
        base.owe()
        for number in range(trials):
            with trial(folder / f"t{number}", base.ledger, server, base) as one:
                point = POINTS[number % len(POINTS)]
                what = f"trial {number}, killed at {point}"
                one.life(point, picks.randint(1, MOST_PASSES[point]))
                for _ in range(picks.choice((0, 0, 1, 2))):  # and the one after it
                    point = picks.choice(POINTS)
                    one.life(point, picks.randint(1, MOST_PASSES[point]))
                ended = one.life("", 1)
                finding.expect(ended == 0, f"{what}: the last life ended with {ended}")
                examine(one, finding, f"{what} ({', '.join(one.died_at)})")
                reached.update(one.died_at)
                again += sum(seen["again?"] for seen in one.told().values())
                finding.trials += 1
    finding.note = ", ".join(f"{point} {reached[point]}" for point in POINTS) + f"; told again, saying so: {again}"
    if trials >= len(POINTS):
        finding.expect(all(reached[point] for point in POINTS), f"a point was never reached: {dict(reached)}")
    return finding
